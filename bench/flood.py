"""Other endpoints while 64 callers sign in with wrong passwords as fast as they are answered (`[limits] failures` is off)."""

import asyncio
import json
from itertools import product

from bench import load, place
from bench.place import Served
from bench.probe import Probe, percentile
from bench.rounds import Effort
from bench.row import Goal, Row, compared
from bench.verify_ways import asked

CALLERS = 64
GOAL = Goal(number=2, at_most=True)
PAUSE = 0.002


async def measure(effort: Effort) -> list[Row]:
    rounds = min(effort.rounds, 5)
    rows = []
    with place.made() as home:
        async with place.served(home) as ours:
            floods = {
                "guessing": load.save(home.data / "guesses", [guess(f"guess {number}") for number in range(5000)]),
                "one and the same password": load.save(home.data / "same", [guess("not this one")]),
            }
            probes = {"GET /verify, api_key": asked("api_key", [("X-API-Key", home.key)]), "GET /healthz": load.raw("GET", "/healthz", [])}
            for (name, request), (kind, flood) in product(probes.items(), floods.items()):
                idle, flooded, seen = [], [], ""
                for _ in range(rounds):
                    idle.append(await p99(ours, request, effort.seconds))
                    running = asyncio.create_task(load.run(ours.port, flood, effort.seconds + 1, CALLERS))
                    await asyncio.sleep(0.5)
                    flooded.append(await p99(ours, request, effort.seconds))
                    done = await running
                    seen = f"{done.rate:,.0f} tries a second answered"
                key = f"flood-{name.partition(',')[0].split('/')[-1]}-{kind.split()[0]}"
                rows.append(
                    compared(key, f"p99 of {name} while {CALLERS} callers sign in, {kind}", "ms", flooded, "p99 idle", idle, GOAL, seen)
                )
    return rows


def guess(password: str) -> bytes:
    return load.raw(
        "POST", "/auth/login", [("Content-Type", "application/json")], json.dumps({"username": "rex", "password": password}).encode()
    )


async def p99(server: Served, request: bytes, seconds: float) -> float:
    """Milliseconds."""
    probe = Probe(server.port, request, PAUSE)
    await probe.run(seconds)
    if probe.refused:
        raise RuntimeError(f"{probe.refused} of {len(probe.took)} probes were refused")
    return percentile(probe.took, 0.99) * 1000
