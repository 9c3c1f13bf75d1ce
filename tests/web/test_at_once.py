"""web/listener.py, web/asgi.py: what is answered at once comes as uvicorn would send it, in its turn, and no connection is lost."""

import asyncio
import re

import pytest

from doorward.web.asgi import Answer, App, Receive, Scope, Send, at_once, when_made
from doorward.web.doors import Doors
from doorward.web.listener import Listener
from tests.web.test_listener import listening, say

LARGE = b"x" * 60_000
GET = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /now HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


async def slowly(answer: Answer) -> Answer:
    await asyncio.sleep(0.02)
    return answer


class Ready:
    """`/now` is answered at once, `/later` after a while; `asked` tells how often at once."""

    def __init__(self) -> None:
        self.asked = self.called = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.called += 1
        await self.at_once(scope)(scope, receive, send)

    def at_once(self, scope: Scope) -> Answer | App:
        self.asked += 1
        path = scope["path"]
        body = LARGE if path == "/large" else f"{scope['method']} {path} {scope['query_string'].decode()}".encode()
        fields = [(b"content-length", str(len(body)).encode()), (b"x-latin", "ä\tb".encode("latin-1"))]
        if path == "/broken":
            raise RuntimeError("a mistake of ours")
        if path == "/forged":
            fields.append((b"x-name", b"a\r\nx-admin: 1"))
        if path == "/closes":
            fields.append((b"connection", b"close"))
        answer = Answer(404 if path == "/nothing" else 200, fields, body)
        return when_made(slowly(answer)) if path.startswith("/later") else answer


class Plain(Ready):
    """The same application for a server that asks nobody at once."""

    at_once = None  # type: ignore[assignment]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Ready.at_once(self, scope)(scope, receive, send)


def without_date(said: bytes) -> bytes:
    return re.sub(rb"date: [^\r]*\r\n", b"", said)


@pytest.mark.parametrize(
    "asks",
    [
        LAST,
        LAST.replace(b"GET", b"HEAD"),
        LAST.replace(b"/now", b"/nothing?a=%20b"),
        LAST.replace(b"HTTP/1.1", b"HTTP/1.0"),
        GET % b"/closes",
        GET % b"/now" + LAST,
        GET % b"/later" + GET % b"/now" + GET % b"/later" + LAST,
        b"POST /now HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody" + LAST,
        b"POST /now HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-trailer: 1\r\n\r\n" + LAST,
        b"POST /now HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody" + LAST,
        GET % b"/large" + LAST,
        b"GET /now HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n" + LAST,
        b"CONNECT /now HTTP/1.1\r\nHost: a\r\n\r\n" + LAST,
        GET % b"/later" + b"POST /now HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
)
async def test_the_bytes_are_those_that_uvicorn_sends_by_itself(asks: bytes) -> None:
    ready = Ready()
    async with listening(app=ready) as one, listening(app=Plain()) as other:
        said = await say(one, asks)
        assert without_date(said) == without_date(await say(other, asks))
    assert said.startswith(b"HTTP/1.1 ")
    assert ready.asked > 0


async def test_a_request_whose_body_goes_wrong_after_its_answer_gets_no_second_answer() -> None:
    async with listening(app=Ready()) as port:
        said = await say(port, b"POST /now HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnot a length\r\n" + LAST)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.count(b"HTTP/1.1") == 1


async def test_no_task_is_begun_for_it() -> None:
    ready = Ready()
    async with listening(app=ready) as port:
        await say(port, GET % b"/now" + GET % b"/now" + LAST)
    assert (ready.asked, ready.called) == (3, 0)


async def test_a_mistake_of_ours_is_a_500_and_told(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(app=Ready()) as port:
        said = await say(port, LAST.replace(b"/now", b"/broken"))
    assert said.startswith(b"HTTP/1.1 500 ")
    assert "a mistake of ours" in caplog.text


async def test_a_field_that_would_be_two_is_not_sent() -> None:
    async with listening(app=Ready()) as port:
        assert b"x-admin" not in await say(port, LAST.replace(b"/now", b"/forged"))


@pytest.mark.parametrize("first", [b"", GET % b"/later"])
async def test_a_thousand_requests_at_a_time_are_answered_in_their_order(first: bytes) -> None:
    async with listening(app=Ready()) as port:
        said = await say(port, first + b"".join(GET % b"/now?%d" % number for number in range(1000)) + LAST)
    assert re.findall(rb"GET /now (\d+)", said) == [b"%d" % number for number in range(1000)]


async def test_who_does_not_read_is_not_written_to_without_end() -> None:
    async with listening(app=Ready()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"".join(GET % b"/large" for _ in range(300)) + LAST)
        await asyncio.sleep(0.3)
        size = 0
        while part := await reader.read(65536):
            size += len(part)
        writer.close()
    assert 300 * len(LARGE) < size < 301 * (len(LARGE) + 300)


async def test_a_connection_that_is_answered_at_once_is_closed_when_nothing_more_comes() -> None:
    class Brief(Listener):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)
            self.timeout_keep_alive = 0

    async with listening(Brief, app=Ready()) as port, asyncio.timeout(5):
        said = await say(port, GET % b"/now")
    assert said.startswith(b"HTTP/1.1 200 ")


async def test_a_server_that_ends_closes_connections_that_were_answered() -> None:
    async with listening(app=Ready()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET % b"/now")
        await reader.readuntil(b"GET /now ")
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


def test_doors_ask_the_door_behind_and_know_nothing_else_at_once() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        """One that has nothing to say at once."""

    doors = Doors({"/now": Ready(), "/app": app}, {})
    scope = {"type": "http", "method": "GET", "query_string": b""}
    assert isinstance(doors.at_once({**scope, "path": "/now"}), Answer)
    assert doors.at_once({**scope, "path": "/app"}) is app
    nothing = at_once(doors, {**scope, "path": "/nowhere"})
    assert isinstance(nothing, Answer)
    assert nothing.status == 404
