"""The guard of a service behind a proxy: believes X-Auth-Identity and nothing else (DECISIONS 11, 13). Plain ASGI.

scope["principal"] is who calls; every X-Auth-* field is taken away. Where the token holds the digest of a signed body,
the body is read, compared and played again. A request without a token did not come through the door: 401.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from doorward.core.clock import Clock, Entropy
from doorward.core.errors import Refused, Why
from doorward.core.proof import Principal
from doorward.core.request import Headers
from doorward.core.secret import same
from doorward.crypto.jose import parse_jwt
from doorward.web.answer import Answerer
from doorward.web.arrival import only_ours
from doorward.web.asgi import App, Receive, Scope, Send
from doorward.web.body import LARGEST, Replay, has_body
from doorward.web.identity import CONTENT_SHA256, CONTENT_SHA512, TYP
from doorward.web.key_set import KeySet
from doorward.web.trailers import check_trailers

_FIELD: Final = b"x-auth-identity"
_MOST: Final = 1024
_DIGESTS: Final = {CONTENT_SHA256: hashlib.sha256, CONTENT_SHA512: hashlib.sha512}


@dataclass(frozen=True, slots=True, kw_only=True)
class BehindOptions:
    """`leeway` in seconds, for clocks that differ. `largest_body`: bytes of a signed body."""

    leeway: float = 2.0
    largest_body: int = LARGEST


class _Identity:
    challenge: Final = "Identity"


class Behind:
    """`audience` is this service, as the proxy asks with `?service=` or as the route is named."""

    def __init__(
        self,
        app: App,
        *,
        keys: KeySet,
        issuer: str,
        audience: str,
        clock: Clock,
        entropy: Entropy = os.urandom,
        options: BehindOptions | None = None,
    ) -> None:
        self.app, self._keys, self._issuer, self._audience = app, keys, issuer, audience
        self._clock, self._entropy, self._options = clock, entropy, options or BehindOptions()
        methods: dict[str, Any] = {"identity": _Identity()}
        self._answerer = Answerer(methods)
        self._proven: dict[str, Mapping[str, object]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, send)
            return
        if kind not in ("http", "websocket"):
            raise RuntimeError(f"doorward knows no ASGI scope of the type {kind!r}, so it lets none through")
        try:
            fields = list(scope["headers"])
            headers = Headers(fields)
            check_trailers(scope, headers, receive)
            clean = only_ours(fields)
            claims = await self._prove(headers.one(_FIELD))
            principal = principal_of(claims)
            body = Replay(receive, headers.one(b"content-length"), self._options.largest_body)
            if kind == "http":
                has_body(headers, scope.get("http_version", "1.1"))  # refuses a length that is none
                await _compare(claims, body)
        except Refused as refused:
            answer = self._answerer.refusal(refused, self._entropy(12).hex())
            if kind == "websocket":
                await answer.refuse_websocket(scope, receive, send)
            else:
                await answer.send(send, head=scope["method"] == "HEAD")
            return
        await self.app({**scope, "headers": clean, "principal": principal}, body.receive if kind == "http" else receive, send)

    async def _prove(self, text: str | None) -> Mapping[str, object]:
        """The claims. Raises Refused."""
        if not text:
            raise Refused(Why.MISSING, note="no X-Auth-Identity: the request did not come through the door")
        claims = self._proven.get(text)
        if claims is None:
            token = parse_jwt(text)
            if token.header.typ != TYP:
                raise Refused(Why.WRONG_TYPE)
            key = await self._keys.find(token.header.kid or "")
            if key is None:
                raise Refused(Why.UNKNOWN, note="no such signing key")
            key.verify(token)
            claims = token.claims
            if claims.get("iss") != self._issuer:
                raise Refused(Why.WRONG_ISSUER)
            if claims.get("aud") != self._audience:
                raise Refused(Why.WRONG_AUDIENCE)
            if _DIGESTS.keys().isdisjoint(claims):
                if len(self._proven) >= _MOST:
                    self._proven.clear()
                self._proven[text] = claims
        expires = claims.get("exp")
        if not isinstance(expires, int | float) or self._clock() >= expires + self._options.leeway:
            raise Refused(Why.EXPIRED)
        return claims


def principal_of(claims: Mapping[str, object]) -> Principal:
    """Raises Refused(MALFORMED). The proofs stayed at the door; `claims["methods"]` names them."""
    subject, client, scope, roles = claims.get("sub"), claims.get("client_id"), claims.get("scope", ""), claims.get("roles", [])
    if not isinstance(subject, str) or not isinstance(scope, str) or not (client is None or isinstance(client, str)):
        raise Refused(Why.MALFORMED)
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise Refused(Why.MALFORMED)
    return Principal(subject=subject, client=client, scopes=frozenset(scope.split()), roles=frozenset(roles), claims=claims)


async def _compare(claims: Mapping[str, object], body: Replay) -> None:
    """Raises Refused(BODY_NOT_SIGNED, BODY_TOO_LARGE)."""
    for claim, hashed in _DIGESTS.items():
        digest = claims.get(claim)
        if digest is None:
            continue
        if not isinstance(digest, str) or not same(hashed(await body.read()).hexdigest().encode(), digest.encode()):
            raise Refused(Why.BODY_NOT_SIGNED, "The body is not the one that was signed.")
