"""What every store promises (`core.store`). A store's test file gives the fixture `store`; all else is here."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from typing import Any, Concatenate, ParamSpec

import pytest

from doorward.core import chain
from doorward.core.account import Account
from doorward.core.authority import KEPT_AFTER_END, MTLS
from doorward.core.credential import Credential, Limits
from doorward.core.event import Change, Event, Kind, Topic
from doorward.core.grant import Grant, Spent, Ticket
from doorward.core.limit import Rate
from doorward.core.signing import SigningKey
from doorward.core.store import Checkpoint, Exists, Linked, Store, Tx, Use

NOW = 1_800_000_000.25
PLAIN = Credential(id="k1", method="api_key", lookup="k1", verifier=b"v", owner="shop", created_at=NOW)
FULL = Credential(
    id="k2",
    method="api_key",
    lookup="sha256:00ff",
    verifier=bytes(range(256)),
    owner="shop",
    created_at=NOW,
    key_id="p1",
    name="tills\x1f, naïve \U0001f511 \"quoted\" 'and' \\ back\n",
    scopes=frozenset({"read:pets", "write:pets"}),
    env="test",
    kind="rk",
    not_before=NOW + 0.125,
    expires_at=NOW + 60,
    revoked_at=NOW + 5,
    seen_at=NOW + 1,
    grant_id=None,
    replaces="k1",
    start="abcd",
    last4="wxyz",
    limits=Limits(("GET", "HEAD"), (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")), ("https://shop.example",), Rate(100, 60)),
    data={"place": "Zürich", "empty": ""},
)
SHOP = Account(name="shop", kind="service", created_at=NOW, email="Till@Shop.example", scopes=frozenset({"a", "b"}), roles=frozenset({"r"}))
GRANT = Grant(id="g1", kind="login", subject="ann", created_at=NOW, client="web", scopes=frozenset({"s"}), data={"place": "x"})
TICKET = Ticket(kind="refresh", lookup=b"\x00t1", holder="web", grant_id="g1", created_at=NOW, expires_at=NOW + 60)
KEY = SigningKey(kid="a", alg="ES256", sealed=b"\x00s", sealed_by="m1", public="{}", created_at=NOW, active_at=NOW + 1)
CHANGE = Change(topic=Topic.GRANT, id="g1", at=NOW, until=NOW + 60)
EVENT = Event(kind=Kind.KEY_CREATED, subject="k1", at=NOW, actor="ann", why="asked", data={"b": "2", "a": "ü"})


P = ParamSpec("P")


def call(verb: Callable[Concatenate[Tx, P], Awaitable[Any]], *args: P.args, **named: P.kwargs) -> Callable[[Tx], Awaitable[Any]]:
    return lambda tx: getattr(tx, verb.__name__)(*args, **named)


async def do(store: Store, *verbs: Callable[[Tx], Awaitable[Any]]) -> Any:
    """Runs the verbs in one write and gives what the last one gave."""

    async def work(tx: Tx) -> Any:
        for verb in verbs:
            given = await verb(tx)
        return given

    return await store.write(work)


def sign(text: bytes) -> bytes:
    return b"signed:" + text


def is_signed(text: bytes, signature: bytes) -> bool:
    return signature == sign(text)


def trust(last: Checkpoint | None) -> None: ...


class CredentialPromises:
    async def test_a_credential_comes_back_as_it_went_in(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_credential(PLAIN), lambda tx: tx.add_credential(FULL))
        assert await store.credentials.find("api_key", "k1") == PLAIN
        assert await store.credentials.find("api_key", "sha256:00ff") == FULL
        assert await store.credentials.get("k2") == FULL
        assert await do(store, lambda tx: tx.credential("k2")) == FULL
        assert await store.credentials.find("session", "k1") is None
        assert await store.credentials.get("none") is None

    async def test_every_commit_makes_another_version_and_a_read_does_not(self, store: Store) -> None:
        before = store.credentials.version()
        assert store.credentials.version() == before
        await store.write(call(Tx.add_credential, PLAIN))
        after = store.credentials.version()
        assert after != before
        await store.credentials.find("api_key", "k1")
        assert store.credentials.version() == after
        await store.write(call(Tx.end_credential, "k1", NOW))
        assert store.credentials.version() not in (before, after)

    async def test_no_scopes_and_empty_scopes_are_two_things(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_credential(replace(PLAIN, scopes=frozenset())))
        found = await store.credentials.find("api_key", "k1")
        assert found is not None
        assert found.scopes == frozenset()
        await do(store, lambda tx: tx.add_credential(replace(PLAIN, id="k3", lookup="k3", scopes=None)))
        found = await store.credentials.find("api_key", "k3")
        assert found is not None
        assert found.scopes is None

    @pytest.mark.parametrize(("again", "what"), [({"id": "k9"}, "lookup"), ({"lookup": "k9"}, "id"), ({}, "lookup")])
    async def test_a_lookup_is_unique_within_its_method(self, store: Store, again: dict[str, str], what: str) -> None:
        await do(store, lambda tx: tx.add_credential(PLAIN))
        with pytest.raises(Exists) as caught:
            await do(store, lambda tx: tx.add_credential(replace(PLAIN, **again)))  # type: ignore[arg-type]
        assert caught.value.what == what
        await do(store, lambda tx: tx.add_credential(replace(PLAIN, id="k9", method="hmac")))

    async def test_a_taken_lookup_can_be_caught_and_the_write_goes_on(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_credential(PLAIN))

        async def add_or_other(tx: Tx) -> None:
            try:
                await tx.add_credential(PLAIN)
            except Exists:
                await tx.add_credential(replace(PLAIN, id="k9", lookup="k9"))

        await store.write(add_or_other)
        assert await store.credentials.get("k9") is not None

    async def test_the_first_one_to_end_a_credential_is_told_so(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_credential(PLAIN))
        assert await asyncio.gather(*(do(store, lambda tx: tx.end_credential("k1", NOW + 1)) for _ in range(20))) == [True] + [False] * 19
        found = await store.credentials.find("api_key", "k1")
        assert found is not None
        assert found.revoked_at == NOW + 1
        assert await do(store, lambda tx: tx.end_credential("none", NOW)) is False

    async def test_an_end_is_brought_forward_never_back(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_credential(PLAIN))
        for asked, kept in ((NOW + 50, NOW + 50), (NOW + 20, NOW + 20), (NOW + 90, NOW + 20)):
            assert await do(store, call(Tx.limit_credential, "k1", asked)) is True
            found = await store.credentials.get("k1")
            assert found is not None
            assert found.expires_at == kept
        await do(store, lambda tx: tx.end_credential("k1", NOW))
        assert await do(store, lambda tx: tx.limit_credential("k1", NOW)) is False
        assert await do(store, lambda tx: tx.limit_credential("none", NOW)) is False

    async def test_a_verifier_is_changed_by_who_knows_the_old_one(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_credential(PLAIN))
        assert await do(store, lambda tx: tx.change_verifier("k1", b"other", b"new", "p2")) is False
        results = await asyncio.gather(*(do(store, call(Tx.change_verifier, "k1", b"v", bytes([n]), "p2")) for n in range(9)))
        assert results.count(True) == 1
        found = await store.credentials.get("k1")
        assert found is not None
        assert (found.verifier, found.key_id) == (bytes([results.index(True)]), "p2")

    async def test_a_session_that_was_used_says_when_and_may_last_longer(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_credential(replace(PLAIN, method="session", expires_at=NOW + 10)))
        await do(store, lambda tx: tx.touch_credential("k1", NOW + 1, None))
        found = await store.credentials.get("k1")
        assert found is not None
        assert (found.seen_at, found.expires_at) == (NOW + 1, NOW + 10)
        await do(store, lambda tx: tx.touch_credential("k1", NOW + 2, NOW + 70))
        found = await store.credentials.get("k1")
        assert found is not None
        assert (found.seen_at, found.expires_at) == (NOW + 2, NOW + 70)

    async def test_the_owners_end_and_epoch_and_kind_are_joined(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_account(SHOP), lambda tx: tx.add_credential(PLAIN))
        found = await store.credentials.find("api_key", "k1")
        assert found is not None
        assert (found.ended_at, found.owner_epoch, found.owner_kind) == (None, None, "service")
        await do(store, lambda tx: tx.end_account("shop", NOW + 3), lambda tx: tx.set_epoch("shop", NOW + 2))
        for found in (
            await store.credentials.find("api_key", "k1"),
            await store.credentials.get("k1"),
            (await store.credentials.list())[0],
        ):
            assert found is not None
            assert (found.ended_at, found.owner_epoch) == (NOW + 3, NOW + 2)

    async def test_an_epoch_counts_for_an_owner_that_is_no_account(self, store: Store) -> None:
        await do(
            store, lambda tx: tx.add_credential(PLAIN), lambda tx: tx.set_epoch("shop", NOW + 2), lambda tx: tx.set_epoch("shop", NOW + 1)
        )
        found = await store.credentials.find("api_key", "k1")
        assert found is not None
        assert (found.ended_at, found.owner_epoch, found.owner_kind) == (None, NOW + 2, "")

    async def test_a_credential_ends_with_its_grant_or_owner_whichever_is_first(self, store: Store) -> None:
        await do(
            store,
            lambda tx: tx.add_account(SHOP),
            lambda tx: tx.add_grant(GRANT),
            lambda tx: tx.add_credential(replace(PLAIN, grant_id="g1")),
        )
        assert (await self._found(store)).ended_at is None
        await do(store, lambda tx: tx.end_grant("g1", NOW + 7))
        assert (await self._found(store)).ended_at == NOW + 7
        await do(store, lambda tx: tx.end_account("shop", NOW + 3))
        assert (await self._found(store)).ended_at == NOW + 3

    async def test_a_credential_whose_grant_is_gone_has_ended(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_credential(replace(PLAIN, grant_id="swept")))
        assert (await self._found(store)).ended_at is not None

    async def _found(self, store: Store) -> Credential:
        found = await store.credentials.find("api_key", "k1")
        assert found is not None
        return found

    async def test_lists_go_by_id_in_pages(self, store: Store) -> None:
        many = [replace(PLAIN, id=f"k{n}", lookup=f"l{n}", owner="ab"[n % 2], method=("api_key", "hmac")[n // 5]) for n in range(10)]
        await do(store, *(call(Tx.add_credential, each) for each in reversed(many)))
        assert list(await store.credentials.list()) == many
        assert [each.id for each in await store.credentials.list(after="k3", most=2)] == ["k4", "k5"]
        assert [each.id for each in await store.credentials.list(owner="a")] == ["k0", "k2", "k4", "k6", "k8"]
        assert [each.id for each in await store.credentials.list(method="hmac", owner="a", after="k6")] == ["k8"]
        assert [each.id for each in await store.credentials.list(method="hmac", most=1)] == ["k5"]

    async def test_imported_ones_are_found_by_their_start_sixteen_at_most_the_living_first(self, store: Store) -> None:
        many = [replace(PLAIN, id=f"i{n:02}", lookup=f"h{n}", start="abcd", revoked_at=NOW if n < 10 else None) for n in range(20)]
        own = replace(PLAIN, start="abcd")
        await do(store, *(call(Tx.add_credential, each) for each in [own, *many]))
        found = await store.credentials.find_by_start("api_key", "abcd")
        assert [each.id for each in found] == [f"i{n}" for n in range(10, 20)] + [f"i{n:02}" for n in range(6)]
        assert list(await store.credentials.find_by_start("api_key", "abc")) == []
        assert list(await store.credentials.find_by_start("hmac", "abcd")) == []


class AccountPromises:
    async def test_an_account_comes_back_as_it_went_in(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_account(replace(SHOP, data={"hash": "x"})))
        assert await store.accounts.find("shop") == replace(SHOP, data={"hash": "x"})
        assert await store.accounts.find_by_email("tILL@shop.EXAMPLE") == replace(SHOP, data={"hash": "x"})
        assert await do(store, lambda tx: tx.account("shop")) == replace(SHOP, data={"hash": "x"})
        assert await store.accounts.find("none") is None
        assert await store.accounts.find_by_email("none@shop.example") is None

    async def test_names_and_addresses_are_never_given_twice_not_even_ended_ones(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_account(SHOP), lambda tx: tx.end_account("shop", NOW))
        for other, what in (
            (replace(SHOP, email=None), "name"),
            (replace(SHOP, name="b", email="TILL@SHOP.example"), "email"),
            (SHOP, "name"),
        ):
            with pytest.raises(Exists) as caught:
                await do(store, call(Tx.add_account, other))
            assert caught.value.what == what
        await do(
            store,
            lambda tx: tx.add_account(replace(SHOP, name="c", email=None)),
            lambda tx: tx.add_account(replace(SHOP, name="d", email=None)),
        )

    async def test_a_change_writes_what_may_change(self, store: Store) -> None:
        other = replace(SHOP, name="b", email="b@b.example")
        await do(store, lambda tx: tx.add_account(SHOP), lambda tx: tx.add_account(other))
        changed = replace(SHOP, email="new@shop.example", scopes=frozenset(), roles=frozenset({"q"}), data={"a": "1"})
        await do(store, lambda tx: tx.change_account(replace(changed, kind="person", created_at=0.0)))
        assert await store.accounts.find("shop") == changed
        assert await store.accounts.find_by_email("till@shop.example") is None
        with pytest.raises(Exists) as caught:
            await do(store, lambda tx: tx.change_account(replace(changed, email="B@b.example")))
        assert caught.value.what == "email"
        assert await store.accounts.find("shop") == changed
        await do(store, lambda tx: tx.change_account(replace(changed, email=None)))
        await do(store, lambda tx: tx.add_account(replace(SHOP, name="c", email="new@shop.example")))
        await do(store, lambda tx: tx.change_account(replace(SHOP, name="nobody", email=None)))
        assert await store.accounts.find("nobody") is None

    async def test_an_account_ends_once_and_its_epoch_never_goes_back(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_account(SHOP))
        assert await asyncio.gather(*(do(store, lambda tx: tx.end_account("shop", NOW)) for _ in range(9))) == [True] + [False] * 8
        assert await do(store, lambda tx: tx.end_account("none", NOW)) is False
        await do(store, lambda tx: tx.set_epoch("shop", NOW + 2), lambda tx: tx.set_epoch("shop", NOW + 1))
        found = await store.accounts.find("shop")
        assert found is not None
        assert (found.ended_at, found.epoch) == (NOW, NOW + 2)

    async def test_accounts_are_listed_by_name_in_pages(self, store: Store) -> None:
        many = [replace(SHOP, name=f"a{n}", email=None, kind=("person", "service")[n % 2]) for n in range(6)]
        await do(store, *(call(Tx.add_account, each) for each in many))
        assert list(await store.accounts.list()) == many
        assert [each.name for each in await store.accounts.list(kind="person", after="a0", most=1)] == ["a2"]


class GrantPromises:
    async def test_a_held_grant_tells_every_way_it_may_have_ended(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_grant(GRANT), lambda tx: tx.add_account(replace(SHOP, name="ann")))
        assert await do(store, lambda tx: tx.hold("g1")) == GRANT
        assert await do(store, lambda tx: tx.hold("none")) is None
        await do(store, lambda tx: tx.set_epoch("ann", NOW - 1))
        assert (await do(store, lambda tx: tx.hold("g1"))).revoked_at == NOW, "committed before, whatever it says of its making"
        await do(store, lambda tx: tx.set_epoch("ann", NOW))
        assert (await do(store, lambda tx: tx.hold("g1"))).revoked_at == NOW
        later = replace(GRANT, id="g2", created_at=NOW + 1)
        await do(store, lambda tx: tx.add_grant(later))
        assert (await do(store, lambda tx: tx.hold("g2"))).revoked_at is None
        await do(store, lambda tx: tx.end_account("ann", NOW + 5))
        assert (await do(store, lambda tx: tx.hold("g2"))).revoked_at == NOW + 5
        assert await do(store, lambda tx: tx.end_grant("g2", NOW + 3)) is True
        assert await do(store, lambda tx: tx.end_grant("g2", NOW + 2)) is False
        assert (await do(store, lambda tx: tx.hold("g2"))).revoked_at == NOW + 3
        held = replace(GRANT, id="g3", subject="eve", client="app")
        await do(store, lambda tx: tx.add_grant(held), lambda tx: tx.add_account(replace(SHOP, name="app", email=None)))
        assert (await do(store, lambda tx: tx.hold("g3"))).revoked_at is None
        await do(store, lambda tx: tx.end_account("app", NOW + 9))
        assert (await do(store, lambda tx: tx.hold("g3"))).revoked_at == NOW + 9, "its client's end is its own"

    async def test_a_ticket_is_spent_by_one_of_many(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_grant(GRANT), lambda tx: tx.add_ticket(TICKET))
        assert await do(store, lambda tx: tx.ticket("refresh", b"\x00t1")) == TICKET

        async def spend(n: int) -> Spent:
            spent = await do(store, lambda tx: tx.spend("refresh", b"\x00t1", "web", NOW + n, bytes([n])))
            assert isinstance(spent, Spent)
            return spent

        all_spent = await asyncio.gather(*(spend(n) for n in range(40)))
        first = [n for n, spent in enumerate(all_spent) if spent.first_time]
        assert len(first) == 1
        left = replace(TICKET, spent_at=NOW + first[0], successor=bytes(first))
        assert all(spent.ticket == left for spent in all_spent)

    async def test_a_ticket_of_another_or_an_expired_one_is_none(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_ticket(TICKET))
        assert await do(store, lambda tx: tx.spend("code", b"\x00t1", "web", NOW)) is None
        assert await do(store, lambda tx: tx.spend("refresh", b"none", "web", NOW)) is None
        assert await do(store, lambda tx: tx.spend("refresh", b"\x00t1", "other", NOW)) is None
        assert await do(store, lambda tx: tx.spend("refresh", b"\x00t1", "web", NOW + 60)) is None
        assert await do(store, lambda tx: tx.ticket("refresh", b"\x00t1")) == TICKET
        assert (await do(store, lambda tx: tx.spend("refresh", b"\x00t1", "web", NOW + 59))).first_time
        assert await do(store, lambda tx: tx.spend("refresh", b"\x00t1", "web", NOW + 61)) is None

    async def test_a_spend_that_fails_later_in_its_write_is_not_spent(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_ticket(TICKET))

        async def spend_and_fail(tx: Tx) -> None:
            await tx.spend("refresh", b"\x00t1", "web", NOW)
            raise LookupError

        with pytest.raises(LookupError):
            await store.write(spend_and_fail)
        assert (await do(store, lambda tx: tx.spend("refresh", b"\x00t1", "web", NOW))).first_time


class JournalPromises:
    async def test_events_are_read_in_pages_and_from_the_end(self, store: Store) -> None:
        for n in range(5):
            await do(store, call(Tx.record, replace(EVENT, subject=str(n))))
        entries = await store.journal.read()
        assert [entry.event.subject for entry in entries] == list("01234")
        assert entries[0].event == replace(EVENT, subject="0")
        assert (entries[0].digest, entries[0].chain) == (None, None)
        assert await store.journal.latest() == entries[-1].seq
        assert list(await store.journal.read(after=entries[1].seq, most=2)) == entries[2:4]
        assert list(await store.journal.last(2)) == entries[3:]

    async def test_linking_chains_what_is_not_chained_yet_and_signs_where_it_stopped(self, store: Store) -> None:
        assert await store.journal.link(sign, trust) == Linked(0, None)
        for n in range(3):
            await do(store, call(Tx.record, replace(EVENT, subject=str(n))))
        assert (await store.journal.link(sign, trust)).rows == 3
        await do(store, lambda tx: tx.record(replace(EVENT, subject="3")))
        unlinked = (await store.journal.read())[-1]
        assert unlinked.chain is None
        assert (await store.journal.link(sign, trust)).rows == 1
        entries, checkpoints = await store.journal.read(), await store.journal.checkpoints()
        assert await store.journal.link(sign, trust) == Linked(0, checkpoints[-1])
        assert [checkpoint.seq for checkpoint in checkpoints] == [entries[2].seq, entries[3].seq]
        audit = chain.Audit(checkpoints, is_signed)
        assert audit.read(entries) + audit.close() == []

    async def test_a_key_that_fails_links_nothing(self, store: Store) -> None:
        await do(store, lambda tx: tx.record(EVENT))

        def broken(text: bytes) -> bytes:
            raise LookupError

        with pytest.raises(LookupError):
            await store.journal.link(broken, trust)
        assert (await store.journal.read())[0].chain is None
        assert (await store.journal.link(sign, trust)).rows == 1

    async def test_after_a_checkpoint_that_is_not_trusted_nothing_is_linked(self, store: Store) -> None:
        await do(store, lambda tx: tx.record(EVENT))
        await store.journal.link(sign, trust)
        await do(store, lambda tx: tx.record(EVENT))
        shown: list[Checkpoint | None] = []

        def distrust(last: Checkpoint | None) -> None:
            shown.append(last)
            raise chain.Tampered

        with pytest.raises(chain.Tampered):
            await store.journal.link(sign, distrust)
        assert shown == list(await store.journal.checkpoints())
        assert (await store.journal.read())[-1].chain is None


class SmallPromises:
    async def test_changes_come_in_order_and_their_numbers_are_never_given_again(self, store: Store) -> None:
        assert await store.changes.latest() == 0
        seqs = [await do(store, call(Tx.announce, replace(CHANGE, id=str(n)))) for n in range(5)]
        assert seqs == sorted(set(seqs))
        found = await store.changes.since(0)
        assert list(found) == [replace(CHANGE, id=str(n), seq=seq) for n, seq in enumerate(seqs)]
        assert list(await store.changes.since(seqs[1], most=2)) == found[2:4]
        assert await store.changes.latest() == seqs[-1]
        assert await store.sweep(NOW + 61) >= 5
        assert list(await store.changes.since(0)) == []
        assert await store.changes.latest() == seqs[-1]
        assert await do(store, lambda tx: tx.announce(CHANGE)) > seqs[-1]

    async def test_signing_keys_go_their_way_through_life(self, store: Store) -> None:
        older = replace(KEY, kid="b", created_at=NOW - 1)
        await do(store, lambda tx: tx.add_signing_key(KEY), lambda tx: tx.add_signing_key(older))
        assert await do(store, lambda tx: tx.signing_keys()) == [older, KEY]
        changed = replace(KEY, active_at=NOW + 9, retired_at=NOW + 10, gone_at=NOW + 11, sealed=b"again", sealed_by="m2")
        await do(store, lambda tx: tx.change_signing_key(replace(changed, public="other", alg="RS256")))
        assert await do(store, lambda tx: tx.signing_keys()) == [older, changed]

    async def test_uses_add_up(self, store: Store) -> None:
        one = Use("k1", 100, "admitted", 2, NOW, "10.0.0.1")
        await do(store, lambda tx: tx.add_uses([one, replace(one, minute=101, last_at=NOW + 60), replace(one, outcome="refused")]))
        await do(
            store, lambda tx: tx.add_uses([replace(one, count=3, last_at=NOW + 5, address="10.0.0.2"), Use("k2", 1, "admitted", 1, 60.0)])
        )
        assert list(await store.uses.read("k1")) == [
            Use("k1", 100, "admitted", 5, NOW + 5, "10.0.0.2"),
            replace(one, outcome="refused"),
            replace(one, minute=101, last_at=NOW + 60),
        ]
        assert [use.minute for use in await store.uses.read("k1", since=101)] == [101]
        assert await store.uses.last_used(["k1", "k2", "none"]) == {"k1": NOW + 60, "k2": 60.0}

    async def test_a_lease_is_one_holders_until_it_ends(self, store: Store) -> None:
        assert await do(store, lambda tx: tx.lease("sweep", "a", NOW, NOW + 10)) is True
        assert await do(store, lambda tx: tx.lease("sweep", "b", NOW + 9, NOW + 20)) is False
        assert await do(store, lambda tx: tx.lease("sweep", "a", NOW + 9, NOW + 20)) is True
        assert await do(store, lambda tx: tx.lease("chain", "b", NOW + 9, NOW + 20)) is True
        assert await do(store, lambda tx: tx.lease("sweep", "b", NOW + 20, NOW + 30)) is True

    async def test_facts_are_put_and_put_again(self, store: Store) -> None:
        assert await do(store, lambda tx: tx.get("pepper")) is None
        await do(store, lambda tx: tx.put("pepper", "1"), lambda tx: tx.put("pepper", "2"))
        assert await do(store, lambda tx: tx.get("pepper")) == "2"


class WritePromises:
    async def test_a_write_that_fails_leaves_nothing_and_harms_no_other(self, store: Store) -> None:
        async def fail(tx: Tx) -> None:
            await tx.add_account(SHOP)
            await tx.add_credential(PLAIN)
            await tx.add_grant(GRANT)
            await tx.add_ticket(TICKET)
            await tx.add_signing_key(KEY)
            await tx.record(EVENT)
            await tx.announce(CHANGE)
            await tx.add_uses([Use("k1", 1, "x", 1, 60.0)])
            await tx.lease("sweep", "a", NOW, NOW + 9)
            await tx.set_epoch("ann", NOW)
            await tx.put("fact", "1")
            await tx.change_account(replace(SHOP, email="x@y.example"))
            await tx.end_credential("k1", NOW)
            raise LookupError("mine")

        results = await asyncio.gather(
            *(store.write(fail) if n % 2 else do(store, call(Tx.put, str(n), "kept")) for n in range(20)), return_exceptions=True
        )
        assert [type(result) for result in results] == [type(None), LookupError] * 10
        assert await store.accounts.find("shop") is None
        assert await store.accounts.find_by_email("x@y.example") is None
        assert await store.credentials.find("api_key", "k1") is None
        assert list(await store.journal.read()) == []
        assert list(await store.changes.since(0)) == []
        assert list(await store.uses.read("k1")) == []

        async def look(tx: Tx) -> list[object]:
            grant, ticket, keys, fact = (
                await tx.hold("g1"),
                await tx.ticket("refresh", b"\x00t1"),
                await tx.signing_keys(),
                await tx.get("fact"),
            )
            return [
                grant,
                ticket,
                list(keys),
                fact,
                await tx.lease("sweep", "b", NOW, NOW + 1),
                *[await tx.get(str(n)) for n in range(0, 20, 2)],
            ]

        assert await store.write(look) == [None, None, [], None, True, *["kept"] * 10]
        await do(store, lambda tx: tx.add_account(SHOP))

    async def test_a_write_that_waits_for_something_else_is_told_so_alone(self, store: Store) -> None:
        async def wait(tx: Tx) -> None:
            await tx.put("half", "1")
            await asyncio.sleep(0)

        results = await asyncio.gather(store.write(wait), do(store, lambda tx: tx.put("other", "1")), return_exceptions=True)
        assert [type(result) for result in results] == [RuntimeError, type(None)]
        assert await do(store, lambda tx: tx.get("half")) is None
        assert await do(store, lambda tx: tx.get("other")) == "1"

    async def test_a_write_sees_what_it_wrote_and_gives_its_result(self, store: Store) -> None:
        async def add_and_look(tx: Tx) -> Credential | None:
            await tx.add_credential(PLAIN)
            return await tx.credential("k1")

        assert await store.write(add_and_look) == PLAIN

    async def test_reads_never_see_half_of_a_write(self, store: Store) -> None:
        await do(store, lambda tx: tx.add_account(SHOP), lambda tx: tx.add_credential(replace(PLAIN, expires_at=0.0)))

        async def both(tx: Tx, n: int) -> None:
            await tx.touch_credential("k1", float(n), None)
            await tx.touch_credential("k1", float(n), float(n))

        async def write_on() -> None:
            for n in range(150):
                await store.write(partial(both, n=n))

        writing = asyncio.ensure_future(write_on())
        seen = 0
        while not writing.done():
            found = await store.credentials.find("api_key", "k1")
            assert found is not None
            assert (found.seen_at or 0.0) == found.expires_at
            seen += 1
            await asyncio.sleep(0)
        await writing
        assert seen > 0

    async def test_a_raced_cancel_does_no_harm(self, store: Store) -> None:
        async def add(n: int) -> None:
            await do(store, lambda tx: tx.record(replace(EVENT, subject=str(n))), lambda tx: tx.put(str(n), "there"))

        tasks = [asyncio.ensure_future(add(n)) for n in range(200)]
        await asyncio.sleep(0)
        for n, task in enumerate(tasks):
            if n % 3 == 0:
                task.cancel()
            if n % 20 == 0:
                await asyncio.sleep(0.0005)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        journaled = {entry.event.subject for entry in await store.journal.read()}
        for n, result in enumerate(results):
            there = await do(store, call(Tx.get, str(n))) == "there"
            assert there == (str(n) in journaled)
            assert there or isinstance(result, asyncio.CancelledError)
            assert n % 3 == 0 or result is None


class SweepPromises:
    async def test_expired_rows_leave_in_batches_and_nothing_else_does(self, store: Store) -> None:
        def session(n: int) -> Credential:
            return replace(PLAIN, id=f"s{n}", lookup=f"s{n}", method="session", expires_at=NOW + n)

        for n in range(7):
            await do(
                store,
                call(Tx.add_credential, session(n)),
                call(Tx.add_ticket, replace(TICKET, lookup=bytes([n]), expires_at=NOW + n)),
                call(Tx.add_grant, replace(GRANT, id=f"g{n}", expires_at=NOW + n)),
                call(Tx.announce, replace(CHANGE, id=str(n), until=NOW + n)),
            )
            assert await store.once.spend(bytes([n]), NOW + n, NOW - 1)
            assert (await store.meter.take(f"m{n}", Rate(1, 1), NOW - 1.5 + n)).allowed
        await do(store, lambda tx: tx.add_credential(replace(PLAIN, expires_at=NOW)), lambda tx: tx.add_grant(replace(GRANT, id="endless")))
        at = NOW + 4.25
        gone, rounds = 0, 0
        while some := await store.sweep(at, 2):
            gone, rounds = gone + some, rounds + 1
        assert rounds >= 3
        assert gone == 5 * 5, "sessions, tickets, changes, marks and rates, five of each; grants stay a day longer"
        assert [each.id for each in await store.credentials.list()] == ["k1", "s5", "s6"]
        assert [change.id for change in await store.changes.since(0)] == ["5", "6"]
        assert await do(store, lambda tx: tx.ticket("refresh", bytes([4]))) is None
        assert await do(store, lambda tx: tx.ticket("refresh", bytes([5]))) is not None
        assert [await do(store, call(Tx.hold, f"g{n}")) is None for n in range(7)] == [False] * 7
        assert await store.once.spend(bytes([5]), at + 9, at) is False
        assert not (await store.meter.look("m5", Rate(1, 1), at)).allowed
        while await store.sweep(NOW + 3.5 + 24 * 3600, 2):
            pass
        assert [await do(store, call(Tx.hold, f"g{n}")) is None for n in range(7)] == [True] * 4 + [False] * 3
        assert await do(store, lambda tx: tx.hold("endless")) is not None

    async def test_expired_certificates_leave_a_month_later(self, store: Store) -> None:
        for n in range(3):
            certificate = replace(PLAIN, id=f"c{n}", lookup=f"c{n}", method=MTLS, expires_at=NOW + n)
            await do(store, call(Tx.add_credential, certificate))
        assert await store.sweep(NOW + KEPT_AFTER_END) == 0
        assert await store.sweep(NOW + KEPT_AFTER_END + 1.5) == 2
        assert [each.id for each in await store.credentials.list()] == ["c2"]
        assert await store.credentials.find(MTLS, "c1") is None


class StatePromises:
    async def test_a_mark_is_spent_by_one_of_many(self, store: Store) -> None:
        results = await asyncio.gather(*(store.once.spend(bytes([n % 10]), NOW + 300, NOW) for n in range(500)))
        assert results.count(True) == 10

    async def test_a_mark_may_be_spent_again_after_its_end(self, store: Store) -> None:
        assert await store.once.spend(b"\x00a", NOW + 5, NOW)
        assert not await store.once.spend(b"\x00a", NOW + 9, NOW + 4.75)
        assert await store.once.spend(b"\x00a", NOW + 20, NOW + 5)
        assert not await store.once.spend(b"\x00a", NOW + 20, NOW + 19)

    async def test_a_mark_and_a_trusted_moment_are_there_from_the_start(self, store: Store) -> None:
        assert await store.once.trusted_since() in (0.0, NOW), "a new installation has nothing to replay"

    async def test_a_rate_is_exact_whoever_asks(self, store: Store) -> None:
        rate = Rate(50, 60)
        verdicts = await asyncio.gather(*(store.meter.take("a", rate, NOW) for _ in range(200)))
        assert [verdict.allowed for verdict in verdicts].count(True) == 50
        assert sorted(verdict.remaining for verdict in verdicts if verdict.allowed) == list(range(50))
        refused = await store.meter.take("a", rate, NOW)
        assert (refused.allowed, refused.remaining, refused.reset) == (False, 0, 60.0)
        assert refused.retry_after == pytest.approx(1.2)
        assert not (await store.meter.take("a", rate, NOW + 1.19)).allowed
        assert (await store.meter.take("a", rate, NOW + 1.21)).allowed
        assert not (await store.meter.take("a", rate, NOW + 1.21)).allowed
        assert (await store.meter.take("b", rate, NOW)).allowed

    async def test_over_time_a_rate_lets_through_its_count_and_no_more(self, store: Store) -> None:
        rate, allowed = Rate(10, 1), 0
        for n in range(1000):
            allowed += (await store.meter.take("a", rate, NOW + n * 0.005)).allowed
        assert 10 + 49 <= allowed <= 10 + 50

    @pytest.mark.parametrize("looks", [True, False])
    async def test_a_clock_that_was_set_back_locks_nobody_out(self, store: Store, looks: bool) -> None:
        rate = Rate(3, 60)
        for _ in range(3):
            assert (await store.meter.take("a", rate, NOW + 86400)).allowed
        refused = await (store.meter.look if looks else store.meter.take)("a", rate, NOW)
        assert (refused.allowed, refused.remaining) == (False, 0)
        assert refused.retry_after == pytest.approx(20.0, abs=0.001)
        assert not (await store.meter.take("a", rate, NOW + 19)).allowed
        assert (await store.meter.take("a", rate, NOW + 21)).allowed
        assert not (await store.meter.take("a", rate, NOW + 21)).allowed

    async def test_a_request_that_was_long_on_its_way_gives_nothing_back(self, store: Store) -> None:
        rate = Rate(600, 60)
        for _ in range(600):
            await store.meter.take("a", rate, NOW)
        for _ in range(3):
            assert not (await store.meter.take("a", rate, NOW - 20)).allowed
            assert not (await store.meter.look("a", rate, NOW - 20)).allowed
            assert not (await store.meter.take("a", rate, NOW)).allowed

    async def test_looking_takes_nothing_and_what_is_given_back_can_be_taken_again(self, store: Store) -> None:
        rate = Rate(2, 60)
        assert (await store.meter.look("a", rate, NOW)).remaining == 2
        assert (await store.meter.look("a", rate, NOW)).allowed
        await store.meter.take("a", rate, NOW)
        await store.meter.take("a", rate, NOW)
        seen = await store.meter.look("a", rate, NOW)
        assert (seen.allowed, seen.remaining) == (False, 0)
        assert seen.retry_after == pytest.approx(30.0)
        await store.meter.give_back("a", rate, NOW)
        assert (await store.meter.look("a", rate, NOW)).allowed
        assert (await store.meter.take("a", rate, NOW)).allowed
        assert not (await store.meter.take("a", rate, NOW)).allowed
        await store.meter.give_back("never taken", rate, NOW)

    async def test_what_is_given_back_too_often_is_no_credit(self, store: Store) -> None:
        rate = Rate(2, 60)
        await store.meter.take("a", rate, NOW)
        for _ in range(5):
            await store.meter.give_back("a", rate, NOW)
        assert [(await store.meter.take("a", rate, NOW)).allowed for _ in range(3)] == [True, True, False]

    async def test_the_fastest_rate_there_is_is_kept(self, store: Store) -> None:
        assert (await store.meter.take("a", Rate(1_000_000, 1), NOW)).remaining == 999_999


class StoreSuite(
    CredentialPromises, AccountPromises, GrantPromises, JournalPromises, SmallPromises, WritePromises, SweepPromises, StatePromises
):
    """All of them."""
