"""What `/verify` is asked with, for each method: requests as nginx would send them, from 500 addresses for 500 targets in turn.

What is signed passes once, so it is signed anew for each round, outside the clock. A webhook signs its body, which no proxy
hands to `/verify`: that method works in the application alone, and has a row in `methods` only.
"""

import base64
import json
import os
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from bench import load, place
from bench.place import Place, Served
from bench.rounds import Effort
from doorward.client.dpop import DpopKey
from doorward.core.secret import Secret
from doorward.crypto import base64url
from doorward.crypto.digest import sha256
from doorward.crypto.hmac_signing import signed_headers
from doorward.crypto.message_signing import MessageKey, sign_request
from doorward.crypto.signature_algorithms import HMAC, read_private

CALLERS: Final = 500
"""Addresses and targets in turn."""
SEEN: Final = 500
UNSEEN: Final = 25_000
"""In turn, and more than are remembered (`[jwt] memo`, 10,000): each is met as new."""
ALGORITHMS: Final = (HMAC, "ed25519", "ecdsa-p256-sha256", "rsa-pss-sha512")


@dataclass(frozen=True, slots=True)
class Way:
    """`one(number)` makes a request. `times`: so many are sent in turn. `fastest`: each passes once, and that is requests a second that
    no worker here reaches."""

    one: Callable[[int], bytes]
    times: int = CALLERS
    fastest: int = 0

    def requests(self, seconds: float) -> list[bytes]:
        """For so many seconds."""
        count = int(self.fastest * max(1.0, seconds) * 1.2) or self.times
        return [self.one(number) for number in range(count)]


async def ways(home: Place, ours: Served, effort: Effort) -> dict[str, Way]:
    tokens = await place.tokens(home, 500 if effort.quick else SEEN + UNSEEN)
    opaque, cookie, certificate = await opaque_token(home, ours.port), await place.session(ours.port), client_certificate(home)
    seen, unseen = tokens[:SEEN], tokens[SEEN:] or tokens
    return {
        "api_key": _same("api_key", ("X-API-Key", home.key)),
        "basic, seen before": _same("basic", ("Authorization", f"Basic {place.basic()}")),
        "jwt, seen before": Way(lambda number: _bearer(seen[number], number), len(seen)),
        "jwt, first sight": Way(lambda number: _bearer(unseen[number], number), len(unseen)),
        "access_token": _same("access_token", ("Authorization", f"Bearer {opaque}")),
        "session": _same("session", ("Cookie", cookie)),
        "mtls": _same("mtls", ("Client-Cert", certificate)),
        "hmac": Way(lambda number: _by_hmac(home, number), fastest=12_000),
        **{f"http_signature, {alg}": _signed(home, alg) for alg in ALGORITHMS},
        "dpop, ES256": await _bound(home),
    }


def asked(method: str, head: Iterable[tuple[str, str]], number: int = 7) -> bytes:
    """What nginx asks for GET /METHOD/NUMBER from one of many addresses."""
    number %= CALLERS
    caller = [("X-Forwarded-For", f"192.0.{number // 200}.{number % 200 + 1}"), *place.AHEAD[1:]]
    original = [("X-Original-Method", "GET"), ("X-Original-URI", f"/{method}/{number}"), ("X-Original-Content-Length", "0")]
    return load.raw("GET", "/verify", [*caller, *original, ("User-Agent", "bench"), ("Accept", "*/*"), *head])


def url(method: str, number: int) -> str:
    """The same as its caller wrote it."""
    return f"https://api.example/{method}/{number % CALLERS}"


def _same(method: str, shown: tuple[str, str]) -> Way:
    """One credential from everywhere."""
    return Way(lambda number: asked(method, [shown], number))


def _bearer(token: str, number: int) -> bytes:
    return asked("jwt", [("Authorization", f"Bearer {token}")], number)


async def opaque_token(home: Place, port: int) -> str:
    words = ("client", "create", "measured", "--grant", "client_credentials", "--scopes", "read:pets write:pets")
    client: dict[str, Any] = json.loads(home.ask(*words, "--token", "opaque", "--access-life", "1h", "--json"))
    async with httpx.AsyncClient(auth=(client["client_id"], client["client_secret"])) as web:
        told = await web.post(f"http://127.0.0.1:{port}/oauth/token", data={"grant_type": "client_credentials"})
    told.raise_for_status()
    token: str = told.json()["access_token"]
    return token


def client_certificate(home: Place) -> str:
    """As a listed proxy tells it in Client-Cert (RFC 9440)."""
    out = home.data / "orders"
    home.ask("cert", "ca")
    home.ask("cert", "issue", "--name", "spiffe://example.org/orders", "--scopes", "read:pets", "--out", str(out))
    der = ssl.PEM_cert_to_DER_cert((out / "cert.pem").read_text("ascii"))
    return f":{base64.b64encode(der).decode()}:"


def _by_hmac(home: Place, number: int) -> bytes:
    target, nonce = f"/hmac/{number % CALLERS}", f"{time.monotonic_ns()}-{number}"
    head = signed_headers(home.hmac["id"], Secret(home.hmac["secret"]), "GET", target, b"", timestamp=int(time.time()), nonce=nonce)
    return asked("hmac", head.items(), number)


def _signed(home: Place, alg: str) -> Way:
    """The least that every route asks to be covered."""
    key = message_key(home, alg)

    def one(number: int) -> bytes:
        fields = sign_request("GET", url("http_signature", number), (), b"", key, created=int(time.time()), nonce=os.urandom(12).hex())
        return asked("http_signature", fields.items(), number)

    return Way(one, fastest=5_000 if alg.startswith("rsa") else 10_000)


def message_key(home: Place, alg: str) -> MessageKey:
    words = ("key", "create", "--owner", "shop", "--scopes", "read:pets", "--alg", alg, "--name", alg, "--json")
    made: dict[str, Any] = json.loads(home.ask(*words, *(() if alg == HMAC else ("--keypair",))))
    key = Secret(made["secret"]) if alg == HMAC else read_private(Secret(made["private_key"]))
    return MessageKey.of(made["id"], key, alg)


async def _bound(home: Place) -> Way:
    """One token that is bound to a key, a proof of that key for each request (RFC 9449)."""
    key = DpopKey.generate("ES256")
    token = (await place.tokens(home, 1, cnf={"jkt": key.thumbprint}))[0]
    ath = base64url.encode(sha256(token.encode())).decode()

    def one(number: int) -> bytes:
        said = {"jti": os.urandom(12).hex(), "htm": "GET", "htu": url("dpop", number), "iat": int(time.time()), "ath": ath}
        return asked("dpop", [("Authorization", f"DPoP {token}"), ("DPoP", key.proof(said))], number)

    return Way(one, fastest=8_000)
