"""`/verify` over HTTP, one worker, each method, beside a bare Starlette route on the same server and with the same requests."""

import time
from collections.abc import Callable
from statistics import median
from typing import Final

from bench import load, place
from bench.load import Head
from bench.place import Place, Served
from bench.rounds import Effort
from bench.row import Goal, Row, compared
from doorward.core.secret import Secret
from doorward.crypto.hmac_signing import signed_headers

GOAL: Final = Goal(number=0.6, hoped=0.75)
CALLERS: Final = 500
"""Addresses and targets in turn."""
SEEN: Final = 500
UNSEEN: Final = 25_000
"""In turn, and more than are remembered (`[jwt] memo`, 10,000): each is met as new."""
FASTEST: Final = 15_000
"""Requests a second that no worker here reaches: so many signed ones are made, since each passes once."""

Make = Callable[[], list[bytes]]


async def measure(effort: Effort) -> list[Row]:
    server_core, load_core = place.cores()
    rounds = min(effort.rounds, 5)
    with place.made() as home:
        async with place.served(home, core=server_core) as ours, place.bare(core=server_core) as bare:
            ways = await requests_of(home, ours, effort)
            rows = []
            for name, make in ways.items():
                rows.append(await held_against(name, make, ours, bare, home, effort, rounds, load_core))
    return rows


async def requests_of(home: Place, ours: Served, effort: Effort) -> dict[str, Make]:
    tokens = await place.tokens(home, 500 if effort.quick else SEEN + UNSEEN)
    cookie = await place.session(ours.port)
    seen = [_bearer(token, number) for number, token in enumerate(tokens[:SEEN])]
    unseen = [_bearer(token, number % CALLERS) for number, token in enumerate(tokens[SEEN:] or tokens)]
    count = int(FASTEST * max(1.0, effort.seconds) * 1.2)
    return {
        "api_key": lambda: [asked("api_key", [("X-API-Key", home.key)], number) for number in range(CALLERS)],
        "basic, seen before": lambda: [asked("basic", [("Authorization", f"Basic {place.basic()}")], number) for number in range(CALLERS)],
        "jwt, seen before": lambda: seen,
        "jwt, first sight": lambda: unseen,
        "session": lambda: [asked("session", [("Cookie", cookie)], number) for number in range(CALLERS)],
        "hmac": lambda: signed(home, count),
    }


async def held_against(
    name: str, make: Make, ours: Served, bare: Served, home: Place, effort: Effort, rounds: int, core: int | None
) -> Row:
    """Judged by requests a second of the server's processor time: the same as requests a second where a worker has a core
    to itself, and true also where neighbours share it."""
    file = home.data / "requests"
    costs: dict[str, list[float]] = {"ours": [], "bare": []}
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    for number in range(rounds + 1):
        for which, server in (("bare", bare), ("ours", ours)):
            load.save(file, make())
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


def asked(method: str, head: Head, number: int = 7) -> bytes:
    """What nginx asks for GET /METHOD/NUMBER from one of many addresses."""
    caller = [("X-Forwarded-For", f"192.0.{number // 200}.{number % 200 + 1}"), *place.AHEAD[1:]]
    original = [("X-Original-Method", "GET"), ("X-Original-URI", f"/{method}/{number}"), ("X-Original-Content-Length", "0")]
    return load.raw("GET", "/verify", [*caller, *original, ("User-Agent", "bench"), ("Accept", "*/*"), *head])


def _bearer(token: str, number: int) -> bytes:
    return asked("jwt", [("Authorization", f"Bearer {token}")], number)


def signed(home: Place, count: int) -> list[bytes]:
    now, secret = int(time.time()), Secret(home.hmac["secret"])
    made = []
    for number in range(count):
        nonce = f"{now}-{time.monotonic_ns()}-{number}"
        head = signed_headers(home.hmac["id"], secret, "GET", f"/hmac/{number % CALLERS}", b"", timestamp=now, nonce=nonce)
        made.append(asked("hmac", list(head.items()), number % CALLERS))
    return made
