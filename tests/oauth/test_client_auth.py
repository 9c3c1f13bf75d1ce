"""Clients that prove themselves by a secret, and what all ways have in common."""

import asyncio
import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doorward.core.client import SECRET_METHODS
from doorward.core.errors import Why
from doorward.crypto.digest import Peppers
from doorward.oauth.client_auth import MOST
from tests.methods.place import NOW, PASSWORD, request
from tests.oauth.client_desk import ClientDesk, a_client_desk, refusal


@pytest.mark.rfc("6749", "2.3.1")
async def test_a_secret_is_taken_in_the_header_and_in_the_body(desk: ClientDesk) -> None:
    id, secret = await desk.with_secret()
    for client in (await desk.basic(id, secret), await desk.post(id, secret)):
        assert (client.id, client.name, client.auth) == (id, "till", SECRET_METHODS)
    assert (await desk.auth.authenticate({"client_id": id}, request([_basic(f"{id}:{secret}")]))).id == id, "the same id beside it"


@pytest.mark.parametrize(("auth", "other"), [("client_secret_basic", "post"), ("client_secret_post", "basic")])
async def test_who_chose_one_way_is_not_let_in_by_the_other(desk: ClientDesk, auth: str, other: str) -> None:
    id, secret = await desk.with_secret(auth=auth)
    assert (await getattr(desk, auth.removeprefix("client_secret_"))(id, secret)).id == id
    assert (await refusal(getattr(desk, other)(id, secret))).code == "invalid_client"


@pytest.mark.rfc("6749", "2.3")
async def test_two_ways_at_once_are_refused(desk: ClientDesk) -> None:
    id, secret = await desk.with_secret()
    right, other = _basic(f"{id}:{secret}"), (await desk.with_secret())[0]
    forms: list[dict[str, str]] = [
        {"client_secret": secret, "client_id": id},
        {"client_secret": secret},
        {"client_assertion": "a.b.c"},
        {"client_assertion_type": "x"},
        {"client_id": other},
    ]
    for form in forms:
        assert (await refusal(desk.auth.authenticate(form, request([right])))).code == "invalid_request", form
    both = {"client_id": id, "client_secret": secret, "client_assertion": "a.b.c"}
    assert (await refusal(desk.auth.authenticate(both, request()))).code == "invalid_request"
    assert (await refusal(desk.auth.authenticate({}, request([right, right])))).code == "invalid_request"


@pytest.mark.rfc("6749", "5.2")
async def test_whoever_is_refused_is_told_of_basic_and_of_nothing_else(desk: ClientDesk) -> None:
    id, secret = await desk.with_secret()
    unknown, wrong = await refusal(desk.basic("0" * 16, secret)), await refusal(desk.basic(id, "x" * 43))
    assert (unknown.description, unknown.fields, unknown.status) == (wrong.description, wrong.fields, wrong.status)
    assert wrong.fields[0][0] == b"www-authenticate"
    assert wrong.fields[0][1].startswith(b"Basic ")
    assert secret not in f"{unknown.description}{unknown.note}{wrong!r}"


async def test_an_unknown_client_costs_what_a_wrong_secret_costs(desk: ClientDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    id, secret = await desk.with_secret()
    keyed = (await desk.client(auth="tls_client_auth", tls_subject=("tls_client_auth_san_dns", "a.example"))).client.id
    gone = (await desk.with_secret())[0]
    await desk.end(gone)
    await desk.place.account("ada")
    await desk.basic(id, secret)
    work: list[str] = []
    store, peppers = desk.place.store, desk.place.peppers
    for owner, name in ((store.accounts, "find"), (store.credentials, "find"), (peppers, "mac")):
        _counted(monkeypatch, owner, name, work)
    costs = []
    for shown in ("0" * 16, id, keyed, gone, "ada"):
        work.clear()
        await refusal(desk.post(shown, "x" * 43))
        costs.append(list(work))
    assert all(cost == costs[0] for cost in costs), costs
    assert costs[0] == ["find", "find", "mac", "find", "mac"]


async def test_a_right_secret_costs_two_reads_and_then_none(desk: ClientDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    id, secret = await desk.with_secret()
    work: list[str] = []
    store, peppers = desk.place.store, desk.place.peppers
    for owner, name in ((store.accounts, "find"), (store.credentials, "find"), (peppers, "mac")):
        _counted(monkeypatch, owner, name, work)
    await desk.basic(id, secret)
    assert work == ["find", "find", "mac"]
    await desk.basic(id, secret)
    assert work == ["find", "find", "mac"], "nothing has changed since"
    await desk.place.account("ada")
    await desk.basic(id, secret)
    assert work == ["find", "find", "mac"] * 2, "something was committed since"
    desk.place.now += 3
    await desk.basic(id, secret)
    assert work == ["find", "find", "mac"] * 3, "remembered for two seconds"


async def test_the_old_secret_works_through_the_overlap_and_not_a_second_longer(desk: ClientDesk) -> None:
    id, old = await desk.with_secret()
    new = (await desk.rotate(id, 60)).secret.reveal()
    desk.place.now = NOW + 59.9
    assert (await desk.basic(id, old)).id == (await desk.basic(id, new)).id == id
    desk.place.now = NOW + 60
    assert (await refusal(desk.basic(id, old))).why is Why.EXPIRED, "though it was remembered"
    assert (await desk.basic(id, new)).id == id


async def test_a_leaked_secret_ends_at_once(desk: ClientDesk) -> None:
    id, old = await desk.with_secret()
    await desk.basic(id, old)
    new = await desk.rotate(id, 0)
    assert new.old_ends_at is None
    assert (await refusal(desk.basic(id, old))).why is Why.REVOKED
    assert (await desk.basic(id, new.secret.reveal())).id == id


async def test_the_third_secret_ends_the_first(desk: ClientDesk) -> None:
    id, first = await desk.with_secret()
    second = (await desk.rotate(id)).secret.reveal()
    third = (await desk.rotate(id)).secret.reveal()
    assert (await refusal(desk.basic(id, first))).code == "invalid_client"
    assert [(await desk.basic(id, each)).id for each in (second, third)] == [id, id]


async def test_a_removed_client_is_refused_at_once(desk: ClientDesk) -> None:
    id, secret = await desk.with_secret()
    await desk.basic(id, secret)
    await desk.end(id)
    assert (await refusal(desk.basic(id, secret))).why is Why.REVOKED


async def test_a_client_that_is_removed_by_another_process_is_refused_at_once(desk: ClientDesk, tmp_path: Path) -> None:
    id, secret = await desk.with_secret()
    await desk.basic(id, secret)
    async with a_client_desk(tmp_path) as other:
        await other.end(id)
    assert (await refusal(desk.basic(id, secret))).why is Why.REVOKED


async def test_secrets_work_on_after_the_pepper_was_rotated(desk: ClientDesk) -> None:
    id, old = await desk.with_secret()
    place = desk.place
    place.peppers.adopt({"p2": bytes(range(9, 41)), "p1": bytes(range(32))}, "p2")
    assert (await desk.basic(id, old)).id == id
    new = (await desk.rotate(id)).secret.reveal()
    fresh = ClientDesk(replace(place, peppers=Peppers({"p2": bytes(range(9, 41)), "p1": bytes(range(32))}, "p2")))
    assert [(await fresh.basic(id, each)).id for each in (old, new)] == [id, id]


@pytest.mark.parametrize(
    "secret",
    ["", " ", "x", "\x00", "a\x00b", "ä", "\ud800", "💥", "x" * 1024, "x" * 1025, "x" * 1_000_000, "%", "%zz", "%00", "a+b", "a:b", "'--"],
)
async def test_what_is_no_secret_of_this_client_is_refused_and_nothing_more(desk: ClientDesk, secret: str) -> None:
    id, right = await desk.with_secret()
    assert (await refusal(desk.post(id, secret))).code == "invalid_client"
    if len(secret) < 2000 and not secret.startswith("\ud800"):
        assert (await refusal(desk.basic(id, secret))).code == "invalid_client"
    for near in (right[:-1], right + "x", right.swapcase(), right + "\x00", " " + right):
        assert (await refusal(desk.post(id, near))).code == "invalid_client"


@pytest.mark.parametrize("id", ["", " ", "\x00", "ä", "\ud800", "x" * 513, "x" * 100_000, "a~1", "../..", "' OR 1=1", "%00"])
async def test_what_is_no_client_is_refused_and_nothing_more(desk: ClientDesk, id: str) -> None:
    assert (await refusal(desk.post(id, "x" * 43))).code == "invalid_client"
    assert (await refusal(desk.form(client_id=id))).code == "invalid_client"


async def test_another_clients_secret_a_persons_password_and_a_service_are_refused(desk: ClientDesk) -> None:
    (one, _), (_, secret) = await desk.with_secret(), await desk.with_secret()
    await desk.place.account("ada")
    service = await desk.place.service("bot")
    for id, text in ((one, secret), ("ada", PASSWORD.reveal()), ("bot", service.secret.reveal()), (service.id, service.secret.reveal())):
        assert (await refusal(desk.post(id, text))).code == "invalid_client"


async def test_a_client_without_a_secret_is_not_let_in_by_one(desk: ClientDesk) -> None:
    new = await desk.client(auth="tls_client_auth", tls_subject=("tls_client_auth_san_dns", "till.example"))
    assert new.secret is None
    for text in ("", "0", "None", "\x00" * 32):
        assert (await refusal(desk.post(new.client.id, text))).code == "invalid_client"
    assert (await refusal(desk.form(client_id=new.client.id))).why is Why.MISSING


async def test_a_client_with_a_secret_proves_nothing_by_its_id_alone(desk: ClientDesk) -> None:
    id, _ = await desk.with_secret()
    assert (await refusal(desk.form(client_id=id))).code == "invalid_client"
    assert (await refusal(desk.shown(id, b"certificate"))).code == "invalid_client"
    assert (await refusal(desk.form())).code == "invalid_client"


async def test_the_memory_of_proven_secrets_is_bounded(desk: ClientDesk) -> None:
    id, secret = await desk.with_secret()
    for number in range(50):
        await refusal(desk.post(id, f"wrong{number}"))
    assert len(desk.auth._known) == 0, "nothing wrong is remembered"
    await desk.basic(id, secret)
    known = next(iter(desk.auth._known.values()))
    for number in range(MOST + 10):
        desk.auth._remember(number.to_bytes(4, "big"), known)
    assert len(desk.auth._known) == MOST
    assert secret not in repr(desk.auth._known)


async def test_a_revocation_beside_many_tries_lets_nobody_in_after_it(desk: ClientDesk) -> None:
    id, secret = await desk.with_secret()
    ended = False
    late: list[str] = []

    async def keep_trying() -> None:
        for _ in range(50):
            before = ended
            try:
                await desk.basic(id, secret)
                late.extend(["let in"] if before else [])
            except Exception as reason:  # noqa: BLE001 - counted below
                assert getattr(reason, "code", "") == "invalid_client"
            await asyncio.sleep(0)

    async def stop() -> None:
        nonlocal ended
        await asyncio.sleep(0.01)
        await desk.end(id)
        ended = True

    await asyncio.gather(stop(), *(keep_trying() for _ in range(8)))
    assert not late


def _basic(pair: str) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(pair.encode()).decode()


def _counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, work: list[str]) -> None:
    real = getattr(owner, name)

    def counted(*words: Any) -> Any:
        work.append(name)
        return real(*words)

    monkeypatch.setattr(owner, name, counted)
