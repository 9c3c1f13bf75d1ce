"""Starlette: who calls this endpoint, asked where the endpoint stands instead of before the whole application.

    principal = await requirement(request)              # or raises Refusal, which Starlette answers with our document
    @requirement.endpoint                               # the same around a function endpoint; request.scope["principal"]

A Refusal is an HTTPException, so that it is never a 500; `answer_refusal` makes of it the whole answer that every door of
ours gives, also before a WebSocket is accepted.

`X_Auth_…` is refused and a caller's `X-Auth-*` is taken out of the request, but from here on only: middleware and
dependencies that come before have seen it, and an endpoint that asks nothing sees it. Only `web.guard`, before the whole
application, keeps it from all. The server must keep trailers apart, as `web.trailers` says: a chunked body is refused
from uvicorn's own parser, so run `uvicorn --http doorward.web.listener:Listener`.
"""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from doorward.core.case import Case
from doorward.core.csrf import check_same_site
from doorward.core.errors import Refused, Why
from doorward.core.gate import Gate
from doorward.core.proof import Principal
from doorward.core.request import Body, Headers
from doorward.core.route import Route
from doorward.integrations.means import Means, told
from doorward.web.arrival import only_ours, peer_of, read_request, request_id
from doorward.web.asgi import Answer
from doorward.web.body import SECONDS
from doorward.web.guard import CASE
from doorward.web.trailers import check_trailers

_HANDLERS: Final = "starlette.exception_handlers"
R = TypeVar("R")


class Refusal(HTTPException):
    def __init__(self, answer: Answer) -> None:
        fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
        told = {name: value for name, value in fields.items() if name not in ("content-type", "content-length")}
        super().__init__(answer.status, headers=told)
        self.answer = answer


async def answer_refusal(connection: HTTPConnection, refusal: Refusal) -> Response | None:
    """Starlette's exception handler for Refusal."""
    response = Response(refusal.answer.body, refusal.answer.status)
    response.raw_headers = list(refusal.answer.headers)
    if not isinstance(connection, WebSocket):
        return response
    if "websocket.http.response" in (connection.scope.get("extensions") or {}):
        await connection.send_denial_response(response)
        await asyncio.sleep(0)  # as in `web.asgi`
    else:
        await connection.close(1008)
    return None


class Requirement:
    """One route's policy, to be asked in an endpoint. `means` may wait for doorward to start."""

    def __init__(self, means: Callable[[], Awaitable[Means]], route: Route) -> None:
        self._means, self.route = means, route

    async def __call__(self, connection: HTTPConnection) -> Principal | None:
        """Who calls (None where the route is open to anyone). Raises Refusal."""
        return (await self.admit(connection)).principal

    async def admit(self, connection: HTTPConnection) -> Case:
        """The gate's whole case; also scope["principal"] from here on. Raises Refusal."""
        means, scope = await self._means(), connection.scope
        case: Case | None = None
        id = ""
        try:
            fields = list(scope["headers"])
            headers = Headers(fields)
            check_trailers(scope, headers, getattr(connection, "_receive", None))
            clean = only_ours(fields)
            if len(clean) != len(fields):
                scope["headers"][:] = clean  # in place: what was made of the scope before shares this list
            id = request_id(headers, believed=means.proxies.trusts(peer_of(scope)), entropy=means.entropy)
            request = read_request(scope, headers, means.proxies, _body(connection, means.largest_body), id)
            case = means.gate.open(request, self.route, scope.get(CASE))
            await means.gate.decide(case)
            if scope["type"] == "websocket":
                _check_origin(case, means.gate)
        except Refused as refused:
            handlers = scope.get(_HANDLERS)
            if handlers is not None:  # so that nobody has to register it; where he did, his own stays
                handlers[0].setdefault(Refusal, answer_refusal)
            raise Refusal(means.answerer.refusal(refused, id or means.entropy(12).hex(), case=case)) from None
        scope["principal"], scope[CASE] = case.principal, case
        return case

    def endpoint(self, function: Callable[..., R]) -> Callable[..., Awaitable[Any]]:
        """Around a function endpoint, `async` or not, whose first argument is the Request or WebSocket."""

        @functools.wraps(function)
        async def guarded(connection: HTTPConnection, *args: Any, **kwargs: Any) -> Any:
            case = await self.admit(connection)
            answered: Any
            if inspect.iscoroutinefunction(function):
                answered = await function(connection, *args, **kwargs)
            else:
                answered = await run_in_threadpool(function, connection, *args, **kwargs)
            if isinstance(answered, Response):
                answered.raw_headers += told(case)
            return answered

        return guarded


def _check_origin(case: Case, gate: Gate) -> None:
    """RFC 6455 section 10.2, as `web.guard` does it."""
    if case.proofs and all(gate.finding.unasked(proof) for proof in case.proofs.values()):
        check_same_site(case.request, next(iter(case.proofs.values())).csrf)


def _body(connection: HTTPConnection, largest: int) -> Body:
    async def read() -> bytes:
        if not isinstance(connection, Request):
            return b""
        parts, size = [], 0
        try:
            async with asyncio.timeout(SECONDS):
                async for part in connection.stream():  # from Starlette's memory if somebody read it before
                    size += len(part)
                    if size > largest:
                        raise Refused(Why.BODY_TOO_LARGE, f"A signed body may have {largest} bytes.")
                    parts.append(part)
        except TimeoutError:
            raise Refused(Why.BODY_TOO_SLOW) from None
        except RuntimeError:
            raise Refused(Why.BODY_NOT_SIGNED, note="the body was read as a form before; put the guard before the application") from None
        connection._body = b"".join(parts)  # noqa: SLF001 - Starlette's own place for it; there is no public one
        return connection._body  # noqa: SLF001

    return read
