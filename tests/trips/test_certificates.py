"""Certificates over real connections and real processes: handshakes, several at once, killed in between, revoked elsewhere."""

import asyncio
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from doorward.data_dir import DataDir
from doorward.installation import opened
from doorward.lab.place import free_port
from tests.pki.certificates import openssl
from tests.trips.test_store_processes import lines, workers

WORKER = "tests.trips.cert_worker"


def doorward(data: Path, *words: object) -> str:
    environment = {**os.environ, "DOORWARD_DATA": str(data)}
    done = subprocess.run([sys.executable, "-m", "doorward", *map(str, words)], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def data(tmp_path: Path) -> Path:
    doorward(tmp_path / "d", "init")
    return tmp_path / "d"


def issue(data: Path, out: Path, name: str, *words: object) -> Path:
    doorward(data, "cert", "issue", "--name", name, "--out", out, *words)
    return out


def serial(out: Path) -> str:
    return openssl("x509", "-in", out / "cert.pem", "-noout", "-serial").strip().removeprefix("serial=")


async def known(data: Path) -> tuple[set[str], set[str]]:
    """Those that have a credential, and those that were journaled."""
    async with opened(DataDir.find(data, {}), {}) as home:
        found, after = set(), ""
        while page := await home.store.credentials.list(method="mtls", after=after, most=1000):
            after = page[-1].id
            found |= {each.id for each in page}
        journaled = [entry.event for entry in await home.store.journal.read(most=100_000)]
        return found, {event.subject for event in journaled if event.kind.value == "certificate.issued"}


def test_many_processes_make_one_authority(data: Path) -> None:
    with workers(*[["ca", data]] * 5, module=WORKER) as making:
        said = [words for process in making for words in lines(process)]
    assert sorted(word for word, _ in said) == ["found"] * 4 + ["made"]
    assert len({serial for _, serial in said}) == 1
    assert doorward(data, "audit", "export").count("ca.created") == 1


def test_kill_9_shows_none_that_is_not_known(data: Path) -> None:
    doorward(data, "cert", "ca")
    with workers(*[["issue", data]] * 3, module=WORKER) as issuing:
        time.sleep(0.6)
        for process in issuing:
            process.send_signal(signal.SIGKILL)
        said = [words[1] for process in issuing for words in lines(process) if len(words) == 2]
    found, journaled = asyncio.run(known(data))
    assert len(said) > 20
    assert len(set(said)) == len(said), "each has a serial number of its own"
    assert set(said) <= found
    assert found == journaled, "one transaction"


def test_openssl_shakes_hands_both_ways_with_what_was_issued(data: Path, tmp_path: Path) -> None:
    doorward(data, "cert", "ca")
    server = issue(data, tmp_path / "server", "localhost", "--profile", "server", "--ip", "127.0.0.1")
    client = issue(data, tmp_path / "client", "spiffe://example.org/orders", "--life", "1h")
    doorward(data, "cert", "crl", "--out", tmp_path / "crl.der")
    (tmp_path / "trust.pem").write_text(
        (data / "ca" / "ca.pem").read_text() + openssl("crl", "-inform", "DER", "-in", tmp_path / "crl.der")
    )
    with asking_both(server, tmp_path / "trust.pem") as port:
        words = ("s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", data / "ca" / "ca.pem", "-verify_return_error")
        pair = ("-cert", client / "cert.pem", "-key", client / "key.pem", "-verify_hostname", "localhost", "-ign_eof")
        said = openssl(*words, *pair, stdin=GET)
        assert "Verify return code: 0 (ok)" in said
        assert "HTTP/1.0 200 ok" in said
        assert "spiffe://example.org/orders" in said
        with pytest.raises(AssertionError):  # a server's certificate is none of a client
            openssl(*words, "-cert", server / "cert.pem", "-key", server / "key.pem", "-ign_eof", stdin=GET)


def test_gnutls_and_curl_shake_hands_with_what_was_issued(data: Path, tmp_path: Path) -> None:
    doorward(data, "cert", "ca", "--name", "Example CA", "--domain", "localhost", "--domain", "example.org")
    server = issue(data, tmp_path / "server", "localhost", "--profile", "server", "--ip", "127.0.0.1")
    client = issue(data, tmp_path / "client", "spiffe://example.org/orders", "--life", "1h")
    crl, ca = tmp_path / "crl.pem", str(data / "ca" / "ca.pem")
    doorward(data, "cert", "crl", "--out", tmp_path / "crl.der")
    crl.write_text(openssl("crl", "-inform", "DER", "-in", tmp_path / "crl.der"))
    (tmp_path / "trust.pem").write_text(Path(ca).read_text() + crl.read_text())
    cert, key = str(client / "cert.pem"), str(client / "key.pem")
    with asking_both(server, tmp_path / "trust.pem") as port:
        words = ["gnutls-cli", "--x509cafile", ca, "--x509crlfile", str(crl), "--x509certfile", cert, "--x509keyfile", key]
        done = subprocess.run([*words, "-p", str(port), "localhost"], input=GET, capture_output=True, timeout=30)
        assert b"Handshake was completed" in done.stdout, done.stderr
        assert b"HTTP/1.0 200 ok" in done.stdout
        words = ["curl", "-sS", "--http0.9", "--cacert", ca, "--crlfile", str(crl), "--cert", cert, "--key", key]
        said = subprocess.run([*words, f"https://localhost:{port}/"], capture_output=True, timeout=30, check=True).stdout
        assert b"spiffe://example.org/orders" in said
        doorward(data, "cert", "revoke", serial(server))
        doorward(data, "cert", "crl", "--out", tmp_path / "crl.der")
        crl.write_text(openssl("crl", "-inform", "DER", "-in", tmp_path / "crl.der"))
        assert subprocess.run([*words, f"https://localhost:{port}/"], capture_output=True, timeout=30).returncode == 60


GET = b"GET / HTTP/1.0\r\n\r\n"


@contextmanager
def asking_both(server: Path, trust: Path) -> Iterator[int]:
    """`openssl s_server` that wants a client's certificate and checks it against the list in `trust`."""
    port = free_port()
    pair = ["-cert", str(server / "cert.pem"), "-key", str(server / "key.pem"), "-CAfile", str(trust)]
    strict = ["-Verify", "2", "-verify_return_error", "-crl_check", "-www"]
    quiet = subprocess.DEVNULL
    listening = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *pair, *strict], stdout=quiet, stderr=quiet)
    try:
        wait_for(port)
        yield port
    finally:
        listening.kill()
        listening.wait()


def test_python_takes_the_pair_with_its_list(data: Path, tmp_path: Path) -> None:
    doorward(data, "cert", "ca")
    both = issue(data, tmp_path / "both", "localhost", "--profile", "both")
    doorward(data, "cert", "crl", "--out", tmp_path / "crl.der")
    (tmp_path / "crl.pem").write_text(openssl("crl", "-inform", "DER", "-in", tmp_path / "crl.der"))
    assert shake(data, both, tmp_path / "crl.pem") == "localhost"
    doorward(data, "cert", "revoke", serial(both))
    doorward(data, "cert", "crl", "--out", tmp_path / "crl.der")
    (tmp_path / "crl.pem").write_text(openssl("crl", "-inform", "DER", "-in", tmp_path / "crl.der"))
    with pytest.raises(ssl.SSLCertVerificationError, match="revoked"):
        shake(data, both, tmp_path / "crl.pem")


def shake(data: Path, pair: Path, crl: Path) -> str:
    """In memory; each side checks the other's certificate. Gives the common name that the client saw."""
    ca = str(data / "ca" / "ca.pem")
    client, server = ssl.create_default_context(cafile=ca), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
    for context in (client, server):
        context.load_verify_locations(str(crl))
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_X509_STRICT
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(str(pair / "cert.pem"), str(pair / "key.pem"))
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(to_client, to_server, server_hostname="localhost"), server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    seen = ends[0].getpeercert()
    assert ends[1].getpeercert(), "the server has seen the client's"
    assert seen is not None
    return str(dict(pair for part in seen["subject"] for pair in part)["commonName"])  # type: ignore[misc]


def wait_for(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")


@pytest.fixture
def served(data: Path) -> Iterator[str]:
    """Two workers."""
    port = free_port()
    environment = {**os.environ, "DOORWARD_DATA": str(data), "DOORWARD_SERVER__ISSUER": f"http://127.0.0.1:{port}"}
    words = [sys.executable, "-m", "doorward", "serve", "--port", str(port), "--workers", "2"]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


async def listed(web: httpx.AsyncClient) -> set[str]:
    answer = await web.get("/ca/crl")
    return {f"{each.serial_number:X}" for each in x509.load_der_x509_crl(answer.content)} if answer.status_code == 200 else set()


async def test_what_is_revoked_elsewhere_is_on_the_served_list_within_a_second_in_every_worker(
    data: Path, tmp_path: Path, served: str
) -> None:
    limits = httpx.Limits(max_keepalive_connections=0)  # a new connection each time reaches every worker
    async with httpx.AsyncClient(base_url=served, limits=limits, trust_env=False) as web:
        assert (await web.get("/ca/ca.pem")).status_code == 404
        await asyncio.to_thread(doorward, data, "cert", "ca")
        for number in range(3):
            out = await asyncio.to_thread(issue, data, tmp_path / str(number), "spiffe://example.org/orders")
            await asyncio.to_thread(doorward, data, "cert", "revoke", serial(out))
            await asyncio.sleep(1)
            wanted = re.sub("^0+", "", serial(out))
            assert all([wanted in await listed(web) for _ in range(16)])
        pem = (await web.get("/ca/ca.pem")).text
        assert pem == (data / "ca" / "ca.pem").read_text()
        assert re.search("CN ?= ?doorward CA", openssl("x509", "-noout", "-subject", stdin=pem.encode()))
