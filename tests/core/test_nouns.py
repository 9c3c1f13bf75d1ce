"""core/account.py, grant.py, signing.py, store.py, proof.py: nouns that nobody changes in place and that hide nothing unsaid."""

import inspect

import pytest

from doorward.core.account import CLIENT, PERSON, SERVICE, Account
from doorward.core.grant import Grant, Spent, Ticket
from doorward.core.proof import Principal, Proof
from doorward.core.signing import SigningKey
from doorward.core.store import Busy, Exists, Unavailable, Use

TICKET = Ticket(kind="refresh", lookup=b"l", holder="shop", grant_id="g", created_at=0.0, expires_at=1.0)
NOUNS = [
    Account(name="alice", kind=PERSON, created_at=0.0),
    Grant(id="g", kind="login", subject="alice", created_at=0.0),
    TICKET,
    Spent(TICKET, first_time=True),
    SigningKey(kid="k", alg="ES256", sealed=b"", sealed_by="s", public="{}", created_at=0.0, active_at=0.0),
    Proof(method="jwt", subject="alice", credential_id="j"),
    Principal(subject="alice"),
    Use("k", 1, "ok", 1, 0.0),
]


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: type(noun).__name__)
def test_nouns_are_frozen(noun: object) -> None:
    field = next(iter(inspect.signature(type(noun)).parameters))
    with pytest.raises(AttributeError):
        setattr(noun, field, "changed")


def test_a_new_noun_is_neither_ended_nor_spent() -> None:
    account, grant = NOUNS[0], NOUNS[1]
    assert isinstance(account, Account)
    assert isinstance(grant, Grant)
    assert (account.ended_at, account.epoch, grant.revoked_at, TICKET.spent_at, TICKET.successor) == (None,) * 5


def test_two_accounts_do_not_share_their_data() -> None:
    one, other = (Account(name=name, kind=SERVICE, created_at=0.0) for name in "ab")
    assert one.data == {}
    assert one.data is not other.data


def test_kinds_of_accounts_are_three() -> None:
    assert len({PERSON, SERVICE, CLIENT}) == 3


def test_a_principal_has_no_scope_until_a_proof_carries_one() -> None:
    assert Principal(subject="alice").scopes == frozenset()
    assert Proof(method="jwt", subject="alice", credential_id="j").scopes is None


def test_busy_is_a_way_of_being_unavailable() -> None:
    assert issubclass(Busy, Unavailable)
    assert Exists("email").what == "email"
