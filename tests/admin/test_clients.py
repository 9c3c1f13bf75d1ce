"""Clients as an operator makes, changes and ends them; two secrets live at once, never three."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from doorward.admin import accounts, clients
from doorward.admin.actor import LOCAL, Actor
from doorward.admin.client_metadata import ClientOrder
from doorward.admin.keys import KeyOrder
from doorward.admin.mistake import Mistake, NotAllowed, NotThere, Taken
from doorward.core.client import SECRET, Client, secret_lookup
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.event import Kind, Topic
from doorward.core.revoked import Revoked
from doorward.core.secret import Secret
from doorward.oauth.errors import OAuthError
from tests.methods.place import NOW, ROUTE, basic, request
from tests.oauth.client_desk import ClientDesk, KeyPair, a_client_desk, refusal

KEYS = {"keys": [KeyPair().public]}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[ClientDesk]:
    async with a_client_desk(tmp_path) as made:
        yield made


async def living(desk: ClientDesk, id: str) -> list[Credential]:
    """All secrets that work now, not only those that a client knows of."""
    found = await desk.place.store.credentials.list(method=SECRET, owner=id, most=1000)
    return [each for each in found if each.revoked_at is None and (each.expires_at is None or each.expires_at > desk.place.now)]


async def change(desk: ClientDesk, id: str, actor: Actor = LOCAL, **changes: Any) -> Client:
    return await clients.change(id, changes, store=desk.place.store, actor=actor, now=desk.place.now)


async def test_a_client_is_made_with_its_secret_in_one_event_that_tells_nothing_of_it(desk: ClientDesk) -> None:
    new = await desk.client("The till", audiences=("https://api.example",), access_life=300.0)
    assert new.secret is not None
    assert len(new.secret.reveal()) == 43
    assert (len(new.client.id), new.client.id.isalnum()) == (16, True)
    assert await clients.show(new.client.id, store=desk.place.store) == new.client
    assert (new.client.audiences, new.client.access_life, new.client.token) == (("https://api.example",), 300.0, "jwt")
    (entry,) = await desk.place.store.journal.last(9)
    assert (entry.event.kind, entry.event.subject, entry.event.data["client_name"]) == (Kind.CLIENT_CREATED, new.client.id, "The till")
    assert new.secret.reveal() not in repr((entry, new, await living(desk, new.client.id)))


async def test_two_clients_may_have_one_name_and_never_one_id(desk: ClientDesk) -> None:
    made = [await desk.client("till") for _ in range(20)]
    assert len({new.client.id for new in made}) == 20
    assert {client.name for client in await clients.every(store=desk.place.store)} == {"till"}
    await desk.place.account("ada")
    assert len(await clients.every(store=desk.place.store)) == 20, "people are no clients"
    for name in ("ada", "nobody", "", "\x00"):
        with pytest.raises(NotThere):
            await clients.show(name, store=desk.place.store)


async def test_nobody_gives_a_client_what_he_may_not_give(desk: ClientDesk) -> None:
    keeper = Actor("keeper", frozenset({"read:pets"}))
    for scope in ("write:pets", "admin:keys"):
        with pytest.raises(NotAllowed):
            await clients.create(
                ClientOrder(name="x", scopes=frozenset({scope})), store=desk.place.store, maker=desk.maker, actor=keeper, now=NOW
            )
        with pytest.raises(NotAllowed):
            await change(desk, (await desk.client()).client.id, keeper, scopes=frozenset({"read:pets", scope}))


async def test_a_third_secret_ends_the_first_and_each_rotation_is_told(desk: ClientDesk) -> None:
    id = (await desk.client()).client.id
    first = await desk.rotate(id, 60)
    assert first.old_ends_at == NOW + 60
    assert [each.lookup for each in await living(desk, id)] == [secret_lookup(id, 1), secret_lookup(id, 2)]
    await desk.rotate(id)
    assert [each.lookup for each in await living(desk, id)] == [secret_lookup(id, 2), secret_lookup(id, 3)]
    client = await clients.show(id, store=desk.place.store)
    assert [each.lookup for each in await clients.secrets(client, store=desk.place.store, now=NOW)] == [
        secret_lookup(id, 3), secret_lookup(id, 2)
    ]  # fmt: skip
    kinds = [entry.event.kind for entry in await desk.place.store.journal.last(9)]
    assert kinds == [Kind.CLIENT_CREATED, Kind.CLIENT_SECRET_ROTATED, Kind.CLIENT_SECRET_ROTATED]
    told = {(each.topic, each.id) for each in await desk.place.store.changes.since(0)}
    assert told == {(Topic.CREDENTIAL, secret_lookup(id, 1)), (Topic.CREDENTIAL, secret_lookup(id, 2))}, "no token has ended"


async def test_an_overlap_does_not_lengthen_a_life(desk: ClientDesk) -> None:
    id = (await desk.client()).client.id
    await desk.rotate(id, 60)
    desk.place.now += 30
    assert (await desk.rotate(id, 10)).old_ends_at == NOW + 40
    assert [each.expires_at for each in await living(desk, id)] == [NOW + 40, None]
    for overlap in (-1.0, clients.LONGEST_OVERLAP + 1, float("nan")):
        with pytest.raises(Mistake):
            await desk.rotate(id, overlap)


async def test_rotated_by_many_tasks_at_once_there_are_two(desk: ClientDesk) -> None:
    id = (await desk.client()).client.id
    told = await asyncio.gather(*(desk.rotate(id) for _ in range(30)))
    assert sorted(each.client.secrets for each in told) == list(range(2, 32))
    assert len(await living(desk, id)) == 2
    by_number = {each.client.secrets: each.secret.reveal() for each in told}
    assert [(await desk.basic(id, by_number[number])).id for number in (30, 31)] == [id, id]
    for number in range(2, 30):
        assert (await refusal(desk.basic(id, by_number[number]))).code == "invalid_client"


async def test_rotated_by_several_processes_at_once_there_are_two(desk: ClientDesk, tmp_path: Path) -> None:
    id = (await desk.client()).client.id
    workers = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.admin.rotation_worker", str(tmp_path), "10"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"ready\n"
    told = await asyncio.gather(*(worker.communicate(id.encode() + b"\n") for worker in workers))
    made = dict(line.split() for out, _ in told for line in out.decode().splitlines())
    assert sorted(map(int, made)) == list(range(2, 32)), "each got a number of its own"
    assert len(await living(desk, id)) == 2
    let_in = []
    for number, secret in made.items():
        try:
            await desk.basic(id, secret)
        except OAuthError:
            continue
        let_in.append(int(number))
    assert sorted(let_in) == [30, 31]


async def test_what_has_no_secret_or_has_ended_is_not_rotated(desk: ClientDesk) -> None:
    keyed = (await desk.client(auth="private_key_jwt", jwks=KEYS)).client
    with pytest.raises(Mistake, match="private_key_jwt"):
        await desk.rotate(keyed.id)
    gone = (await desk.client()).client
    await desk.end(gone.id)
    await desk.place.account("ada")
    for id in (gone.id, "ada", "nobody"):
        with pytest.raises(NotThere):
            await desk.rotate(id)
    with pytest.raises(NotThere):
        await change(desk, gone.id, name="x")


async def test_a_change_leaves_the_rest_as_it_was(desk: ClientDesk) -> None:
    client = (await desk.client(auth="private_key_jwt", jwks=KEYS, audiences=("https://a.example",), dpop_bound=True)).client
    changed = await change(desk, client.id, name="Cash desk", scopes=frozenset({"a", "b"}), token="opaque")
    assert (changed.name, changed.scopes, changed.token) == ("Cash desk", frozenset({"a", "b"}), "opaque")
    assert (changed.jwks, changed.audiences, changed.dpop_bound, changed.auth) == (KEYS, ("https://a.example",), True, client.auth)
    account = await desk.place.store.accounts.find(client.id)
    assert account is not None
    assert account.scopes == {"a", "b"}, "what it may do today bounds what it is given"
    with pytest.raises(Mistake):
        await change(desk, client.id, jwks={"keys": []})


async def test_a_key_that_is_registered_no_more_proves_nothing(desk: ClientDesk) -> None:
    old, new = KeyPair(kid="old"), KeyPair(kid="new")
    client = await desk.with_key(old)
    assert (await desk.assertion(old.sign(desk.claims(client)))).id == client.id
    await change(desk, client.id, jwks={"keys": [new.public]})
    assert (await refusal(desk.assertion(old.sign(desk.claims(client))))).code == "invalid_client"
    assert (await desk.assertion(new.sign(desk.claims(client)))).id == client.id


async def test_of_two_changes_at_once_none_is_lost_in_silence(desk: ClientDesk) -> None:
    id = (await desk.client()).client.id
    told = await asyncio.gather(*(change(desk, id, name=f"n{number}") for number in range(10)), return_exceptions=True)
    assert {type(each) for each in told} <= {Client, Taken}
    assert any(isinstance(each, Client) for each in told)


async def test_an_end_is_told_for_its_own_tokens_and_for_those_of_people(desk: ClientDesk) -> None:
    id = (await desk.client()).client.id
    desk.place.now += 5
    assert (await desk.end(id)).ended_at == NOW + 5
    assert (await desk.end(id)).ended_at == NOW + 5, "again is harmless"
    revoked = Revoked()
    for each in await desk.place.store.changes.since(0):
        revoked.apply(each)
    assert revoked.any_of("jti", None, id, id, NOW, 0), "a token of its own"
    assert revoked.any_of("jti", None, "ada", id, NOW, 0), "a token that ada let it have"
    assert not revoked.any_of("jti", None, "ada", "another", NOW, 0)
    kinds = [entry.event.kind for entry in await desk.place.store.journal.last(9)]
    assert kinds == [Kind.CLIENT_CREATED, Kind.CLIENT_ENDED]


async def test_an_end_by_the_name_of_an_account_is_the_same(desk: ClientDesk) -> None:
    id = (await desk.client()).client.id
    await accounts.end(id, store=desk.place.store, actor=LOCAL, now=NOW)
    assert {each.topic for each in await desk.place.store.changes.since(0)} == {Topic.SUBJECT, Topic.CLIENT}


async def test_a_client_is_not_changed_as_a_person_is(desk: ClientDesk) -> None:
    id, secret = await desk.with_secret()
    with pytest.raises(Mistake, match="is a client"):
        await accounts.change(id, store=desk.place.store, actor=LOCAL, now=NOW, scopes=frozenset({"admin:keys"}))
    with pytest.raises(Mistake, match="is a client"):
        await accounts.change_password(
            id, Secret("hunter2hunter2"), store=desk.place.store, maker=desk.place.password_maker, actor=LOCAL, now=NOW
        )
    with pytest.raises(Refused):
        await desk.place.basic().prove(_shown(desk, id, secret))


async def test_a_key_may_belong_to_a_client_and_dies_with_it(desk: ClientDesk) -> None:
    id = (await desk.client()).client.id
    key = await desk.place.key(KeyOrder(name="till", owner=id, scopes=frozenset({"read:pets"})))
    method = desk.place.api_key()
    headers = [("X-API-Key", key.key.reveal())]
    shown = method.find(request(headers), ROUTE)
    assert shown is not None
    proof = await method.prove(shown)
    assert (proof.subject, proof.owner_kind) == (id, "client")
    await desk.end(id)
    with pytest.raises(Refused) as caught:
        await method.prove(shown)
    assert caught.value.why is Why.REVOKED


def _shown(desk: ClientDesk, id: str, secret: str) -> Any:
    found = desk.place.basic().find(request([basic(id, secret)]), ROUTE)
    assert found is not None
    return found
