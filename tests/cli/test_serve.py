"""cli/serve.py, check.py: what would stop a worker stops the command: one sentence, exit code 1, nothing announced."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, load_pem_private_key

from doorward.lab.place import Place
from tests.cli.conftest import Ask, Run

UNREADABLE = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key."""
    made = Place(tmp_path)
    made.make_certificate()
    return made.certificate, made.private_key


def refused(run: Run, *words: str) -> str:
    result = run("serve", "--port", "0", *words)
    assert result.exit_code == 1
    assert "doorward serves" not in result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_damaged_database_stops_serve_and_check(home: Path, run: Run, workers: str) -> None:
    (home / "doorward.db").write_bytes(b"no database at all" * 500)
    assert "doorward.db is not a database" in refused(run, "--workers", workers)
    result = run("check")
    assert result.exit_code == 1
    assert "doorward.db is not a database" in result.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_networks_of_health_are_read_before_anything_listens(home: Path, run: Run, workers: str) -> None:
    (home / "doorward.toml").write_text('[health]\nallow = ["x"]\n')
    assert "[health] allow: 'x' is not a network" in refused(run, "--workers", workers)


def test_a_sealing_key_of_another_installation_is_told(home: Path, run: Run) -> None:
    (home / "secrets" / "sealing").write_text("sealing-1 " + "A" * 43 + "=\n")
    assert "a signing key cannot be opened" in refused(run)
    assert run("check").exit_code == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_wrong_certificate_or_key_is_named(run: Run, tmp_path: Path, pair: tuple[Path, Path], workers: str) -> None:
    certificate, key = map(str, pair)
    bad = tmp_path / "bad.pem"
    bad.write_text(UNREADABLE)
    for cert, its_key, says in (
        (str(bad), key, f"--tls-cert {bad}: not a certificate chain in PEM"),
        (certificate, str(bad), f"--tls-key {bad}: not a private key in PEM"),
    ):
        assert says in refused(run, "--workers", workers, "--tls-cert", cert, "--tls-key", its_key)


def test_a_client_ca_that_is_none_is_blamed_by_its_option(run: Run, tmp_path: Path, pair: tuple[Path, Path]) -> None:
    bad = tmp_path / "notpem"
    bad.write_text("hi\n")
    words = ("--tls-cert", str(pair[0]), "--tls-key", str(pair[1]), "--client-ca", str(bad))
    assert refused(run, *words) == f"doorward: --client-ca {bad}: not certificates in PEM\n"


def test_a_key_behind_a_passphrase_is_refused_and_nobody_is_asked_for_it(run: Run, tmp_path: Path, pair: tuple[Path, Path]) -> None:
    locked = tmp_path / "locked.pem"
    key = load_pem_private_key(pair[1].read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame")))
    assert "without a passphrase" in refused(run, "--tls-cert", str(pair[0]), "--tls-key", str(locked))


def test_a_key_of_another_certificate_is_told(run: Run, tmp_path: Path, pair: tuple[Path, Path]) -> None:
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")
    other.make_certificate()
    assert "not the key of the first certificate" in refused(run, "--tls-cert", str(pair[0]), "--tls-key", str(other.private_key))


@pytest.mark.parametrize(("host", "option"), [("no-such-host.invalid", "--host"), ("192.0.2.1", "--host"), ("x" * 70, "--host")])
def test_a_host_that_is_not_ours_is_told(run: Run, host: str, option: str) -> None:
    said = refused(run, "--host", host)
    assert option in said
    assert "--port" not in said


def test_check_makes_no_database_and_says_so(home: Path, run: Run, ask: Ask) -> None:
    assert ask("check")["database"] is True
    for file in home.glob("doorward*.db*"):
        file.unlink()
    assert ask("check")["database"] is False
    assert "none yet" in run("check").stdout
    assert not (home / "doorward.db").exists()


def test_check_warns_of_a_route_that_never_decides(home: Path, run: Run, ask: Ask) -> None:
    (home / "doorward.toml").write_text(
        '[[route]]\npath = "/a/**"\nallow = "jwt"\n[[route]]\npath = "/a/b"\nmethods = ["GET"]\nallow = "open_to_anyone"\n'
    )
    assert "warning: the route GET /a/b never decides: /a/** stands before it" in run("check").stdout
    assert len(ask("check")["warnings"]) == 1


ENDS = """
import socket, sys, uvicorn
from doorward.cli.workers import Workers

if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0))
    workers = Workers(uvicorn.Config(sys.argv[1], workers=2, lifespan="off"), [listening])
    workers.run()
    sys.exit(workers.failed)
"""
BROKEN = "raise RuntimeError('not today')\n"
FINE = "async def app(scope, receive, send): ...\n"


@pytest.mark.parametrize("app", ["broken:app", "missing:app"])
def test_workers_that_cannot_start_are_not_tried_for_ever(tmp_path: Path, app: str) -> None:
    (tmp_path / "ends.py").write_text(ENDS)
    (tmp_path / "broken.py").write_text(BROKEN)
    ended = subprocess.run([sys.executable, "ends.py", app], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 1


def test_workers_that_are_asked_to_end_did_not_fail(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text(ENDS)
    (tmp_path / "fine.py").write_text(FINE)
    with subprocess.Popen([sys.executable, "ends.py", "fine:app"], cwd=tmp_path, stderr=subprocess.DEVNULL) as running:
        time.sleep(2.5)
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0


def test_one_worker_that_is_interrupted_ends_with_nought(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "doorward", "serve", "--data", str(home), "--port", str(port)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        said = ""
        while "Application startup complete" not in said:
            line = running.stderr.readline()
            assert line, said
            said += line
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        rest = running.stderr.read()
        assert running.wait(30) == 0
    assert "Traceback" not in said + rest
    assert "Aborted" not in rest
    assert json.dumps(port) in said


@contextlib.contextmanager
def serving(home: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """The process, its port, and what it said until its workers had started."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "doorward", "serve", "--data", str(home), "--port", str(port), *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        said, waits = "", int(words[words.index("--workers") + 1]) if "--workers" in words else 1
        while said.count("Application startup complete") < waits:
            line = running.stderr.readline()
            assert line, said
            said += line
        try:
            yield running, port, said
        finally:
            running.terminate()
            running.wait(30)


def workers_of(said: str) -> list[int]:
    return [int(found) for found in re.findall(r"Started server process \[(\d+)\]", said)]


def alive(pid: int) -> bool:
    try:
        return f"{pid} (" in (stat := Path(f"/proc/{pid}/stat").read_text()) and ") Z" not in stat
    except OSError:
        return False


def test_workers_end_when_their_parent_was_killed_and_the_port_is_free(home: Path) -> None:
    with serving(home, "--workers", "2") as (parent, port, said):
        workers = workers_of(said)
        assert len(workers) == 2
        assert all(map(alive, workers))
        parent.kill()
        assert parent.wait(10) == -signal.SIGKILL
        deadline = time.monotonic() + 5
        while any(map(alive, workers)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(map(alive, workers))
        assert parent.stderr is not None
        rest = parent.stderr.read()
        assert rest.count("the parent process is gone") == 2
        assert rest.count("Application shutdown complete") == 2, "in good order"
        socket.create_server(("127.0.0.1", port)).close()


def test_help_names_every_door(run: Run) -> None:
    told = run("serve", "--help").stdout
    for door in ("/verify", "/auth/", "/oauth/", "/.well-known/", "/ca/", "/healthz", "/readyz", "/metrics"):
        assert door in told


OTHERS = "other machines are refused here (tls_required)"


@pytest.mark.parametrize(
    ("settings", "words", "warned"),
    [
        ("", ("--host", "0.0.0.0"), True),
        ("", ("--host", "127.0.0.1"), False),
        ('trusted_proxies = ["10.0.0.0/8"]\n', ("--host", "0.0.0.0"), False),
        ("insecure_http = true\n", ("--host", "0.0.0.0"), False),
    ],
)
def test_plain_http_where_others_could_call_is_warned_of(home: Path, settings: str, words: tuple[str, ...], warned: bool) -> None:
    (home / "doorward.toml").write_text(f'[server]\nissuer = "https://door.example"\n{settings}')
    with serving(home, *words) as (_, _, said):
        assert (f"warning: {OTHERS}" in said) is warned
        assert said.count("warning:") == int(warned)


def test_with_tls_nothing_is_warned_of(home: Path, pair: tuple[Path, Path]) -> None:
    with serving(home, "--host", "0.0.0.0", "--tls-cert", str(pair[0]), "--tls-key", str(pair[1])) as (_, _, said):
        assert "warning:" not in said


def test_certificates_in_any_field_of_a_proxy_are_warned_of_at_the_start_and_by_check(home: Path, run: Run) -> None:
    (home / "doorward.toml").write_text('[server]\ntrusted_proxies = ["127.0.0.1/32"]\n[[route]]\npath = "/**"\nallow = "mtls"\n')
    warning = "warning: listed proxies are believed about certificates in any usual header field"
    assert warning in run("check").stdout
    with serving(home) as (_, _, said):
        assert warning in said
    with serving(home, "--json") as (_, _, said):
        assert len(json.loads(said.splitlines()[0])["warnings"]) == 1
