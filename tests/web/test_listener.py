import asyncio
import json
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from doorward.web.answer import STATUS
from doorward.web.asgi import App, Receive, Scope, Send
from doorward.web.listener import Listener
from doorward.web.wire_refusal import refusal


class Impatient(Listener):
    head_seconds = 0.3
    body_seconds = 0.6


class Hasty(Listener):
    head_seconds = 0.05


FOLLOWED: list[Scope] = []


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    size, more = 0, True
    FOLLOWED[:] = [scope]
    while more and scope["path"] != "/unread":
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = f"{scope['path']} {size}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def listening(protocol: type[Listener] = Listener, ws: Literal["none", "auto"] = "none", app: App = echo) -> AsyncIterator[int]:
    config = uvicorn.Config(app, http=protocol, ws=ws, port=0, lifespan="off", log_config=None, access_log=False, proxy_headers=False)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


async def say(port: int, *parts: bytes, wait: float = 0.0) -> bytes:
    """Everything that came back until the server closed the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            if wait:
                await asyncio.sleep(wait)
    except OSError:
        pass
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except OSError:
        return b""
    finally:
        writer.close()


def problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    told = json.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % told["status"])
    return told["status"], told["code"]


CLOSE = b"Connection: close\r\n\r\n"


async def test_an_ordinary_request_passes_with_its_body() -> None:
    async with listening() as port:
        answer = await say(port, b"POST /a%20b HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n" + CLOSE, b"x" * 100_000)
    assert answer.endswith(b"/a b 100000")


@pytest.mark.rfc("6585", "5")
async def test_a_header_section_that_is_too_large_is_refused() -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(40))
    async with listening() as port:
        assert problem(await say(port, b"GET / HTTP/1.1\r\n" + fields + CLOSE)) == (431, "header_too_large")
        small = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(25))
        assert (await say(port, b"GET / HTTP/1.1\r\nHost: a\r\n" + small + CLOSE)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("endless", [b"a", b"a: b\r\nc"])
async def test_a_field_without_end_is_refused(endless: bytes) -> None:
    async with listening() as port:
        answer = await say(port, b"GET / HTTP/1.1\r\nX: ", *([endless * 4096] * 40), wait=0.001)
    assert answer == b"" or problem(answer)[0] == 431  # the answer may be lost to the reset


async def test_a_field_name_without_end_is_refused() -> None:
    async with listening() as port:
        assert problem(await say(port, b"GET / HTTP/1.1\r\nX", b"a" * 20_000, b"a" * 20_000, wait=0.05))[0] == 431


@pytest.mark.rfc("9110", "15.5.15")
async def test_a_request_line_that_is_too_long_is_refused() -> None:
    async with listening() as port:
        assert problem(await say(port, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + CLOSE)) == (414, "uri_too_long")


@pytest.mark.rfc("9110", "15.5.9")
async def test_a_slow_header_section_is_given_up() -> None:
    async with listening(Impatient) as port:
        assert problem(await say(port, b"GET / HTTP/1.1\r\n", b"A: b\r\n", b"C: d\r\n", wait=0.15)) == (408, "request_timeout")


async def test_a_connection_that_says_nothing_is_closed() -> None:
    async with listening(Impatient) as port:
        assert await say(port) == b""


async def test_a_slow_body_is_not_a_slow_head() -> None:
    async with listening(Impatient) as port:
        answer = await say(port, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n" + CLOSE, b"a", b"b", wait=0.4)
    assert answer.endswith(b"/ 2")


CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nX-API-Key: mine\r\nTransfer-Encoding: chunked\r\nTrailer: X-Forwarded-For\r\n"


@pytest.mark.rfc("9110", "6.5.1")
@pytest.mark.parametrize("wait", [0.0, 0.05])
async def test_a_trailer_is_no_header(wait: float) -> None:
    last = (b"2\r\nab\r\n0\r\n", b"X-Forwarded-For: 10.1.1.1\r\n", b"Expect: 100-continue\r\n", b"\r\n")
    parts = (CHUNKED + CLOSE + b"".join(last),) if not wait else (CHUNKED + CLOSE, *last)
    async with listening() as port:
        assert (await say(port, *parts, wait=wait)).endswith(b"/ 2")
    names = [name for name, _ in FOLLOWED[0]["headers"]]
    assert names == [b"host", b"x-api-key", b"transfer-encoding", b"trailer", b"connection"]


async def test_after_trailers_the_next_request_has_its_own_headers() -> None:
    async with listening() as port:
        answer = await say(port, CHUNKED + b"\r\n0\r\nX-A: 1\r\n\r\n" + b"GET /next HTTP/1.1\r\nX-B: 2\r\n" + CLOSE)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert [name for name, _ in FOLLOWED[0]["headers"]] == [b"x-b", b"connection"]


@pytest.mark.parametrize("endless", [b"X-A: b\r\n", b"X-A: ", b"a"])
@pytest.mark.parametrize("first", [b"\r\n0\r\n", b"\r\n2\r\nab\r\n0\r\n", b"\r\n2;"])
async def test_trailers_and_chunk_extensions_without_end_are_given_up(endless: bytes, first: bytes) -> None:
    sent, before = 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with listening() as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CHUNKED + first)
        try:
            while sent < 64 * 1024 * 1024:
                writer.write(endless * 8192)
                await writer.drain()
                sent += len(endless) * 8192
        except OSError:
            pass
        writer.close()
    assert sent < 16 * 1024 * 1024  # what lies in the buffers between
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024  # KiB


async def test_trailers_that_are_too_large_are_refused() -> None:
    async with listening() as port:
        answer = await say(port, CHUNKED + b"\r\n", b"0\r\n", b"X-A: " + b"b" * 20_000, b"b" * 20_000, wait=0.05)
    assert problem(answer) == (431, "header_too_large")


async def test_a_long_body_in_small_chunks_is_no_long_trailer() -> None:
    async with listening() as port:
        answer = await say(port, CHUNKED + CLOSE, *([b"1\r\nx\r\n" * 5000] * 20), b"0\r\n\r\n")
    assert answer.endswith(b"/ 100000")


@pytest.mark.rfc("9110", "15.5.9")
@pytest.mark.parametrize("path", [b"/", b"/unread"])
async def test_a_body_of_which_nothing_comes_is_given_up(path: bytes) -> None:
    async with listening(Impatient) as port:
        answer = await say(port, b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n", b"x", wait=0.05)
    if path == b"/unread":
        assert answer.endswith(b"/unread 0")
    else:
        assert problem(answer) == (408, "request_timeout")


async def test_an_application_that_takes_its_time_is_waited_for() -> None:
    waited = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n" + CLOSE

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(1.5)
        await echo(scope, receive, send)

    async with listening(Impatient, app=slow) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(waited)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"x")
        assert (await reader.read()).endswith(b"/ 1")
        writer.close()


async def test_empty_lines_after_an_answer_hold_no_connection() -> None:
    async with listening(Impatient) as port:
        answer = await say(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n", b"\r\n", wait=0.1)
    assert answer.endswith(b"/ 0")


UPGRADE = b" / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "


@pytest.mark.parametrize("body", [b"Content-Length: 2\r\n\r\nab", b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"])
@pytest.mark.parametrize(
    "asks", [b"POST" + UPGRADE + b"websocket\r\n", b"GET" + UPGRADE + b"websocket\r\n", b"POST" + UPGRADE + b"h2c\r\n"]
)
async def test_a_body_is_never_taken_for_another_protocol(asks: bytes, body: bytes) -> None:
    async with listening(Impatient, ws="auto") as port:
        assert problem(await say(port, asks + body)) == (501, "not_implemented")


@pytest.mark.rfc("6455", "4.1")
@pytest.mark.rfc("9110", "7.8")
@pytest.mark.parametrize("asks", [b"POST" + UPGRADE + b"websocket\r\n", b"GET" + UPGRADE + b"h2c\r\n"])
@pytest.mark.parametrize("wait", [0.0, 0.05])
async def test_an_upgrade_to_what_is_not_spoken_is_ignored_and_nothing_after_it_is_read(asks: bytes, wait: float) -> None:
    hidden = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
    async with listening(Impatient, ws="auto") as port:
        answer = await say(port, *((asks + b"\r\n", hidden) if wait else (asks + b"\r\n" + hidden,)), wait=wait)
    assert (answer.count(b"HTTP/1.1 200"), answer[-3:]) == (1, b"/ 0")


async def test_an_open_socket_is_left_alone() -> None:
    async def socket(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.sleep(1)
        await send({"type": "websocket.send", "text": "still here"})

    async with (
        listening(Impatient, ws="auto", app=socket) as port,
        connect(f"ws://127.0.0.1:{port}/", proxy=None) as opened,
    ):
        assert await opened.recv() == "still here"


@pytest.mark.rfc("9112", "6.1")
@pytest.mark.parametrize("coding", [b"gzip", b"gzip, chunked", b"identity"])
async def test_a_transfer_coding_that_is_not_understood_is_told(coding: bytes) -> None:
    async with listening(Impatient) as port:
        answer = await say(port, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + coding + b"\r\n\r\n0\r\n\r\n")
    assert problem(answer) == (501, "not_implemented")


async def test_a_broken_chunk_is_told() -> None:
    async with listening(Impatient) as port:
        assert problem(await say(port, CHUNKED + b"\r\n", b"zz\r\n", wait=0.05)) == (400, "bad_request")


async def test_a_connection_is_kept_alive_and_each_head_is_timed_anew() -> None:
    async with listening(Impatient) as port:
        answer = await say(port, *([b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"] * 4), b"GET / HTTP/1.1\r\nHost: a\r\n" + CLOSE, wait=0.1)
    assert answer.count(b"HTTP/1.1 200") == 5


async def test_many_pipelined_requests_are_no_large_head() -> None:
    async with listening() as port:
        answer = await say(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2000, b"GET / HTTP/1.1\r\n" + CLOSE)
    assert answer.count(b"HTTP/1.1 200") == 2001


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x00\xa5",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
        b"GET / HTTP/1.1\r\nA\x00: b\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_and_never_an_error(nonsense: bytes) -> None:
    async with listening(Impatient) as port:
        assert problem(await say(port, nonsense))[0] in (400, 408)


@pytest.fixture(scope="module")
def hasty() -> Iterator[Callable[[bytes], bytes]]:
    """Sends these bytes to one server that runs in a loop of its own."""
    loop = asyncio.new_event_loop()
    server = listening(Hasty)
    port = loop.run_until_complete(server.__aenter__())
    yield lambda sent: loop.run_until_complete(say(port, sent))
    loop.run_until_complete(server.__aexit__(None, None, None))
    loop.close()


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"GET / HTTP/1.1\r\n", b"GET /"]))
def test_any_bytes_are_answered_or_closed(hasty: Callable[[bytes], bytes], noise: bytes, start: bytes) -> None:
    assert b"HTTP/1.1 5" not in hasty(start + noise + b"\r\n" + CLOSE)


def test_refusals_have_the_codes_of_all_others() -> None:
    assert json.loads(refusal(431).partition(b"\r\n\r\n")[2])["code"] in {code.value for code in STATUS}
