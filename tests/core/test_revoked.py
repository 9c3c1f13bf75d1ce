"""core/revoked.py: the set in memory that self-contained tokens are asked against."""

import pytest

from doorward.core.event import Change, Topic
from doorward.core.revoked import Revoked


def change(topic: Topic, id: str, *, at: float = 100.0, until: float = 1000.0, seq: int = 7) -> Change:
    return Change(topic=topic, id=id, at=at, until=until, seq=seq)


def revoked(*changes: Change) -> Revoked:
    made = Revoked()
    for each in changes:
        made.apply(each)
    return made


def test_a_revoked_token_or_grant_is_known_by_its_id_alone() -> None:
    known = revoked(change(Topic.TOKEN, "a"), change(Topic.GRANT, "b"))
    assert (known.token("a"), known.token("b"), known.grant("b"), known.grant("a")) == (True, False, True, False)


def test_an_epoch_ends_what_was_issued_before() -> None:
    known = revoked(change(Topic.SUBJECT, "alice", at=100.4))
    assert known.subject("alice", 99.0, 0)
    assert known.subject("alice", 100.9, 0), "without a sequence the whole second is before"
    assert not known.subject("alice", 101.0, 0)
    assert not known.subject("bob", 1.0, 0)
    assert not known.client("alice", 1.0, 0)


def test_the_sequence_decides_whatever_the_clocks_say() -> None:
    """A token's `iat` has whole seconds, and another worker's clock may be ahead (DECISIONS 20)."""
    known = revoked(change(Topic.SUBJECT, "alice", at=100.4, seq=7))
    assert known.subject("alice", 100.0, 6)
    assert known.subject("alice", 100.9, 6)
    assert not known.subject("alice", 100.0, 7)
    assert not known.subject("alice", 100.0, 8)
    assert known.subject("alice", 105.0, 6), "made before, by a clock that is ahead"
    assert not known.subject("alice", 99.0, 7), "made after, by a clock that is behind"


def test_a_client_has_an_epoch_of_its_own() -> None:
    known = revoked(change(Topic.CLIENT, "shop"))
    assert known.client("shop", 99.0, 0)
    assert not known.subject("shop", 99.0, 0)


@pytest.mark.parametrize("turned", [False, True])
def test_a_later_change_of_a_slow_clock_takes_nothing_back(turned: bool) -> None:
    changes = [change(Topic.SUBJECT, "alice", at=200.0, seq=7), change(Topic.SUBJECT, "alice", at=150.0, seq=8)]
    known = revoked(*reversed(changes) if turned else changes)
    assert known.subject("alice", 199.0, 0)
    assert known.subject("alice", 201.0, 7)
    assert not known.subject("alice", 200.0, 8)
    assert not known.subject("alice", 201.0, 0)


def test_it_is_forgotten_only_when_all_it_revoked_has_expired() -> None:
    known = revoked(
        change(Topic.TOKEN, "a", until=500.0), change(Topic.SUBJECT, "alice", until=900.0), change(Topic.SUBJECT, "alice", until=600.0)
    )
    assert len(known) == 2
    assert known.forget(500.0) == 0
    assert known.forget(501.0) == 1
    assert not known.token("a")
    assert known.subject("alice", 1.0, 0)
    assert known.forget(901.0) == 1
    assert not known.subject("alice", 1.0, 0)
    assert len(known) == 0


def test_changes_that_no_token_is_asked_against_are_not_kept() -> None:
    kept = revoked(*(change(topic, "x") for topic in (Topic.CREDENTIAL, Topic.SIGNING_KEYS, Topic.PASSWORD)))
    assert len(kept) == 0
