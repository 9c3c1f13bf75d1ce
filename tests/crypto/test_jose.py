import base64
import hmac
import json
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import import_key

from doorward.core.errors import Refused, Why
from doorward.crypto import base64url
from doorward.crypto.algorithms import checker, hmac_checker
from doorward.crypto.jose import LONGEST, SigningHandle, VerifyingKey, parse_jwt, sign_jwt
from doorward.crypto.jwk import from_jwk
from doorward.crypto.keyring import Keyring, new_signing_key
from doorward.crypto.seal import Sealer
from tests.crypto.vectors import example, read

NOW = 1_790_000_000.0
SEALER = Sealer({"a": b"a" * 32}, "a", os.urandom)
CLAIMS = {"iss": "https://door.example", "sub": "ada", "scope": "read:pets", "exp": 1_790_000_900}


def ring(alg: str) -> tuple[SigningHandle, VerifyingKey, dict[str, Any]]:
    record = new_signing_key(alg, SEALER, os.urandom, NOW, NOW)
    keys = Keyring()
    keys.load([record], SEALER, NOW)
    verifier = keys.verifier(record.kid, NOW)
    assert verifier is not None
    return keys.active(NOW, alg), verifier, json.loads(record.public)


ES256 = ring("ES256")
GOOD = sign_jwt(CLAIMS, ES256[0], "at+jwt")


def part(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def token(header: str, claims: str = "{}", signature: str = "AAAA") -> str:
    return f"{part(header)}.{part(claims)}.{signature}"


def why(text: str, key: VerifyingKey = ES256[1]) -> Why | None:
    try:
        key.verify(parse_jwt(text))
    except Refused as refused:
        return refused.why
    return None


@pytest.mark.rfc("7515", "3.1")
def test_what_is_signed_is_read_back_and_verifies() -> None:
    parsed = parse_jwt(GOOD)
    assert parsed.claims == CLAIMS
    assert parsed.header == ("ES256", ES256[0].kid, "at+jwt")
    ES256[1].verify(parsed)


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "ES384", "ES512", "Ed25519"])
def test_joserfc_reads_what_we_sign_and_we_read_what_joserfc_signs(alg: str) -> None:
    handle, verifier, public = ring(alg)
    ours = sign_jwt(CLAIMS, handle, "at+jwt")
    assert joserfc_jwt.decode(ours, import_key(public), algorithms=[alg]).claims == CLAIMS
    theirs_key = import_key({"kty": "oct", "k": part("k" * 32)})
    theirs = joserfc_jwt.encode({"alg": "HS256", "kid": "x"}, CLAIMS, theirs_key)
    VerifyingKey(kid="x", alg="HS256", check=hmac_checker(b"k" * 32)).verify(parse_jwt(theirs))
    assert why(ours, verifier) is None


@pytest.mark.rfc("7515", "A.1")
def test_the_hs256_example_of_rfc_7515() -> None:
    case = example("RFC 7515 A.1 (HS256)")
    parsed = parse_jwt(case["jws"])
    assert parsed.claims["http://example.com/is_root"] is True
    VerifyingKey(kid="", alg="HS256", check=hmac_checker(base64url.decode(case["jwk"]["k"].encode()))).verify(parsed)


@pytest.mark.rfc("7515", "A.3")
def test_the_es256_example_of_rfc_7515() -> None:
    case = example("RFC 7515 A.3 (ES256)")
    parsed = parse_jwt(case["jws"])
    VerifyingKey(kid="", alg="ES256", check=checker("ES256", from_jwk(case["jwk"]))).verify(parsed)
    assert parsed.claims["iss"] == "joe"


@pytest.mark.rfc("7515", "A.5")
@pytest.mark.rfc("8725", "3.2")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE"])
def test_alg_none_is_refused_in_any_spelling(alg: str) -> None:
    assert why(example("RFC 7515 A.5 (alg none: must be refused)")["jws"]) is Why.MALFORMED
    for signature in ("", GOOD.rpartition(".")[2]):
        assert why(token(json.dumps({"alg": alg, "typ": "at+jwt"}), "{}", signature)) is Why.MALFORMED


@pytest.mark.rfc("8725", "3.1")
def test_the_algorithm_is_the_keys_and_never_the_headers() -> None:
    claims = GOOD.split(".")[1]
    for alg in ("HS256", "RS256", "ES384", "es256"):
        assert why(f"{part(json.dumps({'alg': alg}))}.{claims}.{GOOD.rpartition('.')[2]}") is Why.WRONG_SIGNATURE
    # The classic confusion: an HMAC under the public key, which everybody knows.
    public = json.dumps(ES256[2]).encode()
    confused = SigningHandle(kid=ES256[0].kid, alg="HS256", sign=lambda data: hmac.digest(public, data, "sha256"))
    assert why(sign_jwt(CLAIMS, confused, "at+jwt")) is Why.WRONG_SIGNATURE


@pytest.mark.rfc("7515", "4.1.11")
@pytest.mark.rfc("8725", "3.10")
@pytest.mark.parametrize(
    "member",
    [
        '"crit":["exp"],"exp":1',
        '"crit":[]',
        '"b64":false',
        '"jku":"https://evil.example/keys"',
        '"x5u":"https://evil.example/cert"',
        '"jwk":{"kty":"oct","k":"AAAA"}',
        '"x5c":["AAAA"]',
        '"kid":7',
        '"kid":""',
        '"typ":1',
        '"kid":"' + "k" * 300 + '"',
    ],
)
def test_a_header_that_brings_keys_or_demands_is_refused(member: str) -> None:
    assert why(token('{"alg":"ES256",' + member + "}")) is Why.MALFORMED


@pytest.mark.rfc("7515", "4.1.11")
@pytest.mark.parametrize("name", ["hmac-sha2_b64_false", "4.2.hmac-sha2_b64_false"])
def test_the_unencoded_payloads_of_rfc_7797_are_refused_though_their_signatures_are_right(name: str) -> None:
    case = read(f"rfc7797/{name}.json")
    flat = case["output"]["json_flat"]
    payload, key = flat["payload"], base64url.decode(case["input"]["key"]["k"].encode())
    verifier = VerifyingKey(kid="", alg="HS256", check=hmac_checker(key))
    for text in (f"{flat['protected']}.{payload}.{flat['signature']}", f"{flat['protected']}.{part(payload)}.{flat['signature']}"):
        assert why(text, verifier) is Why.MALFORMED
    claims = part('{"sub":"ada"}')
    for members in ('"b64":false,"crit":["b64"]', '"b64":true,"crit":["b64"]', '"b64":false'):
        signed = part('{"alg":"HS256",' + members + "}") + f".{claims}"
        mac = base64url.encode(hmac.digest(key, signed.encode(), "sha256")).decode()
        assert why(f"{signed}.{mac}", verifier) is Why.MALFORMED


@pytest.mark.rfc("8725", "2.6")
@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ('{"alg":"none","alg":"ES256"}', "{}"),
        ('{"alg":"ES256"}', '{"sub":"ada","sub":"root"}'),
        ('{"alg":"ES256"}', '{"act":{"sub":"a","sub":"b"}}'),
        ('{"alg":7}', "{}"),
        ("[]", "{}"),
        ('{"alg":"ES256"}', "[]"),
        ('{"alg":"ES256"}', '"text"'),
        ("{}", "{}"),
    ],
)
def test_members_twice_and_parts_that_are_no_objects_are_refused(header: str, claims: str) -> None:
    assert why(token(header, claims)) is Why.MALFORMED


@pytest.mark.rfc("7515", "2")
def test_only_the_canonical_spelling_of_a_token_is_read() -> None:
    head, claims, signature = GOOD.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = last[last.index(signature[-1]) ^ 1]  # the same bytes to a lenient reader
    for text in (
        f"{head}.{claims}.{signature[:-1]}{other}",
        f"{head}.{claims}.{signature}=",
        f"{head}.{claims}.{signature}==",
        f" {GOOD}",
        f"{GOOD}\n",
        f"{head}.{claims}",
        f"{GOOD}.",
        f"{head}..{claims}.{signature}",
        f"{head}.{claims}.é",
        "",
        "..",
    ):
        assert why(text) is Why.MALFORMED, text


def test_a_token_over_8_kib_is_refused_unread() -> None:
    big = sign_jwt({"x": "y" * LONGEST}, ES256[0], "at+jwt")
    assert why(big) is Why.MALFORMED


@given(st.integers(0, len(GOOD) - 1), st.sampled_from("ABCabc019-_.=+/ é"))
@settings(max_examples=200)
def test_no_changed_letter_is_accepted(place: int, letter: str) -> None:
    changed = GOOD[:place] + letter + GOOD[place + 1 :]
    assert changed == GOOD or why(changed) in (Why.MALFORMED, Why.WRONG_SIGNATURE)


@given(st.text(max_size=80) | st.lists(st.text('{}":,abceg[]', max_size=20).map(part), min_size=2, max_size=4).map(".".join))
@settings(max_examples=200)
def test_any_text_is_a_token_or_malformed(text: str) -> None:
    assert why(text) in (Why.MALFORMED, Why.WRONG_SIGNATURE)


@pytest.mark.rfc("7515", "4.1.9")
@pytest.mark.parametrize(("typ", "read"), [("at+jwt", "at+jwt"), ("application/at+jwt", "at+jwt"), ("AT+JWT", "at+jwt"), ("JWT", "jwt")])
def test_typ_is_a_media_type_whose_prefix_may_be_left_out(typ: str, read: str) -> None:
    assert parse_jwt(token(json.dumps({"alg": "ES256", "typ": typ}))).header.typ == read


def test_neither_key_shows_what_it_holds() -> None:
    assert "sign=" not in repr(ES256[0])
    assert "check=" not in repr(ES256[1])
