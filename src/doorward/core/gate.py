"""The only place where a policy meets methods. `ORDER` is the order of checks (DECISIONS 4).

Every step takes the Case, adds what it found, and raises Refused or goes on.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Any, Final

from doorward.core.bind import bind
from doorward.core.clock import Clock
from doorward.core.csrf import check_same_site
from doorward.core.errors import Refused, Why
from doorward.core.limit import Rate, Verdict
from doorward.core.method import Method
from doorward.core.path import read_path
from doorward.core.policy import Alternative
from doorward.core.proof import Principal, Proof
from doorward.core.request import Request
from doorward.core.route import Route, Routes
from doorward.core.store import Meter, Once, Unavailable

_FOREIGN: Final = (b"authorization", b"x-api-key", b"x-signature", b"signature")


@dataclass(slots=True)
class Case:
    """One request on its way through the gate: what is known so far. A door may keep it for its log."""

    request: Request
    now: float
    route: Route | None = None
    path: str = ""
    way: Alternative | None = None
    shown: dict[str, object] = field(default_factory=dict)
    proofs: dict[str, Proof] = field(default_factory=dict)
    principal: Principal | None = None
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def its_route(self) -> Route:
        assert self.route is not None, "a step before `route` asked for it"  # noqa: S101
        return self.route

    @property
    def tightest(self) -> Verdict | None:
        """For the RateLimit fields: the verdict with the least left."""
        return min(self.verdicts, key=lambda each: (each.allowed, each.remaining), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOptions:
    """`insecure_http`: plain HTTP from other machines is let in. `address`, `principal`: rates over all routes."""

    insecure_http: bool = False
    address: Rate | None = None
    principal: Rate | None = None
    failures: Rate | None = None


class Gate:
    """`admit` is the hot path of every door."""

    def __init__(
        self,
        methods: Sequence[Method[Any]],
        routes: Routes,
        once: Once,
        meter: Meter,
        clock: Clock,
        options: GateOptions,
        observers: Sequence["Observer"] = (),
    ) -> None:
        self.methods: dict[str, Method[Any]] = {method.name: method for method in methods}
        self.routes, self.once, self.meter, self.clock, self.options = routes, once, meter, clock, options
        self._observers = tuple(observers)
        self._ambient = frozenset(method.name for method in methods if method.ambient)
        self._guessable = frozenset(method.name for method in methods if method.guessable)

    async def admit(self, request: Request, route: Route | None = None) -> Case:
        """The case with its principal (None only where the route is open to anyone). Raises Refused."""
        case = self.open(request, route)
        await self.decide(case)
        return case

    def open(self, request: Request, route: Route | None = None) -> Case:
        return Case(request, self.clock(), route)

    async def decide(self, case: Case) -> None:
        """Raises Refused; a store that cannot answer is a refusal too: fail closed. Observers hear of either."""
        refused: Refused | None = None
        try:
            for step in ORDER:
                await step(self, case)
        except Refused as reason:
            refused = reason
        except Unavailable as reason:
            refused = Refused(Why.UNAVAILABLE, note=str(reason), retry_after=1.0)
        for observer in self._observers:
            observer(case, refused)
        if refused is not None:
            raise refused

    async def check_transport(self, case: Case) -> None:
        request = case.request
        if request.scheme != "https" and not request.loopback and not self.options.insecure_http:
            raise Refused(Why.NOT_TLS, "Use https. Plain HTTP is taken from this machine only.")

    async def read_the_path(self, case: Case) -> None:
        case.path = read_path(case.request.raw_path)

    async def find_route(self, case: Case) -> None:
        if case.route is None:
            case.route = self.routes.match(_routed_method(case.request), case.path)

    async def check_failures(self, case: Case) -> None:
        """Before any work: is this address out of tries? Charged where a guess is proven wrong (`methods`)."""
        if self.options.address is not None and case.request.address:
            await self._take(case, f"address:{case.request.address}", self.options.address)
        rate = self.options.failures
        if rate is None or self._guessable.isdisjoint(case.its_route.asked):
            return
        key = failures_key(case.request)
        if key is not None and not (said := await self.meter.look(key, rate, case.now)).allowed:
            raise Refused(Why.TOO_MANY_FAILURES, "Too many failed tries from this address; wait.", retry_after=said.retry_after)

    async def find(self, case: Case) -> None:
        route, request = case.its_route, case.request
        if route.allow is None or _is_preflight(route, request):
            return
        for name in route.asked:
            shown = self.methods[name].find(request, route) if name in self.methods else None
            if shown is not None:
                case.shown[name] = shown
        case.way = self._choose(route, case)

    def _choose(self, route: Route, case: Case) -> Alternative:
        """The alternative whose every credential is shown. Explicit ones beat ambient ones; two are refused (DECISIONS 2).

        Of alternatives that ask for the same explicit credentials, the one written first; of those where one asks
        for all that the other does and more, the larger: what is shown is never left unproven.
        """
        complete = [way for way in route.ways if all(method in case.shown for method in way.methods)]
        if not complete:
            foreign = not case.shown and any(name in case.request.headers for name in _FOREIGN)
            raise Refused(Why.MALFORMED if foreign else Why.MISSING)
        if len(complete) == 1:
            return complete[0]
        explicit = [frozenset(way.methods) - self._ambient for way in complete]
        largest = max(explicit, key=len)
        if any(not each <= largest for each in explicit):
            raise Refused(Why.TWO_ALTERNATIVES, "Send one credential: two that this route accepts in each other's place were sent.")
        return complete[explicit.index(largest)]

    async def prove(self, case: Case) -> None:
        if case.way is None:
            return
        route = case.its_route
        for name in case.way.methods:
            proof = await self.methods[name].prove(case.shown[name])
            if proof.env is not None and proof.env != route.env:
                raise Refused(Why.WRONG_ENV, note=f"the route takes {route.env}")
            case.proofs[name] = proof

    async def bind(self, case: Case) -> None:
        if case.way is not None:
            case.principal = bind(case.way, case.proofs)

    async def limit_principal(self, case: Case) -> None:
        if case.principal is None:
            return
        for proof in case.principal.proofs:
            if proof.rate is not None:
                await self._take(case, f"credential:{proof.credential_id}", proof.rate)
        route = case.its_route
        if route.rate is not None:
            await self._take(case, f"route:{route.name}:{case.principal.subject}", route.rate)
        if self.options.principal is not None:
            await self._take(case, f"principal:{case.principal.subject}", self.options.principal)

    async def _take(self, case: Case, key: str, rate: Rate) -> None:
        said = await self.meter.take(key, rate, case.now)
        case.verdicts.append(said)
        if not said.allowed:
            raise Refused(Why.RATE_LIMITED, f"The limit of {rate} is used up; wait.", retry_after=said.retry_after)

    async def check_scopes(self, case: Case) -> None:
        route, principal = case.its_route, case.principal
        if principal is None:
            return
        if missing := route.scopes - principal.scopes:
            raise Refused(Why.LACKS_SCOPE, note=f"missing: {' '.join(sorted(missing))}")
        if missing := route.roles - principal.roles:
            raise Refused(Why.LACKS_ROLE, "A role is missing.", note=f"missing: {' '.join(sorted(missing))}")

    async def check_freshness(self, case: Case) -> None:
        limit = case.its_route.fresh_within
        if limit is None or case.principal is None:
            return
        proven = [proof.authenticated_at for proof in case.principal.proofs if proof.authenticated_at is not None]
        if not proven or case.now - max(proven) > limit:  # RFC 9470 section 3
            raise Refused(Why.NOT_FRESH, f"Sign in again: this needs a sign-in within the last {int(limit)} seconds.")

    async def check_cross_site(self, case: Case) -> None:
        if not case.request.unsafe or not case.proofs or not self._ambient.issuperset(case.proofs):
            return
        for proof in case.proofs.values():
            if proof.csrf is not None:
                check_same_site(case.request, proof.csrf)

    async def spend_once(self, case: Case) -> None:
        for proof in case.proofs.values():
            if proof.once is None:
                continue
            if proof.once.signed_at < await self.once.trusted_since():
                raise Refused(Why.SIGNED_BEFORE_RESTART, "Sign the request again.")
            if not await self.once.spend(proof.once.key, proof.once.until, case.now):
                raise Refused(Why.REPLAYED, "This signed request was seen before; sign each request anew, with a nonce.")


Step = Callable[[Gate, Case], Awaitable[None]]
Observer = Callable[[Case, Refused | None], None]
"""Hears of every decision: counts, remembers, never decides and never waits."""

ORDER: Final[tuple[Step, ...]] = (
    Gate.check_transport,
    Gate.read_the_path,
    Gate.find_route,
    Gate.check_failures,
    Gate.find,
    Gate.prove,
    Gate.bind,
    Gate.limit_principal,
    Gate.check_scopes,
    Gate.check_freshness,
    Gate.check_cross_site,
    Gate.spend_once,
)


def failures_key(request: Request) -> str | None:
    """One address for IPv4, the /64 network for IPv6 (DECISIONS 5). None where the address is not known."""
    address = request.address
    if address is None:
        return None
    if ":" in address:
        return f"failures:{IPv6Address(int(IPv6Address(address)) >> 64 << 64)}/64"
    return f"failures:{address}"


def _is_preflight(route: Route, request: Request) -> bool:
    """The Fetch standard's CORS preflight: OPTIONS with an origin and the method it asks for."""
    return (
        route.preflight
        and request.method == "OPTIONS"
        and b"origin" in request.headers
        and b"access-control-request-method" in request.headers
    )


def _routed_method(request: Request) -> str:
    """A preflight is routed as the method that it announces."""
    if request.method == "OPTIONS" and b"origin" in request.headers:
        return request.header(b"access-control-request-method") or request.method
    return request.method
