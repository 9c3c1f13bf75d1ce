"""Assertions that other libraries sign, and assertions that nobody would."""

import os
import time
from typing import Any

import joserfc.jwk
import joserfc.jwt
import jwt as pyjwt
import pytest
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doorward.core.client import Client
from doorward.oauth.client_assertion import read_assertion
from doorward.oauth.errors import OAuthError
from tests.oauth.client_desk import ISSUER, TOKEN_ENDPOINT, ClientDesk, KeyPair

KEY = KeyPair()


@pytest.fixture
async def till(desk: ClientDesk) -> Client:
    return await desk.with_key(KEY)


def pem(key: KeyPair) -> bytes:
    return key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def ec_key(key: KeyPair) -> joserfc.jwk.ECKey:
    return joserfc.jwk.ECKey.import_key(pem(key).decode())


def _by_authlib(key: KeyPair, client: Client) -> str:
    text: Any = private_key_jwt_sign(
        ec_key(key), client_id=client.id, token_endpoint=TOKEN_ENDPOINT, alg="ES256", header={"alg": "ES256", "kid": "k1"}
    )
    return text.decode() if isinstance(text, bytes) else str(text)


def _by_pyjwt(key: KeyPair, client: Client) -> str:
    now = int(time.time())
    claims = {"iss": client.id, "sub": client.id, "aud": ISSUER, "exp": now + 60, "iat": now, "jti": os.urandom(8).hex()}
    return pyjwt.encode(claims, pem(key), algorithm="ES256", headers={"kid": "k1"})


def _by_joserfc(key: KeyPair, client: Client) -> str:
    now = int(time.time())
    claims = {"iss": client.id, "sub": client.id, "aud": [TOKEN_ENDPOINT], "exp": now + 60, "iat": now, "jti": os.urandom(8).hex()}
    return joserfc.jwt.encode({"alg": "ES256", "kid": "k1"}, claims, ec_key(key))


@pytest.mark.parametrize("sign", [_by_authlib, _by_pyjwt, _by_joserfc])
async def test_what_other_libraries_sign_is_understood(desk: ClientDesk, till: Client, sign: Any) -> None:
    desk.place.now = time.time()
    assert (await desk.assertion(sign(KEY, till))).id == till.id


_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_JSON = st.recursive(_PLAIN, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(claims=st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "x"]), _JSON))
async def test_any_claims_are_an_assertion_or_refused(desk: ClientDesk, till: Client, claims: dict[str, Any]) -> None:
    text = KEY.sign({**desk.claims(till), **claims})
    try:
        assert (await desk.assertion(text)).id == till.id
    except OAuthError as reason:
        assert reason.code == "invalid_client"


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(OAuthError):
        read_assertion(text, None)
