"""Tokens for clients over HTTP, one process each: asked for (`client_credentials`), and asked about (introspection).

Ours are durable on SQLite where they are written at all; npm oidc-provider's lie in memory, those of the Python servers in SQLite.
Judged by requests a second of the server's processor time, as in `http_verify`; the rates by the wall stand beside.
"""

import base64
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import httpx

from bench import load, place, token_peers
from bench.place import Served
from bench.rounds import Effort
from bench.row import Goal, Row, alone, compared
from bench.token_peers import Missing, Peer

FIRST: Final = Goal(number=2, hoped=4)
DURABLE: Final = Goal(number=1.5, hoped=3)
OTHERS: Final = Goal(number=10)
GRANT: Final = b"grant_type=client_credentials&scope=read%3Apets"


@dataclass(frozen=True, slots=True)
class Side:
    """One server and the request that it is asked with."""

    served: Served
    requests: Path

    async def round(self, seconds: float, core: int | None) -> tuple[float, float]:
        """Requests a second of processor time, and by the wall. Raises RuntimeError: not all were answered well."""
        began = tree_seconds(self.served.pid)
        seen = await load.run(self.served.port, self.requests, seconds, core=core)
        if seen.refused or seen.broken or not seen.requests:
            raise RuntimeError(f"{self.requests.name}: {seen.refused} of {seen.requests} refused, {seen.broken} broken")
        return seen.requests / (tree_seconds(self.served.pid) - began), seen.rate


@dataclass(frozen=True, slots=True)
class Contest:
    key: str
    what: str
    form: str
    asks: bool
    peer: Peer
    goal: Goal


async def measure(effort: Effort) -> list[Row]:
    cores = place.cores()
    with place.made() as home:
        clients = {form: client(home, form) for form in ("jwt", "opaque")}
        async with place.served(home, core=cores[0]) as ours:
            every = contests(home.data)
            return [await held(contest, ours, clients[contest.form], home.data, effort, cores) for contest in every]


def contests(data: Path) -> Sequence[Contest]:
    jwt, opaque = token_peers.provider("jwt"), token_peers.provider("opaque")
    others = [("toolkit", token_peers.toolkit(data)), ("authlib", token_peers.authlib(data))]
    given, asked = "client_credentials", "introspection"
    return (
        Contest("token-jwt-node", f"{given}, an ES256 JWT", "jwt", False, jwt, FIRST),
        Contest("token-opaque-node", f"{given}, an opaque token (ours durable)", "opaque", False, opaque, DURABLE),
        Contest("introspect-opaque-node", f"{asked} of an opaque token", "opaque", True, opaque, DURABLE),
        Contest("introspect-jwt-node", f"{asked} of our JWT, beside their opaque token (they keep no JWT)", "jwt", True, opaque, DURABLE),
        *(Contest(f"token-jwt-{name}", f"{given}, our JWT beside an opaque token", "jwt", False, peer, OTHERS) for name, peer in others),
        *(Contest(f"introspect-opaque-{name}", f"{asked} of an opaque token", "opaque", True, peer, OTHERS) for name, peer in others),
    )


def client(home: place.Place, form: str) -> tuple[str, str]:
    words = ("client", "create", f"bench {form}", "--grant", "client_credentials", "--scopes", "read:pets write:pets", "--token", form)
    told: dict[str, Any] = json.loads(home.ask(*words, "--json"))
    return told["client_id"], told["client_secret"]


async def held(
    contest: Contest, ours: Served, pair: tuple[str, str], data: Path, effort: Effort, cores: tuple[int | None, int | None]
) -> Row:
    mine = Side(ours, await asked(contest, ours, pair, ("/oauth/token", "/oauth/introspect"), data / "ours"))
    rounds = min(effort.rounds, 5)
    figures: dict[str, list[float]] = {"ours": [], "theirs": []}
    walls: dict[str, list[float]] = {"ours": [], "theirs": []}
    sides = {"ours": mine}
    missing = ""
    async with contextlib.AsyncExitStack() as stack:
        try:
            theirs = await stack.enter_async_context(contest.peer.served(cores[0]))
            names = (contest.peer.token, contest.peer.introspect)
            sides["theirs"] = Side(theirs, await asked(contest, theirs, (token_peers.CLIENT, token_peers.SECRET), names, data / "theirs"))
        except Missing as reason:
            missing = str(reason)
        for number in range(rounds + 1):
            for name, side in sides.items():
                figure, wall = await side.round(effort.seconds if number else 1, cores[1])
                if number:  # the first round warms
                    figures[name].append(figure)
                    walls[name].append(wall)
    if missing:
        return alone(contest.key, contest.what, "/s", figures["ours"], aside=f"{contest.peer.name}: {missing}")
    aside = f"wall: {median(walls['ours']):,.0f}/s, theirs {median(walls['theirs']):,.0f}/s"
    return compared(contest.key, contest.what, "/s", figures["ours"], contest.peer.name, figures["theirs"], contest.goal, aside)


async def asked(contest: Contest, server: Served, pair: tuple[str, str], paths: tuple[str, str], file: Path) -> Path:
    """The request of this contest in a file. It is tried once, so that nobody is measured refusing."""
    head = [
        ("Authorization", "Basic " + base64.b64encode(":".join(pair).encode()).decode()),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Accept", "*/*"),
    ]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as web:
        given = await web.post(paths[0], content=GRANT, headers=dict(head))
        given.raise_for_status()
        body = f"token={given.json()['access_token']}".encode()
        if contest.asks:
            told = await web.post(paths[1], content=body, headers=dict(head))
            if not told.json().get("active"):
                raise RuntimeError(f"{contest.key}: {contest.peer.name} or we call a good token inactive: {told.text[:200]}")
    target, content = (paths[1], body) if contest.asks else (paths[0], GRANT)
    return load.save(file, [load.raw("POST", target, head, content)])


def tree_seconds(pid: int) -> float:
    """Processor time of a process and its children, user and system."""
    total = Served(pid, 0).processor_seconds()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    return total + sum(tree_seconds(int(child)) for child in children)
