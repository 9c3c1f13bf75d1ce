"""How long until a token that was revoked in another process is refused by every worker, and by an application that embeds
the library: from the moment when the revoking call begins, so its own durable write counts too."""

import asyncio
import sys
import time
from pathlib import Path

from bench import place
from bench.probe import answered, percentile
from bench.rounds import Effort
from bench.row import Goal, Row, alone
from bench.tokens import request
from bench.verify_ways import asked
from doorward.app import Doorward
from doorward.core.errors import Refused

GOAL = Goal(number=1.0, at_most=True)
CONNECTIONS = 16
"""So many that every worker has some; which has which is not asked."""
LOOK_EVERY = 0.002


async def measure(effort: Effort) -> list[Row]:
    times = 5 if effort.quick else 100
    with place.made() as home:
        tokens = await place.tokens(home, times)
        async with place.served(home, "--workers", "2") as server, Doorward(home.data, environ={}) as door:
            over_http, embedded = [], []
            revoker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.revoker", str(home.data)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd=Path(__file__).parents[1],
            )
            assert revoker.stdin is not None
            assert revoker.stdout is not None
            await revoker.stdout.readline()
            callers = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(CONNECTIONS)]
            for token in tokens:
                ask = asked("jwt", [("Authorization", f"Bearer {token}")])
                assert await statuses(callers, ask) == {200}, "a good token was refused"
                revoker.stdin.write(token.encode() + b"\n")
                waits = asyncio.gather(until_refused(callers, ask), until_refused_here(door, token))
                began = float(await revoker.stdout.readline())
                http_at, embedded_at = await waits
                over_http.append(http_at - began)
                embedded.append(embedded_at - began)
            revoker.stdin.close()
            await revoker.wait()
            for _, writer in callers:
                writer.close()
    return [
        *rows_of("workers", "a token revoked: refused by both workers", over_http),
        *rows_of("embedded", "… by an application with the library", embedded),
    ]


def rows_of(key: str, what: str, seconds: list[float]) -> list[Row]:
    p50, p99 = percentile(seconds, 0.5), percentile(seconds, 0.99)
    return [
        alone(f"revocation-{key}-p50", f"{what}, p50", "s", [p50]),
        alone(f"revocation-{key}-p99", f"{what}, p99", "s", [p99], GOAL, f"of {len(seconds)}; the longest {max(seconds):.2f} s"),
    ]


async def statuses(callers: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]], ask: bytes) -> set[int]:
    for _, writer in callers:
        writer.write(ask)
    return {await answered(reader) for reader, _ in callers}


async def until_refused(callers: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]], ask: bytes) -> float:
    """When the last worker refused."""
    while await statuses(callers, ask) != {401}:
        await asyncio.sleep(LOOK_EVERY)
    return time.time()


async def until_refused_here(door: Doorward, token: str) -> float:
    route = door.route("jwt")
    while True:
        try:
            await door.admit(request([(b"host", b"api.example"), (b"authorization", b"Bearer " + token.encode())]), route)
        except Refused:
            return time.time()
        await asyncio.sleep(LOOK_EVERY)
