import asyncio
import base64
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.admin import accounts
from doorward.admin.accounts import AccountOrder
from doorward.admin.actor import LOCAL
from doorward.core.errors import Refused, Why
from doorward.core.event import Kind
from doorward.core.limit import Rate
from doorward.core.policy import By
from doorward.core.proof import Proof
from doorward.core.route import Route
from doorward.core.secret import Secret
from doorward.crypto.password import CHEAPEST_FOR_TESTS, HashingPool, hash_password
from doorward.methods.basic import Basic
from doorward.methods.password_check import PASSWORD as PASSWORD_METHOD
from doorward.methods.password_check import BasicOptions, prepared
from tests.crypto.vectors import example
from tests.methods.place import PASSWORD, Place, a_place, basic, request

ROUTE = Route(path="/**", allow=By("basic"))


async def prove(method: Basic, name: str, password: str, address: str = "192.0.2.1") -> Proof:
    shown = method.find(request([basic(name, password)], address=address), ROUTE)
    assert shown is not None
    return await method.prove(shown)


async def refusal(method: Basic, name: str, password: str, address: str = "192.0.2.1") -> Refused:
    with pytest.raises(Refused) as caught:
        await prove(method, name, password, address)
    return caught.value


class CountingPool(HashingPool):
    """Counts the jobs that were asked for."""

    jobs = 0

    async def run(self, fn: Callable[..., object], *args: object, **kwargs: object) -> object:  # type: ignore[override]
        self.jobs += 1
        return await super().run(fn, *args, **kwargs)


@pytest.mark.rfc("7617", "2")
@pytest.mark.rfc("7617", "2.1")
async def test_the_examples_of_rfc_7617_are_read(place: Place) -> None:
    for case in example("RFC 7617")["cases"]:
        await place.account(case["user"], Secret(case["password"]))
        shown = place.basic().find(request([("Authorization", case["authorization"])]), ROUTE)
        assert shown is not None
        assert (await place.basic().prove(shown)).subject == case["user"]


@pytest.mark.rfc("7617", "2")
async def test_a_password_may_hold_colons_and_any_letters(place: Place) -> None:
    await place.account("alice", Secret("a:b::ü🐕 "))
    assert (await prove(place.basic(), "alice", "a:b::ü🐕 ")).subject == "alice"
    assert (await refusal(place.basic(), "alice", "a:b::ü🐕")).why is Why.UNKNOWN


@pytest.mark.rfc("8265", "4.2")
async def test_a_letter_typed_in_two_ways_is_one_password(place: Place) -> None:
    await place.account("alice", Secret("caf\u00e9-caf\u00e9"))
    assert (await prove(place.basic(), "alice", "cafe\u0301-cafe\u0301")).subject == "alice"


async def test_a_person_signs_in_by_name_or_by_email_in_any_case(place: Place) -> None:
    await place.account("alice", email="Alice@Example.org")
    for name in ("alice", "alice@example.org", "ALICE@example.ORG"):
        proof = await prove(place.basic(), name, PASSWORD.reveal())
        assert (proof.subject, proof.scopes, proof.roles) == ("alice", frozenset({"read:pets"}), frozenset({"keeper"}))
        assert proof.env is None


async def test_an_account_without_a_password_is_unknown(place: Place) -> None:
    await place.account("alice", None)
    assert (await refusal(place.basic(), "alice", "anything")).why is Why.UNKNOWN


@pytest.mark.rfc("7617", "2")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "!!!!",
        "YWxpY2U",
        base64.b64encode(b":secret").decode(),
        base64.b64encode(b"al\x07ice:s").decode(),
        base64.b64encode(b"a:\xff").decode(),
    ],
)
def test_misshapen_credentials_are_told_so(place: Place, text: str) -> None:
    with pytest.raises(Refused) as caught:
        place.basic().find(request([("Authorization", f"Basic {text}")]), ROUTE)
    assert caught.value.why is Why.MALFORMED


def test_a_password_longer_than_1_kib_is_refused_before_any_work(place: Place) -> None:
    assert place.basic().find(request([basic("alice", "x" * 1024)]), ROUTE) is not None
    with pytest.raises(Refused) as caught:
        place.basic().find(request([basic("alice", "x" * 1025)]), ROUTE)
    assert caught.value.why is Why.MALFORMED


@given(st.one_of(st.binary(max_size=80), st.builds(base64.b64encode, st.binary(max_size=60))))
def test_any_bytes_are_a_pair_or_malformed(sent: bytes) -> None:
    try:
        shown = Basic.__new__(Basic).find(request([("Authorization", "Basic " + sent.decode("latin-1"))]), ROUTE)
    except Refused as refused:
        assert refused.why is Why.MALFORMED
    else:
        assert shown is not None
        assert ":" not in shown.name


async def test_a_proven_pair_is_remembered_and_forgotten_when_the_password_changes(place: Place) -> None:
    place.pool = pool = CountingPool(threads=1)
    await place.account()
    method = place.basic()
    await prove(method, "alice", PASSWORD.reveal())
    hashed = pool.jobs
    for _ in range(3):
        await prove(method, "alice", PASSWORD.reveal())
    assert pool.jobs == hashed
    await accounts.change_password(
        "alice", Secret("another one"), store=place.store, maker=place.password_maker, actor=LOCAL, now=place.now
    )
    assert (await refusal(method, "alice", PASSWORD.reveal())).why is Why.UNKNOWN
    assert (await prove(method, "alice", "another one")).subject == "alice"


async def test_the_memo_ends_after_its_time_and_does_not_excuse_a_wrong_password(place: Place) -> None:
    place.pool = pool = CountingPool(threads=1)
    await place.account()
    method = place.basic(BasicOptions(memo=30.0))
    await prove(method, "alice", PASSWORD.reveal())
    assert (await refusal(method, "alice", PASSWORD.reveal() + "!")).why is Why.UNKNOWN
    place.now += 29
    hashed = pool.jobs
    await prove(method, "alice", PASSWORD.reveal())
    assert pool.jobs == hashed
    place.now += 1
    await prove(method, "alice", PASSWORD.reveal())
    assert pool.jobs == hashed + 1


async def test_a_memo_of_nought_remembers_nothing(place: Place) -> None:
    place.pool = pool = CountingPool(threads=1)
    await place.account()
    method = place.basic(BasicOptions(memo=0.0))
    await prove(method, "alice", PASSWORD.reveal())
    hashed = pool.jobs
    await prove(method, "alice", PASSWORD.reveal())
    assert pool.jobs == hashed + 1


async def test_an_imported_hash_is_replaced_at_the_first_success_and_not_before(place: Place) -> None:
    foreign = bcrypt.hashpw(b"old password", bcrypt.gensalt(4)).decode()
    order = AccountOrder(name="alice", password_hash=foreign)
    await accounts.create(order, store=place.store, maker=place.password_maker, actor=LOCAL, now=place.now)
    await refusal(place.basic(), "alice", "wrong")
    stored = await place.store.credentials.find(PASSWORD_METHOD, "alice")
    assert stored is not None
    assert stored.verifier == foreign.encode()
    method = place.basic()
    await asyncio.gather(*(prove(method, "alice", "old password") for _ in range(3)))
    stored = await place.store.credentials.find(PASSWORD_METHOD, "alice")
    assert stored is not None
    assert stored.verifier.startswith(b"$argon2id$")
    assert [entry.event.kind for entry in await place.store.journal.last(9)].count(Kind.PASSWORD_UPGRADED) == 1
    assert (await prove(place.basic(), "alice", "old password")).subject == "alice"


async def test_a_password_changed_while_an_upgrade_is_hashed_stays_changed(place: Place) -> None:
    foreign = bcrypt.hashpw(b"old password", bcrypt.gensalt(4)).decode()
    order = AccountOrder(name="alice", password_hash=foreign)
    await accounts.create(order, store=place.store, maker=place.password_maker, actor=LOCAL, now=place.now)
    checks = place.passwords()
    write = checks._write

    async def late(work: object) -> bool:
        await accounts.change_password(
            "alice", Secret("new one"), store=place.store, maker=place.password_maker, actor=LOCAL, now=place.now
        )
        return await write(work)  # type: ignore[arg-type]

    checks._write = late
    method = place.basic()
    method._passwords = checks
    await prove(method, "alice", "old password")
    assert (await refusal(place.basic(), "alice", "old password")).why is Why.UNKNOWN


class TestFailures:
    @pytest.fixture
    async def place(self, tmp_path: Path) -> AsyncIterator[Place]:
        async with a_place(tmp_path, failures=Rate(3, 60)) as made:
            await made.account("alice")
            yield made

    async def test_wrong_guesses_lock_the_address_also_for_other_names(self, place: Place) -> None:
        method = place.basic()
        for number in range(3):
            assert (await refusal(method, f"guess{number}", "x")).why is Why.UNKNOWN
        refused = await refusal(method, "alice", PASSWORD.reveal())
        assert refused.why is Why.TOO_MANY_FAILURES
        assert refused.retry_after is not None
        assert refused.retry_after > 0
        assert (await prove(method, "alice", PASSWORD.reveal(), address="198.51.100.7")).subject == "alice"

    async def test_wrong_guesses_from_many_addresses_lock_the_account_by_name_and_email(self, place: Place) -> None:
        await accounts.change("alice", store=place.store, actor=LOCAL, now=place.now, email="alice@example.org")
        method = place.basic()
        for number, name in enumerate(("alice", "alice@example.org", "alice")):
            await refusal(method, name, "x", address=f"198.51.100.{number}")
        assert (await refusal(method, "alice", PASSWORD.reveal(), address="198.51.100.9")).why is Why.TOO_MANY_FAILURES
        place.now += 60
        assert (await prove(method, "alice", PASSWORD.reveal(), address="198.51.100.9")).subject == "alice"

    async def test_guesses_at_once_count_before_they_are_hashed(self, place: Place) -> None:
        method = place.basic()
        answers = await asyncio.gather(*(refusal(method, "alice", f"guess{number}") for number in range(9)))
        assert [each.why for each in answers].count(Why.UNKNOWN) == 3

    async def test_right_passwords_use_nothing_up(self, place: Place) -> None:
        method = place.basic(BasicOptions(memo=0.0))
        for _ in range(9):
            await prove(method, "alice", PASSWORD.reveal())

    async def test_a_full_pool_is_no_wrong_guess(self, place: Place) -> None:
        place.pool = HashingPool(threads=1, queue=1)
        method = place.basic(BasicOptions(memo=0.0))
        busy = [asyncio.create_task(place.pool.run(time.sleep, 0.1)) for _ in range(2)]
        await asyncio.sleep(0.01)
        answers = await asyncio.gather(*(prove(method, "alice", PASSWORD.reveal()) for _ in range(6)), return_exceptions=True)
        await asyncio.gather(*busy)
        refused = [each for each in answers if isinstance(each, Refused)]
        assert {each.why for each in refused} == {Why.BUSY}
        assert all(each.retry_after for each in refused)
        for _ in range(3):
            await prove(method, "alice", PASSWORD.reveal())

    async def test_the_same_pair_at_once_is_proven_once_and_nobody_is_refused(self, place: Place) -> None:
        place.pool = HashingPool(threads=1, queue=1)
        method = place.basic(BasicOptions(memo=0.0))
        answers = await asyncio.gather(*(prove(method, "alice", PASSWORD.reveal()) for _ in range(64)))
        assert {answer.subject for answer in answers} == {"alice"}

    async def test_the_same_wrong_pair_at_once_counts_each_time(self, place: Place) -> None:
        method = place.basic(BasicOptions(memo=0.0))
        answers = await asyncio.gather(*(prove(method, "alice", "wrong") for _ in range(8)), return_exceptions=True)
        whys = [each.why for each in answers if isinstance(each, Refused)]
        assert len(whys) == 8
        assert whys.count(Why.UNKNOWN) == place.failures.count if place.failures else 8

    async def test_an_address_that_no_proxy_told_locks_nobody_out(self, place: Place) -> None:
        method = place.basic()
        for number in range(4):
            shown = method.find(request([basic(f"guess{number}", "x")], address=None), ROUTE)
            assert shown is not None
            with pytest.raises(Refused) as caught:
                await method.prove(shown)
            assert caught.value.why is Why.UNKNOWN


async def test_a_service_pays_for_no_password_hash_known_or_not(place: Place) -> None:
    new = await place.service()
    place.pool = pool = CountingPool(threads=1)
    method = place.basic()
    assert (await prove(method, new.id, new.secret.reveal())).owner_kind == "service"
    assert (await refusal(method, new.id, "x" * 43)).why is Why.UNKNOWN
    assert (await refusal(method, "svc_000000000000", new.secret.reveal())).why is Why.UNKNOWN
    assert pool.jobs == 0


async def test_a_service_name_is_not_its_id(place: Place) -> None:
    new = await place.service("till")
    assert (await refusal(place.basic(), "till", new.secret.reveal())).why is Why.UNKNOWN


async def test_a_refused_password_stands_in_no_log(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    await place.account()
    refused = await refusal(place.basic(), "alice", "my secret guess")
    assert "guess" not in f"{refused!r}{refused.note}{refused.detail}{caplog.text}"


@given(st.text(max_size=1100))
def test_any_text_is_a_password_or_refused_with_a_sentence(text: str) -> None:
    try:
        assert 1 <= len(prepared(text).reveal().encode()) <= 1024
    except ValueError as reason:
        assert "password" in str(reason)


def test_the_memo_lasts_a_minute_at_most() -> None:
    with pytest.raises(ValueError, match="memo"):
        BasicOptions(memo=61.0)


def test_the_cheapest_hash_is_still_argon2id() -> None:
    assert hash_password(PASSWORD, CHEAPEST_FOR_TESTS, os.urandom).startswith(b"$argon2id$")
