"""What a caller and the log are told of a handshake that failed, on both event loops, and with another protocol than ours."""

import asyncio
import gc
import logging
import ssl
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.protocols.http.h11_impl import H11Protocol

from doorward.methods.mtls import MtlsOptions
from doorward.web import handshake
from doorward.web.asgi import Receive, Scope, Send
from doorward.web.handshake import MOST, HandshakeLog, level_of, reason_of
from doorward.web.listener import Listener
from doorward.web.tls_context import TlsFiles
from doorward.web.trust_files import TrustFiles
from tests.certificates import SERVER, Made, authority, leaf

CALLED = "spiffe://example.org/orders"
HALF = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
SPEAKS = pytest.mark.parametrize("http", [Listener, H11Protocol])


def now(begins: float = -60, ends: float = 3600) -> dict[str, Any]:
    return {"begins": time.time() + begins, "ends": time.time() + ends}


PARTNERS = authority("partners", **now())
SERVER_CA = authority("server", **now())
GOOD = leaf(PARTNERS, uris=[CALLED], **now())


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    REACHED.append(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


REACHED: list[str] = []


class Caller:
    def __init__(self, folder: Path, port: int, version: ssl.TLSVersion) -> None:
        self.folder, self.port, self.version = folder, port, version

    async def ask(self, shown: Made | None, bytes_after: bytes = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") -> bytes:
        context = ssl.create_default_context(cadata=SERVER_CA.pem.decode())
        context.check_hostname = False
        context.minimum_version = context.maximum_version = self.version
        if shown is not None:
            context.load_cert_chain(*map(str, shown.write(self.folder, f"caller{id(shown)}")))
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
        try:
            writer.write(bytes_after)
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.transport.abort()


def served(
    folder: Path, loop: Callable[[], asyncio.AbstractEventLoop], version: ssl.TLSVersion, http: Any, act: Callable[[Caller], Any]
) -> None:
    certificate, key = leaf(SERVER_CA, dns=["localhost"], purposes=[SERVER], **now()).write(folder, "server")
    (folder / "partners.pem").write_bytes(PARTNERS.pem)
    trust = TrustFiles.of(folder, MtlsOptions(client_ca=("partners.pem",)))

    async def run() -> None:
        files = TlsFiles(Path(certificate), Path(key), trust)
        config = uvicorn.Config(app, http=http, port=0, lifespan="off", log_config=None, ssl_context_factory=files)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            await act(Caller(folder, int(server.servers[0].sockets[0].getsockname()[1]), version))
        finally:
            server.should_exit = True
            await serving

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(run())


@pytest.mark.rfc("8446", "6.2")
@HALF
@LOOPS
@SPEAKS
def test_a_refused_certificate_is_answered_by_the_alert_that_says_why(tmp_path: Path, loop: Any, version: Any, http: Any) -> None:
    async def act(caller: Caller) -> None:
        for shown, alert in ((leaf(None, **now()), "UNKNOWN_CA"), (leaf(PARTNERS, uris=[CALLED], **now(ends=-1)), "CERTIFICATE_EXPIRED")):
            with pytest.raises(ssl.SSLError) as told:
                await caller.ask(shown)
            assert told.value.reason is not None
            assert told.value.reason.endswith(f"ALERT_{alert}")
        assert REACHED == []
        assert (await caller.ask(GOOD)).startswith(b"HTTP/1.1 200 ")

    REACHED.clear()
    served(tmp_path, loop, version, http, act)


@LOOPS
def test_nothing_that_follows_a_failed_handshake_is_read_or_gathered(tmp_path: Path, loop: Any) -> None:
    """TLS 1.3 clients send their request before they hear that their certificate was refused."""

    async def act(caller: Caller) -> None:
        for _ in range(5):
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                await caller.ask(leaf(None, **now()), b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000)
        assert REACHED == []
        assert (await caller.ask(GOOD)).startswith(b"HTTP/1.1 200 ")

    REACHED.clear()
    served(tmp_path, loop, ssl.TLSVersion.TLSv1_3, Listener, act)


@LOOPS
def test_who_does_not_go_after_the_alert_is_closed_upon(tmp_path: Path, loop: Any) -> None:
    async def act(caller: Caller) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", caller.port)
        begun = time.monotonic()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"HTTP" not in await asyncio.wait_for(reader.read(), 5)
        assert time.monotonic() - begun < 3
        writer.close()

    served(tmp_path, loop, ssl.TLSVersion.TLSv1_3, Listener, act)


def test_a_flood_of_bad_handshakes_does_not_flood_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "WINDOW", 2.0)
    monkeypatch.setattr(Listener, "handshakes", HandshakeLog())

    async def act(caller: Caller) -> None:
        bad = leaf(None, **now())
        for _ in range(MOST + 15):
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                await caller.ask(bad)
        await asyncio.sleep(2.2)

    with caplog.at_level(logging.INFO, "doorward.tls"):
        served(tmp_path, uvloop.new_event_loop, ssl.TLSVersion.TLSv1_3, Listener, act)
    lines = [record.getMessage() for record in caplog.records if record.name == "doorward.tls"]
    assert lines[:MOST] == ["TLS handshake with 127.0.0.1 refused: its certificate: self-signed certificate"] * MOST
    assert lines[-1].startswith("15 more TLS handshakes were refused")
    assert len(lines) == MOST + 1


def test_a_failed_handshake_is_gone_with_its_connection(tmp_path: Path) -> None:
    """Each held 256 KiB of the loop's buffers until the next collection."""
    certificate, key = leaf(SERVER_CA, dns=["localhost"], purposes=[SERVER], **now()).write(tmp_path, "server")
    incoming = ssl.MemoryBIO()
    made = TlsFiles(Path(certificate), Path(key)).context().wrap_bio(incoming, ssl.MemoryBIO(), server_side=True)
    incoming.write(b"GET / HTTP/1.1\r\n\r\n")
    gc.disable()
    try:
        made.do_handshake()
        assert handshake.failure_of(made) is not None
        known = weakref.ref(made)
        del made
        assert known() is None
    finally:
        gc.enable()


def test_certificates_are_warned_of_and_what_is_no_tls_is_only_noted() -> None:
    missing = ssl.SSLError(1, "x")
    missing.reason = "PEER_DID_NOT_RETURN_A_CERTIFICATE"
    other = ssl.SSLError(1, "x")
    other.reason = "HTTP_REQUEST"
    assert (level_of(missing), reason_of(missing)) == (logging.WARNING, "peer did not return a certificate")
    assert (level_of(other), reason_of(other)) == (logging.INFO, "http request")
