"""`GET /oauth/jwks`: the public signing keys (RFC 7517 section 5), cacheable and open to every origin."""

import hashlib
import json
from typing import Final

from doorward.core.clock import Clock
from doorward.crypto.keyring import Keyring
from doorward.web.asgi import Answer, Fields, Receive, Scope, Send

MAX_AGE: Final = 300
"""Seconds; far less than the time a key is published before it signs."""


class Jwks:
    def __init__(self, keyring: Keyring, clock: Clock) -> None:
        self._keyring, self._clock = keyring, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope).send(send, head=scope["method"] == "HEAD")

    def _answer(self, scope: Scope) -> Answer:
        if scope["method"] not in ("GET", "HEAD"):
            return Answer(405, [(b"allow", b"GET, HEAD"), (b"content-length", b"0")], b"")
        body = json.dumps(self._keyring.jwks(self._clock()), separators=(",", ":")).encode()
        tag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
        headers: Fields = [
            (b"content-type", b"application/jwk-set+json"),
            (b"cache-control", b"public, max-age=%d" % MAX_AGE),
            (b"etag", tag),
            (b"access-control-allow-origin", b"*"),
        ]
        if matches(scope, tag):
            return Answer(304, headers, b"")
        return Answer(200, [*headers, (b"content-length", str(len(body)).encode())], body)


def matches(scope: Scope, tag: bytes) -> bool:
    """RFC 9110 section 13.1.2, weakly compared."""
    asked = b",".join(value for name, value in scope["headers"] if name == b"if-none-match")
    return any(each.strip().removeprefix(b"W/") in (tag, b"*") for each in asked.split(b",") if each)
