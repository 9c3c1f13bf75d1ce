from collections.abc import Callable
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.crypto import base64url
from doorward.crypto.algorithms import (
    ALGORITHMS,
    ASYMMETRIC,
    BadSignature,
    PrivateKey,
    PublicKey,
    checker,
    generate,
    hmac_checker,
    hmac_signer,
    same_algorithm,
    signer,
)
from doorward.crypto.jwk import from_jwk
from tests.crypto.vectors import cookbook, example, wycheproof

RSA = rsa.generate_private_key(65537, 2048)


def key_for(alg: str) -> PrivateKey:
    return RSA if alg[:2] in ("RS", "PS") else generate(alg)


@pytest.mark.rfc("7518", "3.1")
def test_the_closed_list_of_algorithms_has_no_none_and_no_encryption() -> None:
    hashed = {kind + size for kind in ("RS", "PS", "ES") for size in ("256", "384", "512")}
    assert hashed | {"EdDSA", "Ed25519", "HS256"} == ALGORITHMS


@pytest.mark.parametrize("alg", sorted(ASYMMETRIC))
def test_each_algorithm_proves_what_it_signed_and_nothing_else(alg: str) -> None:
    key = key_for(alg)
    sign, check = signer(alg, key), checker(alg, key.public_key())
    signature = sign(b"text")
    check(signature, b"text")
    for other, signed in (
        (signature, b"texT"),
        (signature[:-1], b"text"),
        (b"", b"text"),
        (signature + b"\0", b"text"),
        (bytes(64), b"text"),
    ):
        with pytest.raises(BadSignature):
            check(other, signed)


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512", "Ed25519", "RS256", "PS256"])
@given(signature=st.binary(max_size=260))
@settings(max_examples=30, deadline=None)
def test_no_signature_whatever_raises_anything_but_bad_signature(alg: str, signature: bytes) -> None:
    with pytest.raises(BadSignature):
        CHECKS[alg](signature, b"text")


CHECKS = {alg: checker(alg, key_for(alg).public_key()) for alg in ("ES256", "ES384", "ES512", "Ed25519", "RS256", "PS256")}


@pytest.mark.rfc("9864", "2.2")
def test_eddsa_and_ed25519_are_one_algorithm_under_two_names() -> None:
    assert same_algorithm("EdDSA", "Ed25519")
    assert not same_algorithm("RS256", "PS256")
    key = Ed25519PrivateKey.generate()
    checker("Ed25519", key.public_key())(signer("EdDSA", key)(b"text"), b"text")


@pytest.mark.rfc("7518", "3.4")
@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("ES256", ec.generate_private_key(ec.SECP384R1())),
        ("ES256", ec.generate_private_key(ec.SECP256K1())),
        ("ES256", RSA),
        ("RS256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", RSA),
        ("none", RSA),
        ("HS256", RSA),
    ],
    ids=str,
)
def test_a_key_signs_with_its_own_algorithm_only(alg: str, key: PrivateKey) -> None:
    with pytest.raises(ValueError, match=r"not one for|is on the curve"):
        signer(alg, key)
    with pytest.raises(ValueError, match=r"not one for|is on the curve"):
        checker(alg, key.public_key())


@pytest.mark.rfc("7518", "3.3")
def test_an_rsa_key_below_2048_bits_is_refused() -> None:
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the point
    with pytest.raises(ValueError, match="at least 2048 bits"):
        checker("RS256", small.public_key())


@pytest.mark.rfc("7518", "3.2")
def test_an_hmac_key_below_256_bits_is_refused() -> None:
    for make in (hmac_signer, hmac_checker):
        with pytest.raises(ValueError, match="at least 256 bits"):
            make(b"k" * 31)


def test_a_key_pair_is_made_for_key_pair_algorithms_only() -> None:
    with pytest.raises(ValueError, match="not an algorithm for signing keys"):
        generate("HS256")


@pytest.mark.rfc("7520", "4")
@pytest.mark.parametrize("number", ["4_1", "4_2", "4_3", "4_4"])
def test_the_signatures_of_the_jose_cookbook_verify(number: str) -> None:
    case = cookbook(number)
    key = case["input"]["key"]
    alg = case["input"]["alg"]
    check = hmac_checker(base64url.decode(key["k"].encode())) if key["kty"] == "oct" else checker(alg, from_jwk(key))
    signed, _, signature = case["output"]["compact"].encode().rpartition(b".")
    check(base64url.decode(signature), signed)
    with pytest.raises(BadSignature):
        check(base64url.decode(signature), signed + b"x")


@pytest.mark.rfc("8037", "A.4")
def test_the_signature_of_rfc_8037_is_made_and_verified_byte_for_byte() -> None:
    case = example("RFC 8037 appendix A")
    private = Ed25519PrivateKey.from_private_bytes(base64url.decode(case["jwk"]["d"].encode()))
    signed, _, signature = case["jws"].encode().rpartition(b".")
    assert base64url.encode(signer("EdDSA", private)(signed)) == signature
    checker("EdDSA", from_jwk(case["jwk"]))(base64url.decode(signature), signed)


@pytest.mark.parametrize(
    ("name", "alg"),
    [("ecdsa_secp256r1_sha256_p1363", "ES256"), ("ed25519", "Ed25519"), ("rsa_pss_2048_sha256_mgf1_32", "PS256")],
)
def test_wycheproof_signatures(name: str, alg: str) -> None:
    cases = wycheproof(name)
    verify = {id(group): checker(alg, cast("PublicKey", load_der_public_key(bytes.fromhex(group["publicKeyDer"])))) for group, _ in cases}
    seen = wrong = 0
    for group, test in cases:
        passed = _passes(verify[id(group)], bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
        seen += 1
        wrong += test["result"] != "acceptable" and passed != (test["result"] == "valid")
    assert seen > 100
    assert wrong == 0


def test_wycheproof_hmac() -> None:
    seen = 0
    for group, test in wycheproof("hmac_sha256"):
        if group["keySize"] < 256:
            continue  # refused when the key is loaded: see above
        passed = _passes(hmac_checker(bytes.fromhex(test["key"])), bytes.fromhex(test["tag"]), bytes.fromhex(test["msg"]))
        assert passed == (test["result"] == "valid" and group["tagSize"] == 256), test["tcId"]
        seen += 1
    assert seen > 50


def _passes(check: Callable[[bytes, bytes], None], signature: bytes, signed: bytes) -> bool:
    try:
        check(signature, signed)
    except BadSignature:
        return False
    return True
