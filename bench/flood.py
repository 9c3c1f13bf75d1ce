"""Other endpoints while 64 callers sign in with wrong passwords as fast as they are answered (`[limits] failures` is off)."""

import asyncio

from bench import load, place
from bench.http_verify import asked
from bench.place import Served
from bench.probe import Probe, percentile
from bench.rounds import Effort
from bench.row import Goal, Row, compared

CALLERS = 64
GOAL = Goal(number=2, at_most=True)
PAUSE = 0.002


async def measure(effort: Effort) -> list[Row]:
    rounds = min(effort.rounds, 5)
    rows = []
    with place.made() as home:
        async with place.served(home) as ours:
            wrong = load.raw("POST", "/auth/login", [("Content-Type", "application/json")], b'{"username":"rex","password":"not this one"}')
            flood = load.save(home.data / "flood", [wrong])
            probes = {"GET /verify, api_key": asked("api_key", [("X-API-Key", home.key)]), "GET /healthz": load.raw("GET", "/healthz", [])}
            for name, request in probes.items():
                idle, flooded, seen = [], [], ""
                for _ in range(rounds):
                    idle.append(await p99(ours, request, effort.seconds))
                    running = asyncio.create_task(load.run(ours.port, flood, effort.seconds + 1, CALLERS))
                    await asyncio.sleep(0.5)
                    flooded.append(await p99(ours, request, effort.seconds))
                    done = await running
                    seen = f"{done.rate:,.0f} sign-ins a second were answered, most of them with 503"
                key = f"flood-{name.partition(',')[0].split('/')[-1]}"
                rows.append(compared(key, f"p99 of {name} in the flood", "ms", flooded, "p99 idle", idle, GOAL, seen))
    return rows


async def p99(server: Served, request: bytes, seconds: float) -> float:
    """Milliseconds."""
    probe = Probe(server.port, request, PAUSE)
    await probe.run(seconds)
    if probe.refused:
        raise RuntimeError(f"{probe.refused} of {len(probe.took)} probes were refused")
    return percentile(probe.took, 0.99) * 1000
