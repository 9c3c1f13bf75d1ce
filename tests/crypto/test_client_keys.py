"""What a client registers of its keys: RFC 7517 sections 4 and 5, RFC 8705 section 2.2.2."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.presented import x5t
from doorward.crypto.algorithms import generate
from doorward.crypto.client_keys import MOST_KEYS, certificate_jwk, read_keys
from doorward.crypto.jwk import thumbprint, to_jwk
from tests.oauth.client_certificates import a_leaf

EC: dict[str, Any] = to_jwk(generate("ES256").public_key())
RSA: dict[str, Any] = to_jwk(generate("RS256").public_key())
ED: dict[str, Any] = to_jwk(generate("EdDSA").public_key())
SMALL: dict[str, Any] = to_jwk(rsa.generate_private_key(65537, 1024).public_key())  # noqa: S505 - to be refused


@pytest.mark.rfc("7517", "5")
def test_a_key_proves_what_its_type_allows_or_the_algorithm_that_it_names() -> None:
    found = read_keys({"keys": [EC, RSA, ED]}, strict=True)
    assert {key.alg for key in found.keys} == {"ES256", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA", "Ed25519"}
    assert {key.kid for key in found.keys} == {thumbprint(each) for each in (EC, RSA, ED)}
    named = read_keys({"keys": [{**RSA, "alg": "PS256", "kid": "a", "use": "sig", "key_ops": ["verify"]}]}, strict=True)
    assert [(key.kid, key.alg) for key in named.keys] == [("a", "PS256")]


def test_a_key_is_found_by_algorithm_and_kid_or_alone() -> None:
    found = read_keys({"keys": [{**EC, "kid": "a"}, {**RSA, "kid": "b"}, {**RSA, "kid": "c", "alg": "RS256"}]}, strict=True)
    for alg, kid, there in (
        ("ES256", "a", True), ("ES256", None, True), ("ES256", "b", False), ("RS256", "b", True), ("RS256", None, False),
        ("PS256", None, True), ("PS256", "c", False), ("HS256", "a", False), ("none", None, False), ("", "", False),
    ):  # fmt: skip
        assert (found.find(alg, kid) is not None) is there, (alg, kid)


@pytest.mark.parametrize(
    ("jwk", "word"),
    [
        ({"kty": "oct", "k": "AAAA"}, "oct"),
        ({**EC, "d": "AAAA"}, "private"),
        ({**RSA, "p": "AAAA"}, "private"),
        ({**EC, "use": "enc"}, "signatures"),
        ({**EC, "key_ops": ["sign"]}, "signatures"),
        ({**EC, "key_ops": "verify"}, "signatures"),
        ({**EC, "alg": "none"}, "alg"),
        ({**EC, "alg": "HS256"}, "alg"),
        ({**EC, "alg": "RS256"}, "not one for"),
        ({**EC, "alg": 7}, "alg"),
        ({**EC, "alg": ["ES256"]}, "alg"),
        ({**EC, "kid": ""}, "kid"),
        ({**EC, "kid": 7}, "kid"),
        ({**EC, "kid": "k" * 257}, "kid"),
        ({**EC, "x": "AAAA"}, "length"),
        ({**EC, "y": EC["x"]}, "."),
        ({**EC, "x5c": []}, "x5c"),
        ({**EC, "x5c": "AAAA"}, "x5c"),
        ({**EC, "x5c": ["AAAA"]}, "."),
        ({**EC, "x5c": ["!"]}, "."),
        (SMALL, "2048"),
        ({**SMALL, "alg": "RS256"}, "2048"),
        ({**RSA, "n": "_" * 4000}, "."),
        ({**RSA, "n": "_" * 1400}, "dearer"),
        ({**RSA, "e": "AA"}, "."),
        ({"kty": "EC"}, "."),
        ({}, "."),
        ("key", "object"),
        (None, "object"),
    ],
)
def test_a_key_that_cannot_be_used_is_a_mistake_or_passed_over(jwk: object, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        read_keys({"keys": [jwk]}, strict=True)
    assert [key.kid for key in read_keys({"keys": [jwk, {**ED, "kid": "good", "alg": "EdDSA"}]}, strict=False).keys] == ["good"]


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": None}, {"keys": "x"}, {"keys": [EC] * (MOST_KEYS + 1)}, EC])
def test_what_is_no_key_set_is_refused(document: dict[str, object]) -> None:
    for strict in (True, False):
        with pytest.raises(ValueError, match="JWK set"):
            read_keys(document, strict=strict)


def test_two_keys_of_one_name_are_a_mistake_and_prove_nothing() -> None:
    other = to_jwk(generate("ES256").public_key())
    document = {"keys": [{**EC, "kid": "a"}, {**other, "kid": "a"}]}
    with pytest.raises(ValueError, match="same kid"):
        read_keys(document, strict=True)
    assert read_keys(document, strict=False).find("ES256", "a") is None


@pytest.mark.rfc("8705", "2.2.2")
def test_a_certificate_is_registered_by_its_thumbprint_and_is_of_its_key() -> None:
    der, other = a_leaf(), a_leaf()
    jwk = certificate_jwk(der)
    assert read_keys({"keys": [jwk]}, strict=True).certificates == {x5t(der)}
    assert f"x5t#S256:{jwk['x5t#S256']}" == x5t(der)
    with pytest.raises(ValueError, match="another key"):
        read_keys({"keys": [{**jwk, "x5c": certificate_jwk(other)["x5c"]}]}, strict=True)
    for junk in (b"", b"x", der[:-1], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(ValueError):
            certificate_jwk(junk)


_VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=2)


@given(st.lists(st.dictionaries(st.sampled_from([*EC, *RSA, "alg", "kid", "use", "key_ops", "x5c"]), _VALUES), max_size=3))
def test_any_key_set_is_read_or_refused(keys: list[dict[str, Any]]) -> None:
    read_keys({"keys": [{**EC, **each} for each in keys]}, strict=False)
    read_keys({"keys": [{**RSA, **each} for each in keys]}, strict=False)
