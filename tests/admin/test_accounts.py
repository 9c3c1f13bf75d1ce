import asyncio
import os

import pytest

from doorward.admin import accounts, services, sessions
from doorward.admin.accounts import AccountOrder
from doorward.admin.actor import LOCAL, Actor
from doorward.admin.mistake import Mistake, NotAllowed, NotThere, Taken
from doorward.core.account import Account
from doorward.core.event import Kind, Topic
from doorward.core.secret import Secret
from doorward.methods.password_check import PASSWORD as PASSWORD_METHOD
from tests.methods.place import PASSWORD, Place


async def make(place: Place, order: AccountOrder, actor: Actor = LOCAL) -> Account:
    return await accounts.create(order, store=place.store, maker=place.password_maker, actor=actor, now=place.now)


async def kinds(place: Place) -> list[Kind]:
    return [entry.event.kind for entry in await place.store.journal.last(50)]


async def topics(place: Place) -> set[tuple[Topic, str]]:
    return {(change.topic, change.id) for change in await place.store.changes.since(0)}


async def test_an_account_is_made_with_its_password_in_one_event(place: Place) -> None:
    await make(place, AccountOrder(name="alice", email="Alice@Example.org", password=PASSWORD, scopes=frozenset({"read:pets"})))
    found = await place.store.accounts.find_by_email("alice@example.ORG")
    assert found is not None
    assert (found.name, found.email, found.kind) == ("alice", "alice@example.org", "person")
    stored = await place.store.credentials.find(PASSWORD_METHOD, "alice")
    assert stored is not None
    assert stored.verifier.startswith(b"$argon2id$")
    entries = await place.store.journal.last(9)
    assert [entry.event.kind for entry in entries] == [Kind.ACCOUNT_CREATED]
    assert PASSWORD.reveal() not in repr(entries)


@pytest.mark.parametrize("name", ["", "a b", "a@b", "a:b", ".a", "a-", "é", "a" * 65, "svc_000000000000", "a\n"])
async def test_a_name_that_could_be_read_in_two_ways_is_refused(place: Place, name: str) -> None:
    with pytest.raises(Mistake):
        await make(place, AccountOrder(name=name))


@pytest.mark.parametrize(
    "email", ["", "alice", "a@b", "a b@c.de", "a@b@c.de", "a@b.de\n\nx", "x" * 65 + "@b.de", f"a@{'b' * 250}.de", "a\u202e@b.de"]
)
async def test_what_is_no_email_address_is_refused(place: Place, email: str) -> None:
    with pytest.raises(Mistake, match="e-mail"):
        await make(place, AccountOrder(name="alice", email=email))


async def test_names_and_addresses_are_unique_and_names_are_never_reused(place: Place) -> None:
    await make(place, AccountOrder(name="alice", email="alice@example.org"))
    with pytest.raises(Taken, match="alice"):
        await make(place, AccountOrder(name="alice"))
    with pytest.raises(Taken, match="e-mail"):
        await make(place, AccountOrder(name="bob", email="ALICE@example.org"))
    await accounts.end("alice", store=place.store, actor=LOCAL, now=place.now)
    with pytest.raises(Taken, match="never reused"):
        await make(place, AccountOrder(name="alice"))
    assert await kinds(place) == [Kind.ACCOUNT_CREATED, Kind.ACCOUNT_ENDED]


async def test_of_two_who_make_the_same_account_at_once_one_wins(place: Place) -> None:
    made = await asyncio.gather(*(make(place, AccountOrder(name="alice", password=PASSWORD)) for _ in range(4)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in made) == ["Account", "Taken", "Taken", "Taken"]


@pytest.mark.parametrize(("password", "hashed"), [("", None), ("a\x00b", None), ("x" * 1025, None), ("good", "$2b$04$x"), (None, "plain")])
async def test_a_password_or_hash_that_cannot_be_used_is_refused(place: Place, password: str | None, hashed: str | None) -> None:
    order = AccountOrder(name="alice", password=Secret(password) if password is not None else None, password_hash=hashed)
    with pytest.raises(Mistake):
        await make(place, order)
    assert await place.store.accounts.find("alice") is None


async def test_nobody_makes_an_account_that_may_more_than_they(place: Place) -> None:
    with pytest.raises(NotAllowed):
        await make(place, AccountOrder(name="alice", scopes=frozenset({"admin:keys"})), Actor("bob", frozenset({"read:pets"})))


async def test_a_change_leaves_what_is_not_named(place: Place) -> None:
    await place.account("alice", email="alice@example.org")
    changed = (await accounts.change("alice", store=place.store, actor=LOCAL, now=place.now, scopes=frozenset({"write:pets"}))).account
    assert (changed.email, changed.scopes, changed.roles) == ("alice@example.org", frozenset({"write:pets"}), frozenset({"keeper"}))
    assert await accounts.show("alice", store=place.store) == changed
    await place.account("bob", email="bob@example.org")
    with pytest.raises(Taken):
        await accounts.change("bob", store=place.store, actor=LOCAL, now=place.now, email="alice@example.org")


async def test_taking_scopes_away_needs_no_right_to_give_them(place: Place) -> None:
    await place.account("alice")
    keeper = Actor("keeper", frozenset())
    changed = await accounts.change("alice", store=place.store, actor=keeper, now=place.now, scopes=frozenset())
    assert (changed.account.scopes, changed.ended) == (frozenset(), False)
    with pytest.raises(NotAllowed):
        await accounts.change("alice", store=place.store, actor=keeper, now=place.now, scopes=frozenset({"read:pets"}))


@pytest.mark.parametrize(
    ("scopes", "roles", "ended"),
    [
        ({"read:pets", "admin:all"}, None, True),
        ({"admin:all"}, None, True),
        (None, {"keeper", "boss"}, True),
        (set(), {"boss"}, True),
        (set(), set(), False),
        ({"read:pets"}, {"keeper"}, False),
        (None, None, False),
    ],
)
async def test_who_may_do_more_signs_in_anew_and_who_may_do_less_stays(
    place: Place, scopes: set[str] | None, roles: set[str] | None, ended: bool
) -> None:
    await place.account("alice")
    changed = await accounts.change(
        "alice",
        store=place.store,
        actor=LOCAL,
        now=place.now,
        email="new@example.org",
        scopes=frozenset(scopes) if scopes is not None else None,
        roles=frozenset(roles) if roles is not None else None,
    )
    assert changed.ended is ended
    assert ((Topic.SUBJECT, "alice") in await topics(place)) is ended
    assert (Kind.SUBJECT_REVOKED in await kinds(place)) is ended
    assert (await accounts.show("alice", store=place.store)).epoch == (place.now if ended else None)


async def test_a_new_password_is_announced_and_ends_sessions_and_tokens(place: Place) -> None:
    await place.account("alice")
    await accounts.change_password("alice", Secret("another"), store=place.store, maker=place.password_maker, actor=LOCAL, now=place.now)
    assert {(Topic.PASSWORD, "alice"), (Topic.SUBJECT, "alice")} <= await topics(place)
    found = await place.store.accounts.find("alice")
    assert found is not None
    assert found.epoch == place.now
    assert Kind.PASSWORD_CHANGED in await kinds(place)


async def test_an_account_without_a_password_gets_its_first(place: Place) -> None:
    await place.account("alice", None)
    await accounts.change_password("alice", Secret("first"), store=place.store, maker=place.password_maker, actor=LOCAL, now=place.now)
    assert await place.store.credentials.find(PASSWORD_METHOD, "alice") is not None


async def test_of_two_new_passwords_at_once_one_wins_and_the_other_is_told(place: Place) -> None:
    await place.account("alice")

    async def change(text: str) -> None:
        await accounts.change_password("alice", Secret(text), store=place.store, maker=place.password_maker, actor=LOCAL, now=place.now)

    done = await asyncio.gather(change("one"), change("two"), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Mistake", "NoneType"]


async def test_who_is_not_there_is_told(place: Place) -> None:
    with pytest.raises(NotThere):
        await accounts.end("nobody", store=place.store, actor=LOCAL, now=place.now)
    with pytest.raises(NotThere):
        await accounts.change("nobody", store=place.store, actor=LOCAL, now=place.now, roles=frozenset())
    with pytest.raises(NotThere):
        await accounts.change_password("nobody", PASSWORD, store=place.store, maker=place.password_maker, actor=LOCAL, now=place.now)


async def test_accounts_are_listed_by_kind(place: Place) -> None:
    for name in ("alice", "bob"):
        await place.account(name, None)
    await place.service("till")
    assert [each.name for each in await accounts.every(store=place.store, kind="person")] == ["alice", "bob"]
    assert [each.name for each in await accounts.every(store=place.store)] == ["alice", "bob", "till"]


async def test_a_service_has_an_id_of_its_own_and_a_secret_of_256_bits(place: Place) -> None:
    new = await place.service("till")
    assert new.id.startswith("svc_")
    assert len(new.secret) == 43
    assert new.secret.reveal() not in repr(new)
    stored = await place.store.credentials.get(new.id)
    assert stored is not None
    assert stored.verifier == place.peppers.mac(new.secret.reveal().encode())
    assert stored.owner == "till"
    with pytest.raises(Taken):
        await place.service("till")
    with pytest.raises(NotAllowed):
        await services.create(
            "other",
            frozenset({"admin:keys"}),
            store=place.store,
            peppers=place.peppers,
            entropy=os.urandom,
            actor=Actor("bob"),
            now=place.now,
        )


async def test_only_sessions_are_ended_as_sessions(place: Place) -> None:
    key = await place.key()
    for id in ("nothing", key.id):
        with pytest.raises(NotThere):
            await sessions.revoke(id, store=place.store, actor=LOCAL, now=place.now)
