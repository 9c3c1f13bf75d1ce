import os

import pytest

from doorward.admin import accounts
from doorward.admin.actor import LOCAL
from doorward.core.account import Account
from doorward.core.errors import Refused, Why
from doorward.core.event import Kind, Topic
from doorward.core.proof import Proof
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.core.secret import Secret
from doorward.ledger.revoke import Revoke
from doorward.login.session import Sessions
from doorward.methods.session import SessionOptions
from tests.methods.place import NOW, Place, request

HERE = Route(path="/**", allow=None)


def sessions(place: Place) -> Sessions:
    return Sessions(store=place.store, revoke=Revoke(place.store, 900), clock=place.clock, entropy=os.urandom, options=SessionOptions())


async def alice(place: Place) -> Account:
    found = await place.store.accounts.find("alice")
    assert found is not None
    return found


async def prove(place: Place, secret: Secret) -> Proof | Why:
    method = place.session()
    try:
        shown = method.find(request([("Cookie", f"__Host-doorward={secret.reveal()}")]), HERE)
        assert shown is not None
        return await method.prove(shown)
    except Refused as refused:
        return refused.why
    finally:
        await method.settle()


def browser(agent: str = "Firefox") -> Request:
    return request([("User-Agent", agent)])


async def test_a_session_proves_its_owner_and_only_digests_of_it_are_kept(place: Place) -> None:
    started = await sessions(place).start(await alice(place), NOW, browser())
    proof = await prove(place, started.secret)
    assert isinstance(proof, Proof)
    assert (proof.subject, proof.credential_id, proof.csrf, proof.authenticated_at) == ("alice", started.credential.id, started.csrf, NOW)
    assert len(started.secret) == 43
    assert started.secret.reveal() not in repr(started)
    assert started.secret.reveal() not in repr(started.credential)


async def test_it_ends_after_two_idle_hours_and_after_a_day_whatever_was_done(place: Place) -> None:
    started = await sessions(place).start(await alice(place), NOW, browser())
    while place.now < NOW + 86_400 - 7_000:
        place.now += 7_000
        assert isinstance(await prove(place, started.secret), Proof)
    place.now = NOW + 86_400
    assert await prove(place, started.secret) is Why.EXPIRED
    idle = await sessions(place).start(await alice(place), place.now, browser())
    place.now += 7_200
    assert await prove(place, idle.secret) is Why.EXPIRED


async def test_every_sign_in_has_a_new_id_and_ends_what_this_browser_had(place: Place) -> None:
    desk, owner = sessions(place), await alice(place)
    first = await desk.start(owner, NOW, browser())
    second = await desk.start(owner, NOW, browser(), replaces=first.secret)
    assert first.secret != second.secret
    assert await prove(place, first.secret) is Why.REVOKED
    assert isinstance(await prove(place, second.secret), Proof)
    planted = Secret("A" * 43)  # session fixation: an id that somebody else chose is never taken over
    third = await desk.start(owner, NOW, browser(), replaces=planted)
    assert third.secret != planted
    assert await prove(place, planted) is Why.UNKNOWN


async def test_a_session_of_before_never_carries_a_new_right(place: Place) -> None:
    started = await sessions(place).start(await alice(place), NOW, browser())
    place.now += 100
    changed = await accounts.change("alice", store=place.store, actor=LOCAL, now=place.now, scopes=frozenset({"read:pets", "admin:all"}))
    assert changed.ended
    assert await prove(place, started.secret) is Why.REVOKED
    place.now += 1
    again = await sessions(place).start(await alice(place), place.now, browser())
    place.now += 100
    await accounts.change("alice", store=place.store, actor=LOCAL, now=place.now, scopes=frozenset())
    assert isinstance(await prove(place, again.secret), Proof), "who may do less keeps the session, with less"


async def test_the_list_shows_own_live_sessions_with_device_and_place(place: Place) -> None:
    desk, owner = sessions(place), await alice(place)
    bob = await place.account("bob")
    await desk.start(bob, NOW, browser())
    ended = await desk.start(owner, NOW, browser())
    await desk.end(ended.credential.id, "alice")
    old = await desk.start(owner, NOW, browser("Old"))
    place.now += 60
    new = await desk.start(owner, place.now, browser("Fire\tfox" + "x" * 500))
    assert [session.id for session in await desk.live("alice")] == [new.credential.id, old.credential.id]
    assert new.credential.data["device"] == ("Firefox" + "x" * 500)[:256]
    assert new.credential.data["address"] == "192.0.2.1"
    place.now = NOW + 7_200
    assert [session.id for session in await desk.live("alice")] == [new.credential.id]


async def test_one_is_ended_by_its_owner_only(place: Place) -> None:
    desk = sessions(place)
    started = await desk.start(await alice(place), NOW, browser())
    assert not await desk.end(started.credential.id, "bob")
    assert isinstance(await prove(place, started.secret), Proof)
    assert await desk.end(started.credential.id, "alice")
    assert not await desk.end(started.credential.id, "alice")
    assert await prove(place, started.secret) is Why.REVOKED


async def test_a_key_is_no_session_that_could_be_ended_here(place: Place) -> None:
    key = await place.key()
    assert not await sessions(place).end(key.id, "shop")


async def test_all_end_but_the_one_that_asks_and_each_is_announced(place: Place) -> None:
    desk, owner = sessions(place), await alice(place)
    started = [await desk.start(owner, NOW, browser()) for _ in range(3)]
    ended = await desk.end_all("alice", but=started[0].credential.id)
    assert set(ended) == {each.credential.id for each in started[1:]}
    assert isinstance(await prove(place, started[0].secret), Proof)
    assert await prove(place, started[1].secret) is Why.REVOKED
    changes = [change for change in await place.store.changes.since(0) if change.topic is Topic.SESSION]
    assert {change.id for change in changes} == set(ended)
    assert await desk.end_all("alice") == [started[0].credential.id]


@pytest.mark.parametrize("ended", ["account", "subject"])
async def test_what_was_ended_while_the_password_was_checked_gets_no_session(place: Place, ended: str) -> None:
    owner = await alice(place)
    place.now += 1
    revoke = Revoke(place.store, 900)
    await (revoke.account if ended == "account" else revoke.subject)("alice", actor="root", now=NOW + 0.5)
    with pytest.raises(Refused) as caught:
        await sessions(place).start(owner, NOW, browser())
    assert caught.value.why is Why.REVOKED
    kinds = [entry.event.kind for entry in await place.store.journal.read()]
    assert Kind.SIGNED_IN not in kinds
    assert await sessions(place).live("alice") == []
