"""Clients that prove themselves by a signed assertion: RFC 7521 section 4.2, RFC 7523 section 3."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from doorward.core.client import Client
from doorward.core.errors import Why
from doorward.crypto.algorithms import ASYMMETRIC, generate, hmac_signer
from doorward.crypto.jwk import to_jwk
from doorward.oauth.errors import OAuthError
from tests.methods.place import NOW
from tests.oauth.client_desk import ISSUER, TOKEN_ENDPOINT, ClientDesk, KeyPair, encoded, refusal

KEY = KeyPair()
OTHER = KeyPair(private=generate("ES256"))
JKU = "https://evil.example/keys.json"


@pytest.fixture
async def till(desk: ClientDesk) -> Client:
    return await desk.with_key(KEY)


@pytest.mark.rfc("7523", "3")
@pytest.mark.parametrize("audience", [ISSUER, TOKEN_ENDPOINT, [ISSUER], [TOKEN_ENDPOINT], [ISSUER, TOKEN_ENDPOINT]])
async def test_a_good_assertion_proves_its_client(desk: ClientDesk, till: Client, audience: object) -> None:
    assert (await desk.assertion(KEY.sign(desk.claims(till, aud=audience)))).id == till.id


@pytest.mark.rfc("7521", "4.2")
async def test_a_client_id_beside_it_must_be_the_same(desk: ClientDesk, till: Client) -> None:
    assert (await desk.assertion(KEY.sign(desk.claims(till)), client_id=till.id)).id == till.id
    other = await desk.with_key(OTHER)
    assert (await refusal(desk.assertion(KEY.sign(desk.claims(till)), client_id=other.id))).code == "invalid_client"


@pytest.mark.parametrize("alg", sorted(ASYMMETRIC))
async def test_every_algorithm_for_key_pairs_is_taken(desk: ClientDesk, alg: str) -> None:
    key = KeyPair(alg, "any", generate(alg))
    client = await desk.with_key(key)
    assert (await desk.assertion(key.sign(desk.claims(client)))).id == client.id
    unnamed = KeyPair(alg, "any", key.private)
    bare = {name: value for name, value in unnamed.public.items() if name not in ("alg", "kid")}
    second = (await desk.client(auth="private_key_jwt", jwks={"keys": [bare]})).client
    assert (await desk.assertion(key.sign(desk.claims(second), kid=None))).id == second.id


@pytest.mark.parametrize("typ", ["JWT", "jwt", "client-authentication+jwt", None])
async def test_the_type_may_say_what_it_is(desk: ClientDesk, till: Client, typ: str | None) -> None:
    assert (await desk.assertion(KEY.sign(desk.claims(till), typ=typ))).id == till.id


def hs256(claims: dict[str, object], secret: bytes) -> str:
    signed = f"{encoded(json.dumps({'alg': 'HS256', 'kid': 'k1'}).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{signed}.{encoded(hmac_signer(secret)(signed.encode()))}"


def public_pem(key: KeyPair) -> bytes:
    return key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


HEADERS: dict[str, dict[str, object]] = {
    "jwk": {"jwk": OTHER.public},
    "jku": {"jku": JKU},
    "x5u": {"x5u": JKU},
    "x5c": {"x5c": ["AAAA"]},
    "crit": {"crit": ["exp"]},
    "unknown crit": {"crit": ["b64"], "b64": False},
    "kid of a file": {"kid": "../../../dev/null"},
    "kid of a query": {"kid": "' OR '1'='1"},
    "kid of another": {"kid": "k2"},
    "kid that is a number": {"kid": 7},
    "kid that is a list": {"kid": ["k1"]},
    "kid that is long": {"kid": "k" * 1000},
    "kid that is empty": {"kid": ""},
    "alg of another key": {"alg": "RS256"},
    "alg none": {"alg": "none"},
    "alg None": {"alg": "nOnE"},
    "no alg": {"alg": None},
    "access token": {"typ": "at+jwt"},
    "logout token": {"typ": "logout+jwt"},
    "typ that is a number": {"typ": 1},
}


@pytest.mark.rfc("8725", "3.1")
@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
async def test_a_header_that_tries_something_is_refused(desk: ClientDesk, till: Client, header: dict[str, object]) -> None:
    signed_by = OTHER if {"jwk", "jku", "x5u", "x5c"} & header.keys() else KEY
    alg = header.get("alg", "ES256")
    key = signed_by if alg in ("ES256", "RS256") else KeyPair(str(alg), "k1", signed_by.private)
    text = key.sign(desk.claims(till), **header)
    assert (await refusal(desk.assertion(text))).code == "invalid_client"
    assert not desk.asked, "nothing that a header names is ever fetched"


CLAIMS: dict[str, dict[str, object]] = {
    "expired": {"exp": int(NOW) - 1},
    "expires now": {"exp": int(NOW)},
    "no exp": {"exp": None},
    "exp far ahead": {"exp": int(NOW) + 3700},
    "exp without end": {"exp": 1e300},
    "exp as text": {"exp": str(int(NOW) + 60)},
    "exp true": {"exp": True},
    "negative exp": {"exp": -1},
    "issued in the future": {"iat": int(NOW) + 120},
    "iat as text": {"iat": "now"},
    "not yet": {"nbf": int(NOW) + 120},
    "no iss": {"iss": None},
    "wrong iss": {"iss": "somebody"},
    "no sub": {"sub": None},
    "wrong sub": {"sub": "somebody"},
    "sub is a list": {"sub": ["till"]},
    "no aud": {"aud": None},
    "wrong aud": {"aud": "https://other.example"},
    "aud with a slash": {"aud": ISSUER + "/"},
    "another audience too": {"aud": [ISSUER, "https://other.example"]},
    "no audience in the list": {"aud": []},
    "aud is an object": {"aud": {"a": ISSUER}},
    "a number among aud": {"aud": [ISSUER, 7]},
    "no jti": {"jti": None},
    "empty jti": {"jti": ""},
    "jti is a number": {"jti": 7},
    "long jti": {"jti": "j" * 257},
    "half a character": {"jti": "\ud800"},
}


@pytest.mark.rfc("7523", "3")
@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS.keys())
async def test_a_claim_that_is_not_as_it_must_be_is_refused(desk: ClientDesk, till: Client, claims: dict[str, object]) -> None:
    assert (await refusal(desk.assertion(KEY.sign(desk.claims(till, **claims))))).code == "invalid_client"


async def test_what_is_wrong_is_told_to_its_signer_alone(desk: ClientDesk, till: Client) -> None:
    late = desk.claims(till, exp=int(NOW) - 1)
    assert "expired" in (await refusal(desk.assertion(KEY.sign(late)))).description
    assert "expired" not in (await refusal(desk.assertion(OTHER.sign(late)))).description


async def test_keys_that_are_not_this_clients_prove_nothing(desk: ClientDesk, till: Client) -> None:
    neighbour = await desk.with_key(OTHER)
    assert (await refusal(desk.assertion(OTHER.sign(desk.claims(till))))).why is Why.WRONG_SIGNATURE
    assert (await refusal(desk.assertion(KEY.sign(desk.claims(neighbour))))).why is Why.WRONG_SIGNATURE
    for secret in (public_pem(KEY), json.dumps(KEY.public).encode(), bytes(32)):
        assert (await refusal(desk.assertion(hs256(desk.claims(till), secret)))).code == "invalid_client", "no HMAC with a public key"
    good = KEY.sign(desk.claims(till))
    head, body, signature = good.split(".")
    for text in (f"{head}.{body}.", f"{head}.{body}.{signature[:-4]}AAAA", f"{head}.{encoded(b'{}')}.{signature}", good + "A", good[1:]):
        assert (await refusal(desk.assertion(text))).code == "invalid_client"


async def test_a_client_that_is_registered_otherwise_has_no_use_for_assertions(desk: ClientDesk) -> None:
    plain, gone = (await desk.client()).client, await desk.with_key(KEY)
    await desk.end(gone.id)
    for client in (plain, gone):
        assert (await refusal(desk.assertion(KEY.sign(desk.claims(client))))).code == "invalid_client"
    nobody = {**desk.claims(plain), "iss": "0" * 16, "sub": "0" * 16}
    assert (await refusal(desk.assertion(KEY.sign(nobody)))).code == "invalid_client"


async def test_a_member_that_stands_twice_is_refused(desk: ClientDesk, till: Client) -> None:
    text = json.dumps(desk.claims(till))
    twice = f'{text[:-1]}, "sub": "{till.id}"}}'.encode()
    assert (await refusal(desk.assertion(KEY.sign(twice)))).why is Why.MALFORMED


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "a.b.c.d", "....", "eyJ.eyJ.AA", "\x00", "ä.ö.ü", "x" * 1_000_000])
async def test_what_is_no_assertion_is_refused_and_nothing_more(desk: ClientDesk, text: str) -> None:
    assert (await refusal(desk.assertion(text))).code == "invalid_client"


async def test_an_assertion_of_9_kib_is_not_even_read(desk: ClientDesk, till: Client) -> None:
    assert (await desk.assertion(KEY.sign(desk.claims(till, more="x" * 5000)))).id == till.id
    assert (await refusal(desk.assertion(KEY.sign(desk.claims(till, more="x" * 7000))))).why is Why.MALFORMED


@pytest.mark.parametrize("kind", ["", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "jwt-bearer"])
async def test_another_type_of_assertion_is_refused(desk: ClientDesk, till: Client, kind: str) -> None:
    shown = desk.form(client_assertion=KEY.sign(desk.claims(till)), client_assertion_type=kind)
    assert (await refusal(shown)).code == "invalid_client"


async def test_two_keys_are_told_apart_by_kid_and_without_it_none_is_guessed(desk: ClientDesk) -> None:
    one, two = KeyPair(kid="one", private=KEY.private), KeyPair(kid="two", private=OTHER.private)
    client = await desk.with_key(one, two)
    for key in (one, two):
        assert (await desk.assertion(key.sign(desk.claims(client)))).id == client.id
    assert (await refusal(desk.assertion(one.sign(desk.claims(client), kid="two")))).why is Why.WRONG_SIGNATURE
    assert (await refusal(desk.assertion(one.sign(desk.claims(client), kid=None)))).why is Why.UNKNOWN


async def test_an_assertion_is_used_once_by_many_tasks(desk: ClientDesk, till: Client) -> None:
    text = KEY.sign(desk.claims(till))
    told = await asyncio.gather(*(desk.assertion(text) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(each, Client) for each in told) == 1
    assert {each.why for each in told if isinstance(each, OAuthError)} == {Why.REPLAYED}
    again = KEY.sign(desk.claims(till, jti="same"))
    await desk.assertion(again)
    assert (await refusal(desk.assertion(KEY.sign(desk.claims(till, jti="same", exp=int(NOW) + 30))))).why is Why.REPLAYED
    neighbour = await desk.with_key(KEY)
    assert (await desk.assertion(KEY.sign(desk.claims(neighbour, jti="same")))).id == neighbour.id, "a jti is its client's own"


async def test_a_refused_assertion_is_not_used_up(desk: ClientDesk, till: Client) -> None:
    await refusal(desk.assertion(OTHER.sign(desk.claims(till, jti="j"))))
    await refusal(desk.assertion(KEY.sign(desk.claims(till, jti="j", aud="https://other.example"))))
    assert (await desk.assertion(KEY.sign(desk.claims(till, jti="j")))).id == till.id


async def test_an_assertion_is_used_once_by_several_processes(desk: ClientDesk, till: Client, tmp_path: Path) -> None:
    workers = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.oauth.assertion_worker", str(tmp_path), "10"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"ready\n"
    text = KEY.sign(desk.claims(till)).encode() + b"\n"
    told = await asyncio.gather(*(worker.communicate(text) for worker in workers))
    words = [word for out, _ in told for word in out.decode().split()]
    assert sorted(words) == ["Client"] + ["REPLAYED"] * 19


async def test_what_was_signed_before_an_unclean_start_is_refused(desk: ClientDesk, till: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def since() -> float:
        return NOW - 5

    monkeypatch.setattr(desk.place.store.once, "trusted_since", since)
    assert (await refusal(desk.assertion(KEY.sign(desk.claims(till, iat=int(NOW) - 6))))).why is Why.SIGNED_BEFORE_RESTART
    assert (await refusal(desk.assertion(KEY.sign(desk.claims(till, iat=None))))).why is Why.SIGNED_BEFORE_RESTART
    assert (await desk.assertion(KEY.sign(desk.claims(till)))).id == till.id


async def test_an_algorithm_that_was_registered_is_the_only_one(desk: ClientDesk) -> None:
    rsa = generate("RS256")
    jwk = to_jwk(rsa.public_key())
    client = (await desk.client(auth="private_key_jwt", jwks={"keys": [jwk]})).client
    assert (await desk.assertion(KeyPair("PS256", "", rsa).sign(desk.claims(client), kid=None))).id == client.id
    narrow = (await desk.client(auth="private_key_jwt", jwks={"keys": [{**jwk, "alg": "RS256"}]})).client
    assert (await refusal(desk.assertion(KeyPair("PS256", "", rsa).sign(desk.claims(narrow), kid=None)))).why is Why.UNKNOWN
