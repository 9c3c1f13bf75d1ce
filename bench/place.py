"""An installation of its own in a temporary folder, with one credential of each kind, and servers over it."""

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from bench.tokens import claims
from doorward.app import Doorward
from doorward.crypto.jose import sign_jwt

PASSWORD: Final = "a password of eighteen letters"
NO_SETTINGS: Final[Mapping[str, str]] = {}
ROUTES: Final = {
    **{name: name for name in ("api_key", "basic", "jwt", "access_token", "session", "hmac", "http_signature", "mtls")},
    "dpop": "jwt bound by dpop",
}
"""The first part of the path, and what is asked there."""
SETTINGS: Final = """
[server]
trusted_proxies = ["127.0.0.1/32"]

[limits]
failures = "off"

[mtls]
proxy_headers = ["client-cert"]
""" + "".join(f'\n[[route]]\npath = "/{name}/**"\nallow = "{allow}"\nscopes = ["read:pets"]\n' for name, allow in ROUTES.items())
AHEAD: Final = [("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "api.example")]
"""What a proxy tells of a caller."""
Said = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    data: Path
    key: str
    hmac: Said

    def ask(self, *words: str, input: str = "") -> str:
        """A command line."""
        return _command(self.data, *words, input=input)


@contextlib.contextmanager
def made() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="doorward-bench-") as folder:
        data = Path(folder)
        _command(data, "init")
        settings = data / "doorward.toml"
        settings.write_text(SETTINGS, "utf-8")
        _command(data, "account", "create", "rex", "--scopes", "read:pets write:pets", "--password-stdin", input=PASSWORD)
        create = ("key", "create", "--owner", "shop", "--scopes", "read:pets write:pets", "--json")
        key: Said = json.loads(_command(data, *create, "--name", "measured"))
        signing: Said = json.loads(_command(data, *create, "--name", "signing", "--hmac"))
        yield Place(data, key["key"], signing)


def _command(data: Path, *words: str, input: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "doorward", *words, "--data", str(data)], input=input, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"doorward {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def basic() -> str:
    return base64.b64encode(f"rex:{PASSWORD}".encode()).decode()


async def tokens(place: Place, count: int, **more: object) -> list[str]:
    """Access tokens of this installation, each its own: as signing in makes them, without paying for a password each. `more`: claims."""
    async with Doorward(place.data, environ={}) as door:
        now, issuer = time.time(), door.parts.options.server.issuer
        handle = door.parts.keyring.active(now)
        own = {"iss": issuer, "aud": issuer, "client_id": issuer, "sub": "rex", **more}
        return [sign_jwt({**claims(number, now), **own}, handle, "at+jwt") for number in range(count)]


async def session(port: int) -> str:
    """A session cookie."""
    async with httpx.AsyncClient() as client:
        asked = {"username": "rex", "password": PASSWORD, "transport": "session"}
        answer = await client.post(f"http://127.0.0.1:{port}/auth/login", json=asked, headers=AHEAD)
        answer.raise_for_status()
        return next(line.partition(";")[0] for line in answer.headers.get_list("set-cookie") if "doorward=" in line)


@dataclass(frozen=True, slots=True)
class Served:
    pid: int
    port: int

    def processor_seconds(self) -> float:
        """Of this process alone, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.asynccontextmanager
async def served(place: Place, *words: str, core: int | None = None, settings: Mapping[str, str] = NO_SETTINGS) -> AsyncIterator[Served]:
    """`doorward serve`, ready. `settings`: DOORWARD_SECTION__NAME."""
    port = free_port()
    command = [sys.executable, "-m", "doorward", "serve", "--data", str(place.data), "--port", str(port), "--log-level", "error", *words]
    async with _running(command, port, "/readyz", core, settings) as server:
        yield server


@contextlib.asynccontextmanager
async def bare(core: int | None = None) -> AsyncIterator[Served]:
    port = free_port()
    async with _running([sys.executable, "-m", "bench.bare", str(port)], port, "/healthz", core) as server:
        yield server


@contextlib.asynccontextmanager
async def other(command: list[str], port: int, ready: str, core: int | None, settings: Mapping[str, str]) -> AsyncIterator[Served]:
    """A server of somebody else's, once it answers 200 at `ready`."""
    async with _running(command, port, ready, core, settings) as server:
        yield server


@contextlib.asynccontextmanager
async def _running(
    command: list[str], port: int, ready: str, core: int | None, settings: Mapping[str, str] = NO_SETTINGS
) -> AsyncIterator[Served]:
    environ = {**os.environ, **settings}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=Path(__file__).parents[1], env=environ)
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        await until_ready(f"http://127.0.0.1:{port}{ready}", process)
        yield Served(process.pid, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


async def until_ready(url: str, process: "subprocess.Popen[bytes]", pause: float = 0.02) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(int(30 / pause)):
            if process.poll() is not None:
                raise RuntimeError(f"the server ended: {process.stderr.read().decode() if process.stderr else ''}")
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(url)).status_code == 200:
                    return
            await asyncio.sleep(pause)
    raise RuntimeError(f"{url} did not answer 200 within 30 s")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def cores() -> tuple[int | None, int | None]:
    """One for the server and one for the load, where there are two."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else (None, None)
