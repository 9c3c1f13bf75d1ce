"""Which door of this server a path leads to. Plain ASGI, since `/verify` is everybody's hot path."""

from collections.abc import Awaitable, Callable
from typing import Final

from doorward.web.asgi import Answer, App, Message, Receive, Scope, Send, at_once

_NOT_FOUND: Final = (
    b'{"type":"about:blank","title":"Not Found","status":404,"code":"not_found",'
    b'"detail":"This server answers /verify, /auth/..., /oauth/..., /.well-known/..., /ca/crl, /ca/ca.pem, /ca/ca.cer, '
    b'/healthz, /readyz and /metrics."}'
)
NOT_FOUND: Final = Answer(
    404,
    [(b"content-type", b"application/problem+json"), (b"content-length", str(len(_NOT_FOUND)).encode())],
    _NOT_FOUND,
)
Lifecycle = Callable[[], Awaitable[None]]


class Doors:
    """`exact` paths and `below` prefixes; anything else is 404. WebSockets have no door here."""

    def __init__(self, exact: dict[str, App], below: dict[str, App]) -> None:
        self._exact, self._below = exact, below

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await NOT_FOUND.refuse_websocket(scope, receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"this server knows no ASGI scope of the type {scope['type']!r}")
        await self._find(scope["path"])(scope, receive, send)

    def at_once(self, scope: Scope) -> Answer | App:
        """Of an HTTP request."""
        return at_once(self._find(scope["path"]), scope)

    def _find(self, path: str) -> Answer | App:
        return self._exact.get(path) or self._find_below(path) or NOT_FOUND

    def _find_below(self, path: str) -> App | None:
        for prefix, app in self._below.items():
            if path.startswith(prefix):
                return app
        return None


class Lifespan:
    """Starts with the server and ends with it (ASGI lifespan). An application within may have a lifespan of its own: it
    begins after ours and ends before it; one that knows of none is not asked again."""

    def __init__(self, app: App, start: Lifecycle, stop: Lifecycle) -> None:
        self._app, self._start, self._stop = app, start, stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        first = await receive()
        try:
            await self._start()
        except Exception as reason:
            await send({"type": "lifespan.startup.failed", "message": str(reason)})
            raise
        try:
            if not await self._run_inner(scope, first, receive, send):
                await send({"type": "lifespan.startup.complete"})
                await receive()
                await self._stop()
                await send({"type": "lifespan.shutdown.complete"})
        finally:
            await self._stop()

    def at_once(self, scope: Scope) -> Answer | App:
        """Of an HTTP request."""
        return at_once(self._app, scope)

    async def _run_inner(self, scope: Scope, first: Message, receive: Receive, send: Send) -> bool:
        """False if the application knows no lifespan: it raised before it answered."""
        waiting, answered = [first], False

        async def receiving() -> Message:
            return waiting.pop() if waiting else await receive()

        async def sending(message: Message) -> None:
            nonlocal answered
            answered = True
            if message["type"].startswith("lifespan.shutdown"):
                await self._stop()
            await send(message)

        try:
            await self._app(scope, receiving, sending)
        except Exception:
            if answered:
                raise
        return answered
