"""The authorization servers of others, each ready to be asked. One that is not on this machine says why: `Missing`."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import place
from bench.place import Served

CLIENT: Final = "bench"
SECRET: Final = "a secret of thirty-two characters"
NODE: Final = Path(__file__).with_name("servers") / "oidc_provider"


class Missing(Exception):
    """Why this peer cannot be measured here."""


@dataclass(frozen=True, slots=True)
class Peer:
    """`served` with the core that it may use; raises Missing."""

    name: str
    token: str
    introspect: str
    served: Callable[[int | None], AbstractAsyncContextManager[Served]]


def provider(form: str) -> Peer:
    @contextlib.asynccontextmanager
    async def served(core: int | None) -> AsyncIterator[Served]:
        folder, port = installed(), place.free_port()
        command = ["node", str(folder / "server.mjs"), str(port), form, CLIENT, SECRET]
        async with place.other(command, port, "/.well-known/openid-configuration", core, {"NODE_ENV": "production"}) as running:
            yield running

    return Peer("npm oidc-provider, in memory", "/token", "/token/introspection", served)


def installed() -> Path:
    """npm's packages as locked, outside of the repository."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise Missing("NOT MEASURED: node and npm are not on the path")
    lock = (NODE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "doorward-bench" / f"oidc-provider-{hashlib.sha256(lock).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    for file in NODE.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    if not (folder / "node_modules" / "oidc-provider").exists():
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"NOT MEASURED: npm ci failed: {done.stderr.strip().splitlines()[-1][:200] if done.stderr.strip() else ''}")
    return folder


def python(name: str, module: str, token: str, introspect: str, data: Path) -> Peer:
    """One gunicorn worker."""

    @contextlib.asynccontextmanager
    async def served(core: int | None) -> AsyncIterator[Served]:
        port = place.free_port()
        bind = ["--workers", "1", "--threads", "16", "--bind", f"127.0.0.1:{port}", "--log-level", "error", "--keep-alive", "60"]
        environ = {"CLIENT": CLIENT, "SECRET": SECRET, "DATABASE": str(data / f"{module}.db")}
        command = [sys.executable, "-m", "gunicorn", "-k", "gthread", *bind, f"bench.servers.{module}:app"]
        try:
            async with place.other(command, port, "/ready", core, environ) as running:
                yield running
        except RuntimeError as reason:
            raise Missing(f"NOT MEASURED: {str(reason).strip().splitlines()[-1][:200]}") from None

    return Peer(name, token, introspect, served)


def toolkit(data: Path) -> Peer:
    return python("django-oauth-toolkit, SQLite", "toolkit_server", "/token/", "/introspect/", data)


def authlib(data: Path) -> Peer:
    return python("Authlib on Flask, SQLite", "authlib_server", "/token", "/introspect", data)
