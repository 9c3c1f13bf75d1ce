"""The door before an application in the same process: plain ASGI middleware.

http        the gate; then the application, with scope["principal"] (None where the route is open to anyone)
websocket   the handshake is a GET under the same policy and is refused before it is accepted; with a cookie or a
            certificate alone its Origin must be ours (RFC 6455 section 10.2), since browsers let any page open one
lifespan    passes through; any other scope type is refused by raising, as the ASGI specification asks

Identity fields (X-Auth-*) that a caller sends are taken away, their `X_Auth_` spellings refused. The direct peer must be
the one that the server saw: run uvicorn with `--no-proxy-headers`, since `trusted_proxies` decides who is believed.

Run uvicorn with `--http doorward.web.listener:Listener`. Its own parser takes a caller's trailers for header fields (so
chunked bodies are refused here, see `web.trailers`), and sets no limits to how large and how slow a request may be. A
middleware that stands before the guard and wraps `receive` hides from it which server that is.
"""

import os
from dataclasses import dataclass
from typing import Final

from doorward.core.case import Case
from doorward.core.clock import Clock, Drawn, Entropy
from doorward.core.csrf import check_same_site
from doorward.core.errors import Refused, Why
from doorward.core.gate import Gate
from doorward.core.request import Headers
from doorward.core.route import Route
from doorward.web.answer import Answerer, rate_limit, warnings
from doorward.web.arrival import only_ours, peer_of, read_request, request_id
from doorward.web.asgi import App, Fields, Message, Receive, Scope, Send
from doorward.web.body import LARGEST, Replay
from doorward.web.outcome import Observe, Outcome, ignore
from doorward.web.proxy import Proxies
from doorward.web.trailers import check_trailers

CASE: Final = "doorward.case"
"""Where in the scope the gate's Case is, for integrations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardOptions:
    """`largest_body`: bytes of a body that must be read to be verified; other bodies are not touched."""

    largest_body: int = LARGEST

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        if not 0 <= self.largest_body <= 1024**3:
            raise ValueError("largest_body: 0 to 1073741824 bytes (1 GiB); a body is held in memory while it is verified")


class Guard:
    """`route` fixes one policy for the whole application; without it the gate's routes decide."""

    def __init__(
        self,
        app: App,
        *,
        gate: Gate,
        answerer: Answerer,
        proxies: Proxies,
        clock: Clock,
        entropy: Entropy = os.urandom,
        observe: Observe = ignore,
        options: GuardOptions | None = None,
        route: Route | None = None,
    ) -> None:
        self.app, self.gate, self.answerer, self.proxies, self.route = app, gate, answerer, proxies, route
        self._clock, self._entropy, self._observe = clock, Drawn(entropy), observe
        self._largest = (options or GuardOptions()).largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, send)
        elif kind in ("http", "websocket"):
            await self._decide(scope, receive, send)
        else:
            raise RuntimeError(f"doorward knows no ASGI scope of the type {kind!r}, so it lets none through")

    async def _decide(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = self._clock()
        case: Case | None = None
        id = ""
        try:
            fields = list(scope["headers"])  # a server may add to its own list while the request is under way
            headers = Headers(fields)
            check_trailers(scope, headers, receive)
            id = request_id(headers, believed=self.proxies.trusts(peer_of(scope)), entropy=self._entropy)
            clean = only_ours(fields)
            body = Replay(receive, headers.one(b"content-length"), self._largest)
            case = self.gate.open(read_request(scope, headers, self.proxies, body.read, id), self.route, scope.get(CASE))
            await self.gate.decide(case)
            _check_same_path(case, scope)
            if scope["type"] == "websocket":
                self._check_origin(case)
        except Refused as refused:
            id = id or self._entropy(12).hex()
            answer = self.answerer.refusal(refused, id, case=case)
            self._tell(id, case, refused, answer.status, began)
            if scope["type"] == "websocket":
                await answer.refuse_websocket(scope, receive, send)
            else:
                await answer.send(send, head=scope["method"] == "HEAD")
            return
        self._tell(id, case, None, 200, began)
        inner = {**scope, "headers": clean, "principal": case.principal, CASE: case}
        await self.app(inner, body.receive if scope["type"] == "http" else receive, _with_fields(send, case, id))

    def _tell(self, id: str, case: Case | None, refused: Refused | None, status: int, began: float) -> None:
        self._observe(Outcome(id, case, refused, status, began, self._clock() - began))

    def _check_origin(self, case: Case) -> None:
        ambient = [proof for proof in case.proofs.values() if self.gate.finding.unasked(proof)]
        if ambient and len(ambient) == len(case.proofs):
            check_same_site(case.request, ambient[0].csrf)


def _check_same_path(case: Case, scope: Scope) -> None:
    """The application routes by scope["path"]: it must be the path that was judged."""
    if scope["path"] != case.path:
        raise Refused(Why.BAD_PATH, note="something before the guard rewrote the path")


def _with_fields(send: Send, case: Case, id: str) -> Send:
    """RateLimit, X-Request-ID and warnings on the application's answer."""
    extra: Fields = [(b"x-request-id", id.encode("latin-1")), *rate_limit(case.tightest), *warnings(case)]

    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.accept"):
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        await send(message)

    return sending
