"""Access tokens for the in-process rows, all of one key and each its own, and the requests that carry them."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.rounds import Run
from doorward.core.method import Method
from doorward.core.policy import parse
from doorward.core.request import Headers, Request
from doorward.core.route import Route
from doorward.crypto import base64url
from doorward.crypto.algorithms import PublicKey
from doorward.crypto.jose import sign_jwt
from doorward.crypto.jwk import from_jwk
from doorward.crypto.keyring import Keyring, new_signing_key
from doorward.crypto.seal import Sealer

ISSUER: Final = "https://door.example"
ROUTE: Final = Route(path="/pets/**", allow=parse("jwt"), name="pets")


@dataclass(frozen=True, slots=True)
class Tokens:
    """`public` and `jwk` are the verifying key as the peers want it."""

    alg: str
    keyring: Keyring
    jwk: dict[str, str]
    public: PublicKey
    texts: Sequence[str]


def make(alg: str, count: int) -> Tokens:
    """With the claims that a first-party sign-in gives (RFC 9068 section 2.2)."""
    now = time.time()
    sealer = Sealer({"bench": bytes(32)}, "bench", os.urandom)
    keyring = Keyring()
    keyring.load([new_signing_key(alg, sealer, os.urandom, now, now)], sealer, now)
    handle = keyring.active(now, alg)
    jwk = keyring.jwks(now)["keys"][0]
    texts = [sign_jwt(claims(number, now), handle, "at+jwt") for number in range(count)]
    return Tokens(alg, keyring, jwk, from_jwk(jwk), texts)


def claims(number: int, now: float) -> dict[str, object]:
    return {
        "iss": ISSUER,
        "sub": f"person-{number % 97}",
        "aud": ISSUER,
        "exp": int(now) + 86_400,
        "iat": int(now),
        "jti": base64url.encode(os.urandom(16)).decode(),
        "auth_time": int(now),
        "client_id": ISSUER,
        "gid": base64url.encode(os.urandom(12)).decode(),
        "scope": "read:pets write:pets",
        "seq": 7,
    }


def requests(texts: Sequence[str]) -> list[Request]:
    """New ones each time: a Request remembers what was read of it."""
    return [request([(b"host", b"door.example"), (b"authorization", b"Bearer " + text.encode())]) for text in texts]


def request(headers: list[tuple[bytes, bytes]]) -> Request:
    return Request("GET", "/pets/7", "", Headers(headers), "https", "door.example", "192.0.2.7", None, has_body=False)


def proving(method: Method[Any], requests: Sequence[Request], route: Route = ROUTE) -> Run:
    """Each request found and proven as the gate does it."""

    async def run() -> int:
        find, prove = method.find, method.prove
        for request in requests:
            shown = find(request, route)
            assert shown is not None
            await prove(shown)
        return len(requests)

    return run
