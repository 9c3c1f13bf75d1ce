import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from doorward.crypto import base64url
from doorward.crypto.algorithms import ASYMMETRIC, BadSignature
from doorward.crypto.issuer_keys import EMPTY, LARGEST, MOST_KEYS, keys_of, read_key_set
from doorward.crypto.jwk import to_jwk
from tests.outbound.issuer import Key

VECTORS = Path(__file__).parent.parent / "vectors"
EC, RSA, ED = Key("ec"), Key("rsa", "RS256"), Key("ed", "EdDSA")


def keys(*jwks: Any, algorithms: frozenset[str] = ASYMMETRIC) -> set[tuple[str, str]]:
    return {(key.kid, key.alg) for key in keys_of({"keys": list(jwks)}, algorithms)._all}


@pytest.mark.rfc("7517", "4.4")
@pytest.mark.parametrize("alg", sorted(ASYMMETRIC))
def test_a_key_proves_its_own_algorithm_only(alg: str) -> None:
    found = keys_of({"keys": [Key("k", alg).public()]}, ASYMMETRIC)
    assert found.find("k", alg) is not None
    others = ASYMMETRIC - {alg} - ({"EdDSA", "Ed25519"} if alg in ("EdDSA", "Ed25519") else set())
    assert all(found.find("k", other) is None for other in {*others, "HS256", "none", ""})


def test_a_key_without_alg_proves_what_its_type_can_and_the_issuer_may() -> None:
    assert keys(RSA.public(alg=None)) == {("rsa", f"{kind}{size}") for kind in ("RS", "PS") for size in (256, 384, 512)}
    assert keys(RSA.public(alg=None), algorithms=frozenset({"PS256", "ES256"})) == {("rsa", "PS256")}
    assert keys(EC.public(alg=None)) == {("ec", "ES256")}
    found = keys_of({"keys": [ED.public(alg=None)]}, ASYMMETRIC)
    assert found.find("ed", "EdDSA")
    assert found.find("ed", "Ed25519")


@pytest.mark.rfc("8725", "3.1")
def test_an_algorithm_that_the_issuer_is_not_trusted_with_gives_no_key() -> None:
    with pytest.raises(ValueError, match="no key"):
        keys(RSA.public(), algorithms=frozenset({"ES256"}))


def small_rsa(bits: int) -> dict[str, Any]:
    return {**to_jwk(rsa.generate_private_key(65537, bits).public_key()), "kid": "small", "alg": "RS256"}


def number(value: int) -> str:
    return base64url.encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()


UNFIT: dict[str, dict[str, Any]] = {
    "for encryption": EC.public(use="enc"),
    "use of no kind": EC.public(use=["sig"]),
    "to sign only": EC.public(key_ops=["sign"]),
    "operations of no kind": EC.public(key_ops="verify"),
    "of a type nobody knows": EC.public(kty="PQ"),
    "shared": {"kty": "oct", "k": "A" * 43, "kid": "h", "alg": "HS256"},
    "public, but for HMAC": EC.public(alg="HS256"),
    "public, but for none": EC.public(alg="none"),
    "for encrypting keys": RSA.public(alg="RSA-OAEP"),
    "with its private half": {**EC.made.as_dict(private=True), "kid": "leak", "alg": "ES256"},
    "off its curve": EC.public(x=base64url.encode(bytes(32)).decode()),
    "a point cut short": EC.public(x="AAAA"),
    "of another curve than its algorithm": EC.public(alg="ES384"),
    "on a curve that JOSE does not sign with here": EC.public(crv="secp256k1"),
    "X25519": ED.public(crv="X25519"),
    "an Ed25519 key too short": ED.public(x="AAAA"),
    "not base64url": EC.public(x="!!!!"),
    "padded": ED.public(x=ED.public()["x"] + "="),
    "RSA of 1024 bits": small_rsa(1024),
    "RSA of 32768 bits": RSA.public(n=number((1 << 32767) + 1)),
    "RSA with a huge exponent": RSA.public(e=number((1 << 2040) + 1)),
    "RSA with the exponent 1": RSA.public(e="AQ"),
    "RSA with an even exponent": RSA.public(e="Ag"),
    "RSA of nought": RSA.public(n="AA"),
    "a kid of no kind": EC.public(kid=["ec"]),
    "an empty kid": EC.public(kid=""),
    "a long kid": EC.public(kid="k" * 257),
}


@pytest.mark.rfc("7517", "5")
@pytest.mark.rfc("8725", "3.4")
@pytest.mark.parametrize("unfit", UNFIT)
def test_an_unfit_key_is_passed_over_and_the_others_count(unfit: str) -> None:
    assert keys(UNFIT[unfit], ED.public()) == {("ed", "EdDSA")}
    with pytest.raises(ValueError, match="no key"):
        keys(UNFIT[unfit])


@pytest.mark.rfc("7517", "4.5")
def test_two_keys_under_one_kid_are_told_apart_by_algorithm_or_not_at_all() -> None:
    found = keys_of({"keys": [EC.public(), Key("ec", "ES384").public()]}, ASYMMETRIC)
    assert found.find("ec", "ES256")
    assert found.find("ec", "ES384")
    assert found.find("ec", "ES256") is not found.find("ec", "ES384")
    assert keys_of({"keys": [EC.public(), Key("ec").public()]}, ASYMMETRIC).find("ec", "ES256") is None
    assert keys_of({"keys": [EC.public(), EC.public()]}, ASYMMETRIC).find("ec", "ES256")


@pytest.mark.rfc("7515", "4.1.4")
def test_without_a_kid_a_token_is_proven_where_exactly_one_key_fits() -> None:
    assert keys_of({"keys": [EC.public(), RSA.public()]}, ASYMMETRIC).find(None, "ES256")
    assert keys_of({"keys": [EC.public(), Key("other").public()]}, ASYMMETRIC).find(None, "ES256") is None
    unnamed = keys_of({"keys": [EC.public(kid=None)]}, ASYMMETRIC)
    assert unnamed.find(None, "ES256")
    assert unnamed.find("ec", "ES256") is None


def test_a_key_that_is_published_again_stays_the_same_object() -> None:
    before = keys_of({"keys": [EC.public()]}, ASYMMETRIC)
    after = keys_of({"keys": [RSA.public(), EC.public()]}, ASYMMETRIC, before)
    assert after.find("ec", "ES256") is before.find("ec", "ES256")
    assert before.find("ec", "ES256") in after
    assert after.find("rsa", "RS256") not in before
    assert "ec" not in after
    assert len(after) == 2
    assert len(EMPTY) == 0


def test_more_than_a_set_may_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        keys(*([EC.public()] * (MOST_KEYS + 1)))
    with pytest.raises(ValueError, match="list"):
        read_key_set(b" " * (LARGEST + 1), ASYMMETRIC)


@pytest.mark.rfc("7517", "5")
@pytest.mark.parametrize("name", ["3_1.ec_public_key", "3_3.rsa_public_key"])
def test_the_public_keys_of_rfc_7520_are_read(name: str) -> None:
    jwk = json.loads((VECTORS / "rfc7520" / f"{name}.json").read_text())
    assert keys(jwk.get("input", jwk)) != set()


def test_the_keys_of_wycheproof_prove_its_signatures_and_no_others() -> None:
    """Ed25519: every case of Google's and C2SP's, through a JWK as an issuer would publish it."""
    tried = 0
    for group in json.loads((VECTORS / "wycheproof" / "ed25519_test.json").read_text())["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["pk"])
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(public).decode(), "kid": "w"}
        key = keys_of({"keys": [jwk]}, ASYMMETRIC).find("w", "EdDSA")
        assert key is not None
        for case in group["tests"]:
            tried += 1
            try:
                key.check(bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
                verified = True
            except BadSignature:
                verified = False
            assert case["result"] == "acceptable" or verified == (case["result"] == "valid"), case["tcId"]
    assert tried > 100


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
MEMBERS = st.fixed_dictionaries(
    {"kty": st.sampled_from(["RSA", "EC", "OKP", "oct", "x"])},
    optional={
        name: JSON | st.text("AQgw-_=+/", max_size=60) | st.sampled_from(["P-256", "Ed25519", "sig", "ES256", "RS256", "AQAB"])
        for name in ("n", "e", "crv", "x", "y", "d", "k", "kid", "alg", "use", "key_ops", "x5c", "x5t", "oth")
    },
)


@given(st.lists(MEMBERS | JSON, max_size=5))
def test_any_key_set_is_read_or_refused(listed: list[Any]) -> None:
    with contextlib.suppress(ValueError):
        read_key_set(json.dumps({"keys": listed}).encode(), ASYMMETRIC)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        read_key_set(data, ASYMMETRIC)
