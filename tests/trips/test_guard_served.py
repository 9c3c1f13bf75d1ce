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
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from doorward.web.asgi import Receive, Scope, Send
from doorward.web.guard import Guard, GuardOptions
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


@contextmanager
def serving() -> Iterator[int]:
    ambient = Words("session", None, ambient=True, place=b"x-cookie")
    its_gate = gate([route("/**", "api_key or session")], [Words(), ambient])
    options = GuardOptions(largest_body=100_000)
    guard = Guard(application, gate=its_gate, answerer=answerer(its_gate), proxies=LOCAL, clock=clock, options=options)
    config = uvicorn.Config(guard, port=0, lifespan="off", log_config=None, access_log=False, proxy_headers=False, ws="websockets-sansio")
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
def test_a_socket_is_refused_with_our_answer_and_never_opens(port: int, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{port}/live", additional_headers=headers, proxy=None):
        pass
    response = refused.value.response
    assert response.status_code in (400, 401, 403)
    assert json.loads(response.body)["status"] == response.status_code


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


def test_a_refused_upload_is_answered_without_its_body(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.sendall(b"POST /pets HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 401 ")
