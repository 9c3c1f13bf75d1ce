import asyncio
import multiprocessing
import os
from pathlib import Path

import pytest

from doorward.admin import accounts, webhooks
from doorward.admin.actor import LOCAL
from doorward.admin.keys import KeyOrder
from doorward.admin.mistake import Mistake
from doorward.admin.webhooks import SenderOrder
from doorward.core.errors import Refused, Why
from doorward.core.gate import Gate, GateOptions
from doorward.core.policy import By, parse
from doorward.core.proof import Proof
from doorward.core.request import Body, Request
from doorward.core.route import Route, Routes
from doorward.core.secret import Secret
from doorward.core.store import Unavailable
from doorward.crypto.seal import Sealer
from doorward.methods.webhook import ID, Webhook, WebhookOptions
from doorward.stores.sqlite import SqliteStore
from doorward.webhooks import FORM_NAMES, new_secret, sign
from tests.methods.place import NOW, Place, a_place, request

ROUTE = Route(path="/**", allow=By("webhook"), webhook="orders")
BODY = b'{"order": 1}'


async def body() -> bytes:
    return BODY


def method(place: Place, options: WebhookOptions | None = None) -> Webhook:
    return Webhook(credentials=place.store.credentials, sealer=place.sealer, clock=place.clock, options=options)


async def sender(place: Place, form: str = "standard", secret: Secret | None = None, **words: object) -> Secret:
    secret = secret or new_secret(form)
    order = SenderOrder(**{"name": "orders", "form": form, "owner": "shop", **words})  # type: ignore[arg-type]
    await webhooks.add(order, secret, store=place.store, sealer=place.sealer, entropy=os.urandom, actor=LOCAL, now=place.now)
    return secret


def sent(place: Place, secret: Secret, form: str = "standard", content: Body | None = body, **words: object) -> Request:
    fields = sign(form, BODY, secret, clock=place.clock, **words)  # type: ignore[arg-type]
    return request(fields.items(), method="POST", body=content, has_body=True)


async def prove(its: Webhook, asked: Request) -> Proof:
    shown = its.find(asked, ROUTE)
    assert shown is not None
    return await its.prove(shown)


async def refusal(its: Webhook, asked: Request) -> Refused:
    with pytest.raises(Refused) as caught:
        await prove(its, asked)
    return caught.value


def gate(place: Place, its: Webhook, route: Route = ROUTE, *others: object) -> Gate:
    return Gate([its, *others], Routes([route]), place.store.once, place.store.meter, place.clock, GateOptions())  # type: ignore[list-item]


@pytest.mark.parametrize("form", FORM_NAMES)
async def test_each_form_proves_its_owner_and_its_secret_is_sealed(place: Place, form: str) -> None:
    secret = await sender(place, form, scopes=frozenset({"write:orders"}))
    proof = await prove(method(place), sent(place, secret, form))
    stored = await webhooks.show("orders", store=place.store)
    assert (proof.subject, proof.credential_id, proof.scopes) == ("shop", stored.id, frozenset({"write:orders"}))
    assert secret.reveal().encode() not in stored.verifier


async def test_another_form_another_sender_and_no_sender_are_one_answer(place: Place) -> None:
    secret, its = await sender(place, "github"), method(place)
    as_stripe = await refusal(its, sent(place, secret, "stripe"))
    nobody = its.find(sent(place, secret, "github"), Route(path="/**", allow=By("webhook"), webhook="nobody"))
    assert nobody is not None
    with pytest.raises(Refused) as unknown:
        await its.prove(nobody)
    wrong = await refusal(its, sent(place, new_secret("github"), "github"))
    assert {each.why for each in (as_stripe, unknown.value, wrong)} == {Why.BAD_WEBHOOK}
    assert {each.detail for each in (as_stripe, unknown.value, wrong)} == {None}
    assert "registered" in (unknown.value.note or "")


async def test_signatures_of_two_forms_are_two_credentials(place: Place) -> None:
    secret = await sender(place, "github")
    fields = {**sign("github", BODY, secret), **sign("stripe", BODY, secret)}
    with pytest.raises(Refused) as caught:
        method(place).find(request(fields.items(), method="POST", body=body, has_body=True), ROUTE)
    assert caught.value.why is Why.SHOWN_TWICE


async def test_an_hmac_request_is_not_a_webhook(place: Place) -> None:
    fields = [
        ("X-Signature", "0" * 64),
        ("X-Key-Id", "k"),
        ("X-Timestamp", "1"),
        ("Signature", "sig1=:AA==:"),
        ("X-Hub-Signature", "sha1=00"),
    ]
    assert method(place).find(request(fields), ROUTE) is None


async def test_a_body_that_the_door_does_not_see_is_refused_and_why_is_said(place: Place) -> None:
    secret = await sender(place)
    refused = await refusal(method(place), sent(place, secret, content=None))
    assert refused.why is Why.BODY_NOT_SIGNED
    assert "in the application" in (refused.detail or "")


@pytest.mark.parametrize("form", ["standard", "stripe", "slack"])
@pytest.mark.parametrize(("off", "passes"), [(-301, False), (-300, True), (300, True), (301, False)])
async def test_the_window_is_told_to_the_genuine_only(place: Place, form: str, off: int, passes: bool) -> None:
    secret, its = await sender(place, form), method(place)
    asked, forged = sent(place, secret, form), sent(place, new_secret(form), form)
    place.now -= off
    if passes:
        proof = await prove(its, asked)
        assert proof.once is not None
        assert proof.once.until > place.now
    else:
        assert (await refusal(its, asked)).why is Why.STALE
        assert (await refusal(its, forged)).why is Why.BAD_WEBHOOK


@pytest.mark.parametrize("form", FORM_NAMES)
async def test_of_many_that_come_at_once_one_is_let_through(place: Place, form: str) -> None:
    secret, its = await sender(place, form), method(place)
    asked = sent(place, secret, form)
    door = gate(place, its)
    answers = await asyncio.gather(*(door.admit(asked) for _ in range(20)), return_exceptions=True)
    assert [each.why for each in answers if isinstance(each, Refused)] == [Why.REPLAYED] * 19


async def test_a_senders_retry_bears_a_new_time_and_passes(place: Place) -> None:
    secret, its = await sender(place), method(place)
    door = gate(place, its)
    first = await door.admit(sent(place, secret, id="msg_1"))
    place.now += 5
    again = await door.admit(sent(place, secret, id="msg_1"))
    assert [case.proofs["webhook"].claims[ID] for case in (first, again)] == ["msg_1", "msg_1"]


async def test_a_delivery_of_github_is_remembered_by_its_body_and_not_by_its_unsigned_id(place: Place) -> None:
    secret, its = await sender(place, "github"), method(place, WebhookOptions(untimed=3600))
    door = gate(place, its)
    await door.admit(sent(place, secret, "github", id="d-1"))
    with pytest.raises(Refused) as caught:
        await door.admit(sent(place, secret, "github", id="d-2"))
    assert caught.value.why is Why.REPLAYED
    place.now += 3601
    await door.admit(sent(place, secret, "github", id="d-1"))


async def test_while_secrets_are_rotated_both_are_taken_and_then_one(place: Place) -> None:
    old, its = await sender(place), method(place)
    done = await webhooks.rotate(
        "orders", None, store=place.store, sealer=place.sealer, entropy=os.urandom, actor=LOCAL, now=place.now, overlap=100
    )
    assert done.secret is not None
    assert done.old_until == place.now + 100
    for secret in (old, done.secret):
        assert (await prove(its, sent(place, secret))).subject == "shop"
    place.now += 100
    assert (await refusal(its, sent(place, old))).why is Why.EXPIRED
    assert (await prove(its, sent(place, done.secret))).subject == "shop"
    last = await webhooks.rotate(
        "orders", new_secret("standard"), store=place.store, sealer=place.sealer, entropy=os.urandom, actor=LOCAL, now=place.now, overlap=0
    )
    assert (last.secret, last.old_until) == (None, None)
    assert (await refusal(its, sent(place, done.secret))).why is Why.EXPIRED
    assert (await refusal(its, sent(place, old))).why is Why.BAD_WEBHOOK


async def test_a_sender_is_taken_from_its_networks_only(place: Place) -> None:
    secret = await sender(place, networks=("198.51.100.0/24",))
    assert (await refusal(method(place), sent(place, secret))).why is Why.WRONG_ADDRESS


async def test_a_key_and_a_webhook_together(place: Place) -> None:
    secret = await sender(place)
    new = await place.key(KeyOrder(name="till", owner="shop", scopes=frozenset({"write:orders"})))
    for binder in ("same_subject", "independent"):
        route = Route(
            path="/**", allow=parse(f"api_key and webhook bound by {binder}"), webhook="orders", scopes=frozenset({"write:orders"})
        )
        door = gate(place, method(place), route, place.api_key())
        place.now += 1
        asked = sent(place, secret)
        with pytest.raises(Refused) as alone:
            await door.admit(asked)
        assert alone.value.why is Why.MISSING
        fields = [*sign("standard", BODY, secret, clock=place.clock).items(), ("X-API-Key", new.key.reveal())]
        case = await door.admit(request(fields, method="POST", body=body, has_body=True))
        assert case.principal is not None
        assert (case.principal.subject, case.principal.scopes) == ("shop", frozenset({"write:orders"}))
    foreign = await place.key(KeyOrder(name="x", owner="eve"))
    route = Route(path="/**", allow=parse("api_key and webhook bound by same_subject"), webhook="orders")
    fields = [*sign("standard", BODY, secret, clock=place.clock).items(), ("X-API-Key", foreign.key.reveal())]
    with pytest.raises(Refused) as caught:
        await gate(place, method(place), route, place.api_key()).admit(request(fields, method="POST", body=body, has_body=True))
    assert caught.value.why is Why.NOT_BOUND


async def test_what_does_not_open_is_a_fault_of_ours(place: Place) -> None:
    secret = await sender(place)
    its = method(place)
    its._sealer = Sealer({"s1": bytes(32)}, "s1", os.urandom)
    with pytest.raises(Unavailable, match="s1"):
        await prove(its, sent(place, secret))


@pytest.mark.parametrize("wrong", [{"window": 0.5}, {"window": 4000}, {"untimed": 1}, {"untimed": 31 * 86400}])
def test_a_window_has_its_bounds(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        WebhookOptions(**wrong)


def _deliver(folder: str, fields: list[tuple[str, str]], now: float, begin: object, answers: object) -> None:
    async def work() -> int:
        store = await SqliteStore.open(Path(folder) / "doorward.db", clock=lambda: NOW)
        place = Place(store, now=now)
        door = gate(place, method(place))
        begin.wait()  # type: ignore[attr-defined]
        asked = [door.admit(request(fields, method="POST", body=body, has_body=True)) for _ in range(10)]
        won = sum(not isinstance(each, BaseException) for each in await asyncio.gather(*asked, return_exceptions=True))
        await store.close()
        return won

    answers.put(asyncio.run(work()))  # type: ignore[attr-defined]


async def test_of_two_processes_one_lets_it_through_once(tmp_path: Path) -> None:
    async with a_place(tmp_path) as place:
        secret = await sender(place, "github")
        fields = list(sign("github", BODY, secret, id="d-1").items())
        spawn = multiprocessing.get_context("spawn")
        begin, answers = spawn.Barrier(2), spawn.Queue()
        workers = [spawn.Process(target=_deliver, args=(str(tmp_path), fields, place.now, begin, answers)) for _ in range(2)]
        for worker in workers:
            worker.start()
        won = [await asyncio.to_thread(answers.get, timeout=60) for _ in workers]
        for worker in workers:
            worker.join(10)
    assert sum(won) == 1


async def test_the_end_of_the_owner_ends_his_webhooks_before_they_are_added_too(place: Place) -> None:
    await place.account("shop")
    await accounts.end("shop", store=place.store, actor=LOCAL, now=place.now)
    with pytest.raises(Mistake, match="has ended"):
        await sender(place)
