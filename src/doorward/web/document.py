"""A small public JSON document that does not change while a server runs: cacheable, and open to every origin (Fetch standard)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from doorward.web.asgi import Answer, Fields, Receive, Scope, Send
from doorward.web.jwks import matches

MAX_AGE: Final = 300
_ALLOW: Final = (b"allow", b"GET, HEAD, OPTIONS")


class Document:
    def __init__(self, told: Mapping[str, object]) -> None:
        self._body = json.dumps(told, separators=(",", ":")).encode()
        self._tag = b'"' + hashlib.sha256(self._body).hexdigest()[:32].encode() + b'"'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope).send(send, head=scope["method"] == "HEAD")

    def _answer(self, scope: Scope) -> Answer:
        if scope["method"] == "OPTIONS":
            allowed = (b"access-control-allow-methods", b"GET, HEAD"), (b"access-control-allow-headers", b"*")
            return Answer(204, [_ALLOW, (b"access-control-allow-origin", b"*"), *allowed], b"")
        if scope["method"] not in ("GET", "HEAD"):
            return Answer(405, [_ALLOW, (b"content-length", b"0")], b"")
        headers: Fields = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"public, max-age=%d" % MAX_AGE),
            (b"etag", self._tag),
            (b"access-control-allow-origin", b"*"),
        ]
        if matches(scope, self._tag):
            return Answer(304, headers, b"")
        return Answer(200, [*headers, (b"content-length", b"%d" % len(self._body))], self._body)
