"""The guard in a real server: sockets that are refused before they open, bodies that are played again, connections kept."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount
from starlette.routing import Route as Path
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from doorward.integrations.starlette import Requirement
from doorward.web.asgi import Receive, Scope, Send
from doorward.web.guard import Guard, GuardOptions
from doorward.web.listener import Listener
from tests.integrations.test_fastapi import means
from tests.web.door import LOCAL, Words, answerer, clock, gate, route

KEY = {"X-API-Key": "ann"}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    name = scope["principal"].subject
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": name})
        await send({"type": "websocket.close", "code": 1000})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    answer = f"{name} {len(body)}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(answer)).encode())]})
    await send({"type": "http.response.body", "body": answer})


async def asked(request: Request) -> Response:
    return PlainTextResponse(str(sorted(request.headers)))


@contextmanager
def serving(http: type[HttpToolsProtocol | H11Protocol] = Listener) -> Iterator[int]:
    ambient = Words("session", None, ambient=True, place=b"x-cookie")
    its_gate = gate([route("/**", "api_key or session")], [Words(), ambient])
    options = GuardOptions(largest_body=100_000)
    guard = Guard(application, gate=its_gate, answerer=answerer(its_gate), proxies=LOCAL, clock=clock, options=options)
    starlette = Starlette(routes=[Path("/asked", Requirement(means(), route("/**")).endpoint(asked), methods=["POST"]), Mount("/", guard)])
    app = guard if http is Listener else starlette
    config = uvicorn.Config(
        app, http=http, port=0, lifespan="off", log_config=None, access_log=False, proxy_headers=False, ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as number:
        yield number


def test_a_socket_with_a_key_opens(port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/live", additional_headers=KEY, proxy=None) as opened:
        assert opened.recv() == "ann"


@pytest.mark.parametrize(
    "headers", [{}, {"X-API-Key": "wrong"}, {"X-Cookie": "ann", "Origin": "https://evil.test"}, {"X_Auth_Subject": "ann"}]
)
def test_a_socket_is_refused_with_our_answer_and_never_opens(port: int, headers: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{port}/live", additional_headers=headers, proxy=None):
        pass
    response = refused.value.response
    assert response.status_code in (400, 401, 403)
    assert json.loads(response.body)["status"] == response.status_code
    time.sleep(0.05)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_cookies_own_origin_opens_a_socket(port: int) -> None:
    own = {"X-Cookie": "ann", "Origin": f"http://127.0.0.1:{port}"}
    with connect(f"ws://127.0.0.1:{port}/live", additional_headers=own, proxy=None) as opened:
        assert opened.recv() == "ann"


def test_signed_bodies_are_read_and_still_arrive_on_one_connection(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    for size in (0, 1, 99_999, 5):
        connection.request("POST", "/pets", b"x" * size, {"X-API-Key": "signer"})
        assert connection.getresponse().read() == f"signer {size}".encode()
    connection.close()


def test_a_signed_body_past_the_cap_is_refused_before_it_is_read(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.sendall(b"POST /pets HTTP/1.1\r\nHost: a\r\nX-API-Key: signer\r\nContent-Length: 100001\r\nExpect: 100-continue\r\n\r\n")
        answer = raw.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 ")  # and not 100 Continue


def test_an_endless_signed_body_is_refused_at_the_cap(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.sendall(b"POST /pets HTTP/1.1\r\nHost: a\r\nX-API-Key: signer\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(300):
                raw.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        except OSError:
            return  # closed on us: refused
        assert b"413" in raw.recv(4096)


TRAILED = b" HTTP/1.1\r\nHost: a\r\n%sTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n%s\r\n"


def trailed(port: int, path: bytes, head: bytes, trailer: bytes) -> bytes:
    """The answer to a request that arrives in one piece, trailers and all."""
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.sendall(b"POST " + path + TRAILED % (head, trailer))
        return b"".join(iter(lambda: raw.recv(4096), b""))


@pytest.mark.rfc("9110", "6.5.1")
def test_a_trailer_is_no_credential(port: int) -> None:
    assert trailed(port, b"/pets", b"X-API-Key: ann\r\n", b"X-API-Key: eve\r\n").endswith(b"ann 0")
    assert trailed(port, b"/pets", b"", b"X-API-Key: ann\r\n").startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("path", [b"/pets", b"/asked"])
def test_from_a_server_that_takes_trailers_for_headers_no_chunked_body_is_taken(path: bytes) -> None:
    with serving(HttpToolsProtocol) as plain:
        for trailer in (b"X-API-Key: ann\r\n", b""):
            answer = trailed(plain, path, b"", trailer)
            assert (answer[:12], b"Content-Length" in answer.partition(b"\r\n\r\n")[2]) == (b"HTTP/1.1 400", True)
        connection = HTTPConnection("127.0.0.1", plain, timeout=10)
        connection.request("POST", path.decode(), b"hello", KEY)
        assert connection.getresponse().status == 200
        connection.close()


def test_the_other_parser_of_uvicorn_keeps_trailers_apart_itself() -> None:
    with serving(H11Protocol) as other:
        assert trailed(other, b"/pets", b"X-API-Key: ann\r\n", b"X-API-Key: eve\r\n").endswith(b"ann 0")
        assert b"x-late" not in trailed(other, b"/asked", b"X-API-Key: ann\r\n", b"X-Late: eve\r\n")


@pytest.mark.rfc("9110", "15.5.9")
def test_a_signed_body_that_does_not_come_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.web.body.SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.sendall(b"POST /pets HTTP/1.1\r\nHost: a\r\nX-API-Key: signer\r\nContent-Length: 50\r\n\r\nx")
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in answer


def test_a_refused_upload_is_answered_without_its_body(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.sendall(b"POST /pets HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 401 ")
