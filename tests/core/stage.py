"""What a test of the gate stands on: requests, small methods made by the protocol, Once and Meter in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from doorward.core.errors import Refused, Why
from doorward.core.gate import Gate, GateOptions
from doorward.core.limit import Rate, Verdict, verdict
from doorward.core.policy import parse
from doorward.core.proof import Claims, OneUse, Proof
from doorward.core.request import Headers, Request
from doorward.core.route import Route, Routes
from doorward.core.store import Unavailable

NOW = 1_000_000.0


def request(
    method: str = "GET",
    path: str = "/pets",
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    scheme: str | None = "https",
    host: str | None = "api.example",
    address: str | None = "192.0.2.1",
) -> Request:
    return Request(method, path, "", Headers(headers), scheme, host, address, None, False)


def shows(*names: str, **values: str) -> list[tuple[bytes, bytes]]:
    """Header fields by which `Shows` methods find their credential: `shows("jwt", api_key="bad")`."""
    return [(f"x-{name}".encode(), value.encode()) for name, value in {**dict.fromkeys(names, "good"), **values}.items()]


@dataclass
class Shows:
    """Finds its credential in the field `x-<name>`: "good" is proven, "bad" is unknown, "broken" is misshapen."""

    name: str
    ambient: bool = False
    guessable: bool = False
    fields: tuple[bytes, ...] = ()
    repeatable: bool = False
    challenge: str | None = None
    subject: str = "alice"
    client: str | None = None
    owner_kind: str = ""
    scopes: frozenset[str] | None = None
    roles: frozenset[str] = frozenset()
    env: str | None = None
    rate: Rate | None = None
    authenticated_at: float | None = NOW
    csrf: str | None = None
    once: OneUse | None = None
    claims: Claims = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def find(self, request: Request, route: Route) -> str | None:
        self.log.append(f"find {self.name}")
        shown = request.header(f"x-{self.name}".encode())
        if shown == "broken":
            raise Refused(Why.MALFORMED)
        return shown

    async def prove(self, shown: str) -> Proof:
        self.log.append(f"prove {self.name}")
        if shown == "down":
            raise Unavailable("the database is locked")
        if shown != "good":
            raise Refused(Why.UNKNOWN)
        return Proof(
            method=self.name,
            subject=self.subject,
            credential_id=f"id-of-{self.name}",
            client=self.client,
            owner_kind=self.owner_kind,
            scopes=self.scopes,
            roles=self.roles,
            env=self.env,
            rate=self.rate,
            authenticated_at=self.authenticated_at,
            csrf=self.csrf,
            claims=self.claims,
            once=self.once,
        )


@dataclass
class OnceInMemory:
    since: float = 0.0
    spent: set[bytes] = field(default_factory=set)
    down: bool = False

    async def spend(self, key: bytes, until: float, now: float) -> bool:
        if self.down:
            raise Unavailable("the state file is gone")
        first = key not in self.spent
        self.spent.add(key)
        return first

    async def trusted_since(self) -> float:
        return self.since


@dataclass
class MeterInMemory:
    arrivals: dict[str, int] = field(default_factory=dict)

    async def take(self, key: str, rate: Rate, now: float) -> Verdict:
        return self._ask(key, rate, now, keep=True)

    async def look(self, key: str, rate: Rate, now: float) -> Verdict:
        return self._ask(key, rate, now, keep=False)

    async def give_back(self, key: str, rate: Rate, now: float) -> None:
        self.arrivals[key] -= rate.step

    def _ask(self, key: str, rate: Rate, now: float, *, keep: bool) -> Verdict:
        at = int(now * 1_000_000)
        arrival = max(self.arrivals.get(key, 0), at)
        allowed = arrival + rate.step - at <= rate.depth
        if allowed and keep:
            arrival += rate.step
            self.arrivals[key] = arrival
        return verdict(rate, arrival, at, allowed=allowed)


@dataclass
class Stage:
    """A gate over one route (or several) with the methods given; `now` is its clock."""

    gate: Gate
    once: OnceInMemory
    meter: MeterInMemory
    log: list[str]
    now: float = NOW


def stage(*methods: Shows, routes: Iterable[Route] = (), options: GateOptions | None = None, **route: object) -> Stage:
    """`stage(Shows("jwt"), allow="jwt", scopes=…)`: the route is for /pets/** unless `routes` are given."""
    given = list(routes)
    if not given:
        allow = route.pop("allow")
        policy = parse(allow) if isinstance(allow, str) else None
        given = [Route(path="/pets/**", allow=policy, **route)]  # type: ignore[arg-type]  # the fields of Route
    log: list[str] = []
    for method in methods:
        method.log = log
    once, meter = OnceInMemory(), MeterInMemory()
    made = Stage(Gate(methods, Routes(given), once, meter, lambda: made.now, options or GateOptions()), once, meter, log)
    return made


async def why(stage: Stage, request: Request) -> Why:
    """The reason of the refusal; fails if the request is admitted."""
    try:
        await stage.gate.admit(request)
    except Refused as refused:
        return refused.why
    raise AssertionError("admitted")
