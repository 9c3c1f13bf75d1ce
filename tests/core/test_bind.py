"""core/bind.py: do proofs that are shown together belong together, and who is it then?"""

import pytest

from doorward.core.account import PERSON, SERVICE
from doorward.core.bind import bind, intersect
from doorward.core.errors import Refused, Why
from doorward.core.policy import alternatives, parse
from doorward.core.proof import Principal, Proof

APP = Proof(method="api_key", subject="shop", credential_id="k", owner_kind=SERVICE, scopes=frozenset({"read", "write"}))
USER = Proof(
    method="jwt", subject="alice", credential_id="j", scopes=frozenset({"read"}), roles=frozenset({"keeper"}), claims={"sub": "alice"}
)
CERTIFICATE = Proof(method="mtls", subject="alice", credential_id="m", roles=frozenset({"machine"}))


def bound(text: str, *proofs: Proof) -> Principal:
    (way,) = alternatives(parse(text))
    return bind(way, {proof.method: proof for proof in proofs})


def refused(text: str, *proofs: Proof) -> Why:
    with pytest.raises(Refused) as error:
        bound(text, *proofs)
    return error.value.why


def test_one_proof_is_its_principal() -> None:
    principal = bound("jwt", USER._replace(client="shop"))
    assert (principal.subject, principal.client) == ("alice", "shop")
    assert principal.scopes == {"read"}
    assert principal.roles == {"keeper"}
    assert principal.claims == {"sub": "alice"}


def test_same_subject_joins_what_is_of_one() -> None:
    principal = bound("mtls and jwt bound by same_subject", CERTIFICATE, USER)
    assert principal.subject == "alice"
    assert principal.scopes == {"read"}
    assert principal.roles == {"keeper", "machine"}
    assert principal.methods == ("mtls", "jwt")


def test_same_subject_refuses_two() -> None:
    assert refused("mtls and jwt bound by same_subject", CERTIFICATE._replace(subject="bob"), USER) is Why.NOT_BOUND


def test_same_subject_compares_every_one_of_three() -> None:
    third = APP._replace(subject="mallory")
    assert refused("mtls and jwt and api_key bound by same_subject", CERTIFICATE, USER, third) is Why.NOT_BOUND


@pytest.mark.parametrize("text", ["api_key and jwt bound by app_and_user", "jwt and api_key bound by app_and_user"])
def test_the_key_names_the_application_and_the_token_the_person(text: str) -> None:
    principal = bound(text, APP, USER._replace(client="shop"))
    assert (principal.subject, principal.client) == ("alice", "shop")
    assert principal.scopes == {"read"}
    assert principal.roles == {"keeper"}
    assert bound(text, APP, USER).client == "shop"


@pytest.mark.parametrize("method", ["access_token", "session"])
def test_a_session_or_an_opaque_token_speaks_for_the_person_too(method: str) -> None:
    assert bound(f"api_key and {method} bound by app_and_user", APP, USER._replace(method=method)).subject == "alice"


def test_a_persons_own_key_names_no_application() -> None:
    assert refused("api_key and jwt bound by app_and_user", APP._replace(owner_kind=PERSON), USER) is Why.NOT_BOUND


def test_a_token_issued_to_another_application_is_refused() -> None:
    assert refused("api_key and jwt bound by app_and_user", APP, USER._replace(client="other")) is Why.NOT_BOUND


def test_two_applications_or_two_persons_are_refused() -> None:
    assert refused("api_key and hmac bound by app_and_user", APP, APP._replace(method="hmac")) is Why.NOT_BOUND
    assert refused("session and jwt bound by app_and_user", USER._replace(method="session"), USER) is Why.NOT_BOUND
    assert refused("api_key and hmac and jwt bound by app_and_user", APP, APP._replace(method="hmac"), USER) is Why.NOT_BOUND


def test_independent_takes_the_first_as_the_subject() -> None:
    principal = bound("jwt and api_key bound by independent", USER, APP)
    assert principal.subject == "alice"
    assert principal.scopes == {"read"}
    assert principal.roles == {"keeper"}
    assert principal.proofs == (USER, APP)


def test_roles_of_another_subject_are_not_lent() -> None:
    assert bound("api_key and jwt bound by independent", APP, USER).roles == frozenset()


@pytest.mark.parametrize("text", ["jwt bound by dpop", "jwt bound by same_key"])
def test_a_binder_that_is_not_built_refuses(text: str) -> None:
    assert refused(text, USER) is Why.NOT_BOUND


def test_every_bond_of_a_nest_is_held() -> None:
    text = "(mtls and jwt bound by same_subject) and api_key bound by independent"
    assert bound(text, CERTIFICATE, USER, APP).subject == "alice"
    assert refused(text, CERTIFICATE._replace(subject="bob"), USER, APP) is Why.NOT_BOUND


def test_scopes_are_what_all_that_carry_some_allow() -> None:
    assert intersect([frozenset("ab"), None, frozenset("bc")]) == {"b"}
    assert intersect([frozenset("ab"), frozenset()]) == frozenset()
    assert intersect([None, None]) == frozenset()
    assert intersect([]) == frozenset()
