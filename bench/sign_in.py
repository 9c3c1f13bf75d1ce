"""First-party sign-in over HTTP, figures only: a password's cost is meant to be felt, and a refresh is one durable write."""

import asyncio
import json
import time

from bench import load, place
from bench.place import PASSWORD, Served
from bench.probe import percentile
from bench.rounds import Effort
from bench.row import Row, alone

CALLERS = 8


async def measure(effort: Effort) -> list[Row]:
    rounds = min(effort.rounds, 5)
    with place.made() as home:
        async with place.served(home) as server, place.served(home, settings={"DOORWARD_BASIC__MEMO": "0"}) as forgetful:
            logins, known, refreshes, p99s = [], [], [], []
            for _ in range(rounds):
                login = load.save(home.data / "login", [post("/auth/login", {"username": "rex", "password": PASSWORD})])
                logins.append((await load.run(forgetful.port, login, effort.seconds, 4)).rate)
                known.append((await load.run(server.port, login, effort.seconds, 4)).rate)
                rate, p99 = await refreshed(server, effort.seconds)
                refreshes.append(rate)
                p99s.append(p99)
    return [
        alone("sign-in-login", "POST /auth/login, Argon2id m=19 MiB t=2 p=1", "/s", logins, aside="4 callers; wall time"),
        alone("sign-in-known", "POST /auth/login, password proven within the last minute", "/s", known, aside="4 callers; wall time"),
        alone("sign-in-refresh", "POST /auth/refresh, rotated and durable", "/s", refreshes, aside=f"{CALLERS} callers; wall time"),
        alone("sign-in-refresh-p99", "… p99", "ms", p99s),
    ]


def post(path: str, body: dict[str, str]) -> bytes:
    return load.raw("POST", path, [("Content-Type", "application/json")], json.dumps(body).encode())


async def refreshed(server: Served, seconds: float) -> tuple[float, float]:
    """Answers a second, and the p99 in milliseconds: each caller hands in what the answer before gave."""
    took: list[float] = []
    ready = asyncio.Barrier(CALLERS)

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        said = await told(reader, writer, post("/auth/login", {"username": "rex", "password": PASSWORD}))
        await ready.wait()
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            said = await told(reader, writer, post("/auth/refresh", {"refresh_token": said["refresh_token"]}))
            took.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return len(took) / seconds, percentile(took, 0.99) * 1000


async def told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> dict[str, str]:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    body = await reader.readexactly(length)
    if head[9:12] != b"200":
        raise RuntimeError(f"{head[9:12].decode()}: {body.decode()}")
    said: dict[str, str] = json.loads(body)
    return said
