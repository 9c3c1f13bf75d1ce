import contextlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from doorward.crypto.algorithms import generate
from doorward.crypto.jwk import from_jwk, thumbprint, to_jwk
from tests.crypto.vectors import cookbook, example


@pytest.mark.parametrize("alg", ["RS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_a_public_key_goes_out_and_comes_back_with_public_members_only(alg: str) -> None:
    public = generate(alg).public_key()
    jwk = to_jwk(public)
    assert set(jwk) <= {"kty", "crv", "x", "y", "n", "e"}
    assert to_jwk(from_jwk(jwk)) == jwk


@pytest.mark.rfc("7520", "3")
@pytest.mark.parametrize("number", ["3_1", "3_2", "3_3", "3_4"])
def test_the_keys_of_the_jose_cookbook(number: str) -> None:
    jwk = cookbook(number)
    made = to_jwk(from_jwk(jwk))
    assert made == {name: jwk[name] for name in made}
    assert "d" not in made


@pytest.mark.rfc("7638", "3.1")
@pytest.mark.rfc("8037", "A.3")
@pytest.mark.parametrize("name", ["RFC 7638 section 3.1", "RFC 8037 appendix A"])
def test_thumbprints_are_those_of_the_standards(name: str) -> None:
    case = example(name)
    assert thumbprint(case["jwk"]) == case["thumbprint_S256"]


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
        {"kty": "EC", "crv": "P-256", "x": "!", "y": 7},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "RSA", "n": "", "e": "AQAB"},
        {"kty": "RSA", "e": "AQAB"},
    ],
    ids=str,
)
def test_what_is_no_public_key_of_ours_is_a_value_error(jwk: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        from_jwk(jwk)


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e"]),
        st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB", "A" * 43]) | st.text(max_size=8) | st.integers(),
    )
)
def test_any_jwk_is_a_key_or_a_value_error(jwk: dict[str, Any]) -> None:
    with contextlib.suppress(ValueError):
        to_jwk(from_jwk(jwk))
    with contextlib.suppress(ValueError):
        thumbprint(jwk)


def test_a_curve_without_a_name_does_not_go_out() -> None:
    with pytest.raises(ValueError, match="no name"):
        to_jwk(ec.generate_private_key(ec.SECP256K1()).public_key())
