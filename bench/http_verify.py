"""`/verify` over HTTP, one worker, each method, beside a bare Starlette route on the same server and with the same requests."""

from statistics import median
from typing import Final

from bench import load, place, verify_ways
from bench.place import Place, Served
from bench.rounds import Effort
from bench.row import Goal, Row, compared
from bench.verify_ways import Way

GOAL: Final = Goal(number=0.6, hoped=0.75)


async def measure(effort: Effort) -> list[Row]:
    server_core, load_core = place.cores()
    rounds = min(effort.rounds, 5)
    with place.made() as home:
        async with place.served(home, core=server_core) as ours, place.bare(core=server_core) as bare:
            ways = await verify_ways.ways(home, ours, effort)
            return [await held_against(name, way, ours, bare, home, effort, rounds, load_core) for name, way in ways.items()]


async def held_against(name: str, way: Way, ours: Served, bare: Served, home: Place, effort: Effort, rounds: int, core: int | None) -> Row:
    """Judged by requests a second of the server's processor time: the same as requests a second where a worker has a core
    to itself, and true also where neighbours share it."""
    file = home.data / "requests"
    costs: dict[str, list[float]] = {"ours": [], "bare": []}
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    for number in range(rounds + 1):
        load.save(file, way.requests(effort.seconds))
        for which, server in (("bare", bare), ("ours", ours)):
            began = server.processor_seconds()
            seen = await load.run(server.port, file, effort.seconds if number else 1, core=core)
            if seen.refused or seen.broken:
                raise RuntimeError(f"{name}: {seen.refused} of {seen.requests} refused, {seen.broken} broken")
            if number:  # the first round warms
                costs[which].append(seen.requests / (server.processor_seconds() - began))
                rates[which].append(seen.rate)
    key = f"http-{name.replace(', ', '-').replace(' ', '-')}"
    aside = f"wall: {median(rates['ours']):,.0f}/s, the bare route {median(rates['bare']):,.0f}/s"
    return compared(key, f"/verify, {name}", "/s", costs["ours"], "bare Starlette route", costs["bare"], GOAL, aside)
