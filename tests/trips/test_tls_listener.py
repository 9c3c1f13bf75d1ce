"""Our own TLS listener and real clients: curl, openssl s_client, gnutls-cli. The certificate of the handshake says who calls."""

import asyncio
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from doorward.app import Doorward
from doorward.lab.place import Place, free_port
from doorward.web.asgi import Receive, Scope, Send
from doorward.web.handshake import HandshakeLog
from doorward.web.listener import Listener
from tests.certificates import SERVER, Made, authority, leaf, revocation_list
from tests.trips.test_proxies import needed

ORDERS = "spiffe://example.org/orders"
ROUTES = """
[server]
issuer = "https://localhost"

[mtls]
client_ca = ["partners.pem"]
crl = ["partners.crl"]

[[route]]
path = "/certified/**"
allow = "mtls"

[[route]]
path = "/open"
allow = "open_to_anyone"
"""


def now(begins: float = -60, ends: float = 3600) -> dict[str, Any]:
    return {"begins": time.time() + begins, "ends": time.time() + ends}


PARTNERS = authority("partners", **now())
ISSUING = authority("issuing", PARTNERS, **now())


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    principal, tls = scope["principal"], scope["extensions"].get("tls", {})
    seen = {
        "subject": principal.subject if principal else None,
        "tls": {**tls, "client_cert_chain": len(tls.get("client_cert_chain", ()))},
        "headers": [name.decode() for name, _ in scope["headers"]],
    }
    answer = json.dumps(seen).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(answer)).encode())]})
    await send({"type": "http.response.body", "body": answer})


@dataclass
class Served:
    place: Place
    port: int
    folder: Path

    def write(self, made: Made, *above: Made) -> tuple[str, str]:
        certificate, key = made.write(self.folder, f"caller{id(made)}", *above)
        return str(certificate), str(key)

    def curl(self, shown: Made | None, *above: Made, path: str = "/certified/1", words: tuple[str, ...] = ()) -> tuple[int, Any]:
        """Of an answer."""
        done = self._curl(shown, *above, path=path, words=words)
        body, _, status = done.stdout.rpartition("\n")
        assert status != "000", done.stderr
        return int(status), json.loads(body) if body else None

    def refused(self, shown: Made) -> str:
        """What curl says of a handshake that failed."""
        done = self._curl(shown)
        assert done.stdout.endswith("\n000"), done.stdout
        return done.stderr

    def _curl(
        self, shown: Made | None, *above: Made, path: str = "/certified/1", words: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        command = ["curl", "-sS", "--max-time", "15", "--cacert", str(self.place.certificate), "-w", "\n%{http_code}", *words]
        if shown is not None:
            certificate, key = self.write(shown, *above)
            command += ["--cert", certificate, "--key", key]
        url = f"https://localhost:{self.port}{path}"
        return subprocess.run([*command, url], capture_output=True, text=True, check=False, timeout=30)

    def spoken(self, command: list[str], path: str = "/certified/1", times: int = 1) -> str:
        """What such a program prints of the connection and of the answers."""
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdin is not None
        try:
            time.sleep(0.4)
            for number in range(times):
                end = "close" if number == times - 1 else "keep-alive"
                process.stdin.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {end}\r\n\r\n".encode())
                process.stdin.flush()
                time.sleep(0.4)
            out, _ = process.communicate(timeout=15)
        finally:
            process.kill()
        return out.decode(errors="replace")


def allow_partners(place: Place, *serials: int) -> None:
    lists = revocation_list(PARTNERS, serials, **now()) + revocation_list(ISSUING, serials, **now())
    (place.data / "partners.crl").write_bytes(lists)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An application of our own behind the guard, in a thread; the data directory is shared with commands."""
    for name in ("curl", "openssl", "gnutls-cli"):
        needed(name)
    place = Place(tmp_path_factory.mktemp("listener"))
    place.make_certificate()
    place.command("init")
    (place.data / "doorward.toml").write_text(ROUTES)
    (place.data / "partners.pem").write_bytes(PARTNERS.pem)
    allow_partners(place)
    place.command("cert", "ca")
    door = Doorward(place.data, environ={})
    factory = door.tls(place.certificate, place.private_key)
    config = uvicorn.Config(
        door.guard(mirror),
        http=Listener,
        ws="none",
        port=0,
        lifespan="on",
        log_config=None,
        proxy_headers=False,
        ssl_context_factory=factory,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    yield Served(place, int(server.servers[0].sockets[0].getsockname()[1]), place.folder)
    server.should_exit = True
    thread.join(15)


def test_curl_shows_a_certificate_and_is_known_by_its_spiffe_id(served: Served) -> None:
    status, seen = served.curl(leaf(ISSUING, uris=[ORDERS], **now()), ISSUING)
    assert (status, seen["subject"]) == (200, ORDERS)
    tls = seen["tls"]
    assert tls["client_cert_chain"] == 2
    assert tls["client_cert_name"] == "CN=till"
    assert tls["client_cert_error"] is None
    assert tls["tls_version"] == 0x0304
    assert tls["cipher_suite"] in (0x1301, 0x1302, 0x1303)
    assert tls["server_cert"].startswith("-----BEGIN CERTIFICATE-----")


def test_without_a_certificate_the_other_routes_stay_open(served: Served) -> None:
    status, seen = served.curl(None, path="/open")
    assert (status, seen["tls"]["client_cert_chain"], seen["tls"]["client_cert_name"]) == (200, 0, None)
    status, told = served.curl(None)
    assert (status, told["code"]) == (401, "missing_credential")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_shows_a_certificate_and_each_request_of_its_connection_is_known(served: Served, version: str) -> None:
    certificate, key = served.write(leaf(ISSUING, uris=[ORDERS], **now()), ISSUING)
    place = ["-connect", f"localhost:{served.port}", version, "-CAfile", str(served.place.certificate)]
    printed = served.spoken(
        ["openssl", "s_client", *place, "-cert", certificate, "-cert_chain", certificate, "-key", key, "-quiet", "-ign_eof"], times=3
    )
    assert printed.count(f'"subject": "{ORDERS}"') == 3


def test_gnutls_shows_a_certificate(served: Served) -> None:
    certificate, key = served.write(leaf(ISSUING, uris=[ORDERS], **now()), ISSUING)
    words = ["gnutls-cli", "localhost", "-p", str(served.port), "--x509cafile", str(served.place.certificate)]
    printed = served.spoken([*words, "--x509certfile", certificate, "--x509keyfile", key])
    assert f'"subject": "{ORDERS}"' in printed


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_no_session_is_given_out_that_would_lose_the_chain(served: Served, version: str, tmp_path: Path) -> None:
    certificate, key = served.write(leaf(ISSUING, uris=[ORDERS], **now()), ISSUING)
    session = tmp_path / "session"
    place = ["-connect", f"localhost:{served.port}", version, "-CAfile", str(served.place.certificate)]
    base = ["openssl", "s_client", *place, "-cert", certificate, "-cert_chain", certificate, "-key", key, "-ign_eof"]
    first = served.spoken([*base, "-sess_out", str(session)])
    assert "TLS session ticket:" not in first
    if session.exists():  # TLS 1.2 by session id: OpenSSL remembers it in memory, whole
        second = served.spoken([*base, "-sess_in", str(session)])
        assert f'"subject": "{ORDERS}"' in second
        assert '"client_cert_chain": 3' in second or '"client_cert_chain": 2' in second
    else:
        assert version == "-tls1_3"


def test_old_versions_of_tls_are_refused(served: Served) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(served.place.certificate)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", served.port), 10) as raw, pytest.raises((ssl.SSLError, ConnectionResetError)):
        context.wrap_socket(raw, server_hostname="localhost")


@pytest.mark.rfc("8446", "6.2")
def test_strangers_are_not_let_in_and_are_told_so_in_tls(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    bad = [
        (leaf(authority("partners", **now()), uris=[ORDERS], **now()), "decrypt error", "certificate signature failure"),
        (leaf(None, uris=[ORDERS], **now()), "unknown ca", "self-signed certificate"),
        (leaf(PARTNERS, uris=[ORDERS], **now(ends=-1)), "certificate expired", "certificate has expired"),
        (leaf(PARTNERS, uris=[ORDERS], **now(begins=600)), "bad certificate", "certificate is not yet valid"),
        (leaf(PARTNERS, uris=[ORDERS], purposes=[SERVER], **now()), "unsupported certificate", "unsuitable certificate purpose"),
        (leaf(ISSUING, uris=[ORDERS], **now()), "unknown ca", "unable to get local issuer certificate"),
    ]
    good = leaf(PARTNERS, uris=[ORDERS], **now())
    for made, alert, reason in bad:
        caplog.clear()
        Listener.handshakes = HandshakeLog()
        with caplog.at_level("INFO", "doorward.tls"):
            said = served.refused(made)
        assert f"alert {alert}" in said
        assert f"TLS handshake with 127.0.0.1 refused: its certificate: {reason}" in caplog.text
        assert served.curl(good)[0] == 200, "the server is there, and lets in who may come"


def test_one_that_was_revoked_is_refused_within_a_second_also_on_an_open_connection(served: Served) -> None:
    made = leaf(ISSUING, uris=[ORDERS], **now())
    context = ssl.create_default_context(cafile=str(served.place.certificate))
    context.load_cert_chain(*served.write(made, ISSUING))
    try:
        with socket.create_connection(("127.0.0.1", served.port), 10) as raw, context.wrap_socket(raw, server_hostname="localhost") as tls:
            assert b" 200 " in ask(tls)
            allow_partners(served.place, made.certificate.serial_number)
            time.sleep(1.0)
            told = ask(tls)
            assert b" 401 " in told
            assert b"revoked_credential" in told
    finally:
        allow_partners(served.place)
        time.sleep(0.6)


def ask(tls: ssl.SSLSocket) -> bytes:
    tls.sendall(b"GET /certified/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < length(answer):
        part = tls.recv(65536)
        assert part
        answer += part
    return answer


def length(answer: bytes) -> int:
    found = re.search(rb"content-length: ([0-9]+)", answer)
    return int(found[1]) if found else 0


def test_what_our_own_ca_issues_is_known_and_ends_with_one_command(served: Served, tmp_path: Path) -> None:
    issued = served.place.command("cert", "issue", "--name", "spiffe://example.org/till", "--out", str(tmp_path / "till"))
    words = ("--cert", str(tmp_path / "till" / "cert.pem"), "--key", str(tmp_path / "till" / "key.pem"))
    time.sleep(1.2)
    status, seen = served.curl(None, words=words)
    assert (status, seen["subject"]) == (200, "spiffe://example.org/till")
    served.place.command("cert", "revoke", issued["serial"])
    time.sleep(0.5)
    status, told = served.curl(None, words=words)
    assert (status, told["code"]) == (401, "revoked_credential")


@pytest.mark.rfc("8705", "2.2")
def test_a_certificate_that_signs_itself_gets_in_once_it_is_registered(served: Served) -> None:
    made = leaf(None, **now())
    assert "alert unknown ca" in served.refused(made)
    certificate, _ = served.write(made)
    served.place.command("cert", "register", certificate, "--owner", "shop")
    time.sleep(1.2)
    status, seen = served.curl(made)
    assert (status, seen["subject"]) == (200, "shop")


def test_header_fields_of_a_caller_say_nothing_of_certificates(served: Served) -> None:
    status, seen = served.curl(None, path="/open", words=("-H", "Client-Cert: :AAAA:", "-H", "X-SSL-Client-Cert: x"))
    assert status == 200
    assert not [name for name in seen["headers"] if "cert" in name]
    assert served.curl(None, words=("-H", "Client-Cert: :AAAA:"))[0] == 401
    assert served.curl(None, path="/open", words=("-H", "Client_Cert: :AAAA:"))[0] == 400


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_asks_for_certificates_in_every_worker(tmp_path: Path, workers: str) -> None:
    needed("curl")
    place = Place(tmp_path)
    place.make_certificate()
    place.command("init")
    port = free_port()
    (tmp_path / "ca.pem").write_bytes(PARTNERS.pem)
    place.serve(port, "--workers", workers, "--client-ca", str(tmp_path / "ca.pem"), "--client-cert", "required")
    try:
        running = Served(place, port, tmp_path)
        deadline = time.monotonic() + 20
        good = leaf(PARTNERS, uris=[ORDERS], **now())
        while running_status(running, good) != 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        for _ in range(6):
            assert running_status(running, good) == 200
            assert running_status(running, None) == 0
            assert running_status(running, leaf(None, **now())) == 0
        assert running_status(running, good) == 200
        log = (tmp_path / f"doorward-{port}.log").read_text()
        assert "TLS handshake with 127.0.0.1 refused: peer did not return a certificate" in log
        assert "TLS handshake with 127.0.0.1 refused: its certificate: self-signed certificate" in log
    finally:
        place.stop()


def running_status(running: Served, made: Made | None) -> int:
    words = ["curl", "-s", "-o", os.devnull, "--max-time", "10", "--cacert", str(running.place.certificate), "-w", "%{http_code}"]
    if made is not None:
        certificate, key = running.write(made)
        words += ["--cert", certificate, "--key", key]
    return int(subprocess.run([*words, f"https://localhost:{running.port}/healthz"], capture_output=True, check=False, timeout=20).stdout)
