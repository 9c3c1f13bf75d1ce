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


def test_the_client_that_another_issuer_names_is_not_the_keys_owner() -> None:
    foreign = USER._replace(client="corp|spa", issuer="https://corp.example")
    principal = bound("api_key and jwt bound by app_and_user", APP, foreign)
    assert (principal.subject, principal.client) == ("alice", "shop")
    assert refused("api_key and jwt bound by app_and_user", APP, foreign._replace(issuer=None)) is Why.NOT_BOUND


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


JKT, X5T = "jkt:one", "x5t#S256:one"
HELD = Proof(method="dpop", subject="", credential_id="d", keys=frozenset({JKT}), ath="a")
BOUND = USER._replace(bound_to=frozenset({JKT}), ath="a")
MACHINE = CERTIFICATE._replace(subject="orders", keys=frozenset({X5T}))
PINNED = USER._replace(bound_to=frozenset({X5T}))


@pytest.mark.parametrize("text", ["jwt", "jwt bound by dpop", "jwt bound by same_key"])
def test_a_token_that_is_bound_to_a_key_counts_with_a_proof_of_it_only(text: str) -> None:
    principal = bound(text, BOUND, HELD)
    assert (principal.subject, principal.methods) == ("alice", ("jwt", "dpop"))
    assert refused(text, BOUND) is Why.NO_PROOF_OF_KEY
    assert refused(text, BOUND, HELD._replace(keys=frozenset({"jkt:other"}))) is Why.NO_PROOF_OF_KEY
    assert refused(text, BOUND, HELD._replace(ath="b")) is Why.BAD_DPOP
    assert refused(text, BOUND, HELD._replace(ath=None)) is Why.BAD_DPOP


@pytest.mark.parametrize("proof", [USER, USER._replace(bound_to=frozenset({X5T}))])
def test_bound_by_dpop_refuses_a_token_without_a_dpop_key(proof: Proof) -> None:
    assert refused("jwt bound by dpop", proof, HELD) is Why.NO_PROOF_OF_KEY
    assert refused("jwt bound by dpop", proof) is Why.NO_PROOF_OF_KEY


def test_a_token_bound_to_a_certificate_counts_on_its_connection_only() -> None:
    (way,) = alternatives(parse("jwt"))
    assert bind(way, {"jwt": PINNED}, X5T).subject == "alice"
    for other in (None, "x5t#S256:other"):
        with pytest.raises(Refused) as error:
            bind(way, {"jwt": PINNED}, other)
        assert error.value.why is Why.NO_PROOF_OF_KEY


def test_a_token_bound_to_two_keys_needs_both() -> None:
    (way,) = alternatives(parse("jwt"))
    both = BOUND._replace(bound_to=frozenset({JKT, X5T}))
    assert bind(way, {"jwt": both, "dpop": HELD}, X5T).subject == "alice"
    with pytest.raises(Refused):
        bind(way, {"jwt": both, "dpop": HELD}, None)
    with pytest.raises(Refused):
        bind(way, {"jwt": both}, X5T)


def test_same_key_joins_a_certificate_and_the_token_that_is_bound_to_it() -> None:
    principal = bound("mtls and jwt bound by same_key", MACHINE, PINNED)
    assert (principal.subject, principal.client) == ("alice", "orders")
    assert bound("mtls and jwt bound by same_key", MACHINE, PINNED._replace(client="shop")).client == "shop"
    assert refused("mtls and jwt bound by same_key", MACHINE, USER) is Why.NOT_BOUND
    other = MACHINE._replace(keys=frozenset({"x5t#S256:other"}))
    assert refused("mtls and jwt bound by same_key", other, PINNED) is Why.NO_PROOF_OF_KEY


def test_same_key_takes_a_signature_for_the_proof_of_a_tokens_key() -> None:
    signature = Proof(method="http_signature", subject="orders", credential_id="s", keys=frozenset({JKT}))
    assert bound("http_signature and jwt bound by same_key", signature, BOUND).subject == "alice"
    assert refused("http_signature and jwt bound by same_key", signature._replace(keys=frozenset({"jkt:x"})), BOUND) is Why.NO_PROOF_OF_KEY


def test_a_token_in_a_cookie_counts_by_no_key_that_is_shown_beside_it() -> None:
    signature = Proof(method="http_signature", subject="orders", credential_id="s", keys=frozenset({JKT}))
    assert refused("http_signature and jwt bound by same_key", signature, BOUND._replace(csrf="t")) is Why.NO_PROOF_OF_KEY


def test_same_key_alone_asks_for_a_token_that_is_bound() -> None:
    assert refused("jwt bound by same_key", USER) is Why.NOT_BOUND
    assert refused("jwt bound by same_key", USER, HELD) is Why.NOT_BOUND


@pytest.mark.parametrize(
    "text", ["api_key bound by dpop", "mtls bound by dpop", "api_key and jwt bound by same_key", "session bound by same_key"]
)
def test_what_has_no_key_cannot_be_bound_by_one(text: str) -> None:
    with pytest.raises(ValueError, match="has none"):
        parse(text)


def test_every_bond_of_a_nest_is_held() -> None:
    text = "(mtls and jwt bound by same_subject) and api_key bound by independent"
    assert bound(text, CERTIFICATE, USER, APP).subject == "alice"
    assert refused(text, CERTIFICATE._replace(subject="bob"), USER, APP) is Why.NOT_BOUND


def test_scopes_are_what_all_that_carry_some_allow() -> None:
    assert intersect([frozenset("ab"), None, frozenset("bc")]) == {"b"}
    assert intersect([frozenset("ab"), frozenset()]) == frozenset()
    assert intersect([None, None]) == frozenset()
    assert intersect([]) == frozenset()
