"""A place to try doorward in: a data directory of its own, a certificate, and real server processes."""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doorward.crypto.certificate import self_signed

START_SECONDS = 20.0
SERVED = ("--http", "doorward.web.listener:Listener", "--no-proxy-headers")
"""How uvicorn has to serve what a guard stands before (`web.guard`)."""


class PlaceError(Exception):
    """A server did not start or a command failed; the message holds what it printed."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Place:
    """Commands and servers here run as a stranger's would: as processes, with nothing shared but the data directory."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def certificate(self) -> Path:
        return self.folder / "cert.pem"

    @property
    def private_key(self) -> Path:
        return self.folder / "key.pem"

    def make_certificate(self) -> None:
        certificate, key = self_signed(("localhost", "127.0.0.1"), time.time())
        self.certificate.write_bytes(certificate)
        self.private_key.touch(mode=0o600)
        self.private_key.write_bytes(key)

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def environment(self) -> Mapping[str, str]:
        mine = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
        return {**mine, "DOORWARD_DATA": str(self.data)}

    def command(self, *words: str, stdin: str = "") -> dict[str, Any]:
        """`doorward … --json`, in a process of its own. Raises PlaceError."""
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "doorward", *words, "--json"],
            input=stdin.encode(),
            capture_output=True,
            env=self.environment(),
            check=False,
            timeout=60,
        )
        if done.returncode != 0:
            raise PlaceError(f"doorward {' '.join(words)}: {done.stderr.decode().strip()}")
        answer = json.loads(done.stdout or b"{}")
        return answer if isinstance(answer, dict) else {"rows": answer}

    def serve(self, port: int, *words: str) -> None:
        tls = ("--tls-cert", str(self.certificate), "--tls-key", str(self.private_key))
        self._start("doorward", "serve", "--host", "127.0.0.1", "--port", str(port), *tls, *words, port=port)

    def serve_app(self, factory: str, port: int) -> None:
        tls = ("--ssl-certfile", str(self.certificate), "--ssl-keyfile", str(self.private_key))
        words = ("--factory", factory, "--host", "127.0.0.1", "--port", str(port), *tls, "--log-level", "warning", *SERVED)
        self._start("uvicorn", *words, port=port)

    def serve_pets(self, port: int) -> None:
        """The pet store with our TLS listener before it, so that certificates reach the guard."""
        self._start("doorward.lab.pets", str(port), str(self.certificate), str(self.private_key), port=port)

    def _start(self, module: str, *words: str, port: int) -> None:
        log = (self.folder / f"{module}-{port}.log").open("wb")
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", module, *words], stdout=log, stderr=subprocess.STDOUT, env=self.environment()
        )
        log.close()
        self.processes.append(process)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                return
            time.sleep(0.05)
        raise PlaceError(f"{module} did not start:\n{(self.folder / f'{module}-{port}.log').read_text()[-2000:]}")

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def a_place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="doorward-") as folder:
        place = Place(Path(folder))
        try:
            yield place
        finally:
            place.stop()
