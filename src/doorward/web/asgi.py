"""The shapes of ASGI 3 (its specification, HTTP and WebSocket), and an answer that is sent whole.

An application may have a method `at_once(scope)`: who has a request in his hands (`web.listener`) asks there first, and is
spared a task and two messages where the answer needs no waiting.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Fields = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """A whole response: header names in lower case, `content-length` among them."""

    status: int
    headers: Fields
    body: bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.send(send, head=scope["method"] == "HEAD")

    async def send(self, send: Send, *, head: bool = False) -> None:
        """`head`: the answer to HEAD has the same fields and no content (RFC 9110 section 9.3.2)."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"" if head else self.body})

    async def refuse_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Before the handshake is accepted; servers without the extension answer a bare 403."""
        await receive()  # websocket.connect
        if "websocket.http.response" in (scope.get("extensions") or {}):
            await send({"type": "websocket.http.response.start", "status": self.status, "headers": self.headers})
            await send({"type": "websocket.http.response.body", "body": self.body})
            await asyncio.sleep(0)  # uvicorn logs an error unless its connection is closed by then, in the loop's next round
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": ""})  # RFC 6455 section 7.4.1: policy violation


def at_once(app: Answer | App, scope: Scope) -> Answer | App:
    """What this application says at once: an Answer, or the application to call instead; the same where it has nothing to say."""
    ready: Callable[[Scope], Answer | App] | None = getattr(app, "at_once", None)
    return app if ready is None else ready(scope)


def when_made(answer: Awaitable[Answer]) -> App:
    """The application that sends this answer; to be called once."""

    async def sending(scope: Scope, receive: Receive, send: Send) -> None:
        await (await answer)(scope, receive, send)

    return sending
