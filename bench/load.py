"""Load from another process: `wrk` (Debian package), with requests made beforehand."""

import asyncio
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SCRIPT: Final = Path(__file__).with_name("load.lua")
CONNECTIONS: Final = 16
Head = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw. `refused`: answers of 400 and above."""

    requests: int
    microseconds: int
    refused: int
    broken: int
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.requests * 1e6 / self.microseconds


def raw(method: str, target: str, head: Head, body: bytes = b"") -> bytes:
    """An HTTP/1.1 request as bytes, the connection kept."""
    fields = [("Host", "127.0.0.1"), *head, *([("Content-Length", str(len(body)))] if body else [])]
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode() + body


def save(path: Path, requests: Iterable[bytes]) -> Path:
    path.write_bytes(b"\0".join(requests))
    return path


async def run(port: int, requests: Path, seconds: float, connections: int = CONNECTIONS, core: int | None = None) -> Load:
    """Raises RuntimeError where there is no wrk, or it failed. `core`: wrk runs there and nowhere else."""
    program = shutil.which("wrk")
    if program is None:
        raise RuntimeError("wrk is not on the path (Debian: apt install wrk)")
    arguments = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(SCRIPT)]
    where = [f"http://127.0.0.1:{port}", "--", str(requests)]
    process = await asyncio.create_subprocess_exec(
        program, *arguments, *where, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    out, wrong = await process.communicate()
    line = next((line for line in reversed(out.splitlines()) if line.startswith(b"{")), None)
    if line is None:
        raise RuntimeError(f"wrk said: {wrong.decode(errors='replace').strip() or out.decode(errors='replace').strip()}")
    return Load(**json.loads(line))
