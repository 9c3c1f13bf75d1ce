"""The only place where a policy meets methods. `ORDER` is the order of checks (DECISIONS 4).

Every step takes the Case, adds what it found, and raises Refused or goes on.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from doorward.core.bind import DPOP, USER_METHODS, bind, needs_dpop
from doorward.core.case import Case
from doorward.core.clock import Clock
from doorward.core.csrf import check_same_site
from doorward.core.errors import Refused, Why
from doorward.core.finding import Finding
from doorward.core.limit import Rate
from doorward.core.metering import limit_principal, look_at_the_address
from doorward.core.method import Method
from doorward.core.path import read_path
from doorward.core.policy import Alternative
from doorward.core.remembered import Remembered
from doorward.core.request import Request
from doorward.core.route import Route, Routes
from doorward.core.store import Meter, Once, Unavailable


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
        remembered: Remembered | None = None,
        dpop: Method[Any] | None = None,
    ) -> None:
        """`dpop`: proves the key that a token is bound to (RFC 9449); without it no such token is admitted."""
        self.finding = Finding(methods)
        self.routes, self.once, self.meter, self.clock, self.options = routes, once, meter, clock, options
        self._observers, self._remembered, self._dpop = tuple(observers), remembered, dpop

    @property
    def methods(self) -> Mapping[str, Method[Any]]:
        return self.finding.methods

    async def admit(self, request: Request, route: Route | None = None) -> Case:
        """The case with its principal (None only where the route is open to anyone). Raises Refused."""
        case = self.open(request, route)
        await self.decide(case)
        return case

    def open(self, request: Request, route: Route | None = None, earlier: Case | None = None) -> Case:
        """`earlier`: the case of this very request that a door before let through; another gate's counts for nothing."""
        return Case(request, self.clock(), route, gate=self, earlier=earlier if earlier is not None and earlier.gate is self else None)

    async def decide(self, case: Case) -> None:
        """Raises Refused; a store that cannot answer is a refusal too: fail closed. Observers hear of either."""
        rest = self.begin(case)
        if rest is not None:
            await rest

    def begin(self, case: Case) -> Awaitable[None] | None:
        """`decide` as far as nothing waits; None: that was all. Raises Refused."""
        step, steps = ORDER[0], iter(ORDER)
        try:
            for step in steps:
                waiting = step(self, case)
                if waiting is not None:  # most steps ask no one, and a coroutine each would be felt
                    return self._go_on(case, step, waiting, steps)
        except (Refused, Unavailable) as reason:
            raise self._refused(case, step, reason) from None
        self._tell(case, None)
        return None

    async def _go_on(self, case: Case, step: "Step", waiting: Awaitable[None], steps: Iterator["Step"]) -> None:
        try:
            await waiting
            for step in steps:
                asked = step(self, case)
                if asked is not None:
                    await asked
        except (Refused, Unavailable) as reason:
            raise self._refused(case, step, reason) from None
        self._tell(case, None)

    def _refused(self, case: Case, step: "Step", reason: Refused | Unavailable) -> Refused:
        refused = reason if isinstance(reason, Refused) else Refused(Why.UNAVAILABLE, note=str(reason), retry_after=1.0)
        case.refused_at = step.__name__
        self._tell(case, refused)
        return refused

    def _tell(self, case: Case, refused: Refused | None) -> None:
        for observer in self._observers:
            observer(case, refused)

    def check_transport(self, case: Case) -> None:
        request = case.request
        ended_by_a_proxy = request.scheme is None and request.told_by is not None  # docs/adr/0007
        if request.scheme != "https" and not ended_by_a_proxy and not request.loopback and not self.options.insecure_http:
            raise Refused(Why.NOT_TLS, "Use https. Plain HTTP is taken from this machine only.")

    def read_the_path(self, case: Case) -> None:
        case.path = read_path(case.request.raw_path)

    def find_route(self, case: Case) -> None:
        if case.route is None:
            case.route = self._preflight_route(case) or self.routes.match(case.request.method, case.path)

    def _preflight_route(self, case: Case) -> Route | None:
        """A preflight is routed as the method that it announces, and only where that route lets preflights through:
        else OPTIONS would choose the route whose policy suits it."""
        announced = case.request.announces
        if announced is None:
            return None
        try:
            route = self.routes.match(announced, case.path)
        except Refused:
            return None
        return route if route.preflight else None

    def recall(self, case: Case) -> None:
        """Proven a moment ago, and nothing has changed since: the steps up to `bind` have been taken."""
        memory, route = self._remembered, case.its_route
        if memory is None or not route.ways or (mark := memory.mark(case.request, route)) is None:
            return
        version = memory.version()
        if version is None:
            return
        known = memory.recall(mark, route, version, case.now)
        if known is None:
            case.mark, case.version = mark, version
        else:
            case.way, case.proofs, case.principal = known.way, dict(known.proofs), known.principal

    def check_failures(self, case: Case) -> Awaitable[None] | None:
        """Before any work: is this address out of tries? Charged where a guess is proven wrong (`methods`)."""
        options = self.options
        guesses = options.failures is not None and case.principal is None and self.finding.may_be_guessed(case)
        if options.address is None and not guesses:
            return None
        return look_at_the_address(case, self.meter, options.address, options.failures, self.finding.shows_a_guess)

    def find(self, case: Case) -> None:
        route, request = case.its_route, case.request
        if route.allow is None or case.principal is not None or (route.preflight and request.announces is not None):
            return
        self.finding.find(case)

    def prove(self, case: Case) -> Awaitable[None] | None:
        return self._prove(case, case.way) if case.way is not None and case.principal is None else None

    async def _prove(self, case: Case, way: Alternative) -> None:
        route = case.its_route
        for name in way.methods:
            proof = await self.finding.methods[name].prove(case.shown[name])
            if proof.env is not None and proof.env != route.env:
                raise Refused(Why.WRONG_ENV, note=f"the route takes {route.env}")
            if proof.issuer is not None and name in way.ours:
                raise Refused(Why.WRONG_ISSUER, note="`oauth` takes tokens of our own server only")
            case.proofs[name] = proof

    def confirm(self, case: Case) -> Awaitable[None] | None:
        """A token that is bound to a key counts only with a proof of that key, whatever the policy says."""
        if case.way is None or case.principal is not None:
            return None
        if not needs_dpop(case.way, case.proofs):
            if case.request.authorization("dpop") is not None:
                raise Refused(Why.BAD_DPOP, "No DPoP proof is asked for here: send the token as Bearer.")  # RFC 9449 section 7.1
            if b"dpop" in case.request.headers and case.request.token is not None:
                raise Refused(Why.BAD_DPOP, "The token is bound to no key: a DPoP proof beside it would prove nothing.")
            return None
        shown = self._dpop.find(case.request, case.its_route) if self._dpop is not None else None
        if self._dpop is None or shown is None:
            raise Refused(Why.NO_PROOF_OF_KEY, "Send the token with a DPoP proof of the key that it is bound to (RFC 9449).")
        return self._prove_possession(case, self._dpop, shown)

    async def _prove_possession(self, case: Case, dpop: Method[Any], shown: object) -> None:
        case.proofs[DPOP] = await dpop.prove(shown)

    def bind(self, case: Case) -> None:
        if case.way is None or case.principal is not None:
            return
        certificate = case.request.certificate
        case.principal = bind(case.way, case.proofs, certificate.key if certificate is not None else None)
        if self._remembered is not None and case.mark is not None:
            self._remembered.keep(case.mark, case.its_route, case.version, case.now, case.way, dict(case.proofs), case.principal)

    def limit_principal(self, case: Case) -> Awaitable[None] | None:
        proofs = () if case.principal is None else case.principal.proofs
        if case.its_route.rate is None and self.options.principal is None and all(proof.rate is None for proof in proofs):
            return None
        return limit_principal(case, self.meter, self.options.principal)

    def check_scopes(self, case: Case) -> None:
        route, principal = case.its_route, case.principal
        if principal is None:
            return
        if missing := route.scopes - principal.scopes:
            raise Refused(Why.LACKS_SCOPE, note=f"missing: {' '.join(sorted(missing))}")
        if missing := route.roles - principal.roles:
            raise Refused(Why.LACKS_ROLE, "A role is missing.", note=f"missing: {' '.join(sorted(missing))}")

    def check_freshness(self, case: Case) -> None:
        """Of the proofs of the subject, those that speak for a person if there are any: a key's "now" is no sign-in."""
        limit, principal = case.its_route.fresh_within, case.principal
        if limit is None or principal is None:
            return
        own = [proof for proof in principal.proofs if proof.subject == principal.subject]
        proven = [proof.authenticated_at for proof in own if proof.method in USER_METHODS] or [proof.authenticated_at for proof in own]
        if any(at is None or case.now - at > limit for at in proven):  # RFC 9470 section 3
            raise Refused(Why.NOT_FRESH, f"Sign in again: this needs a sign-in within the last {int(limit)} seconds.")

    def check_cross_site(self, case: Case) -> None:
        """Asked unless a credential was sent that no page of another site can make a browser send."""
        if not case.request.unsafe:
            return
        proofs = case.proofs.values()
        if not all(self.finding.by_any_page(proof) for proof in proofs):
            return
        for proof in proofs:
            if proof.csrf is not None:
                check_same_site(case.request, proof.csrf)

    def spend_once(self, case: Case) -> Awaitable[None] | None:
        return self._spend_once(case) if any(proof.once is not None for proof in case.proofs.values()) else None

    async def _spend_once(self, case: Case) -> None:
        for proof in case.proofs.values():
            if proof.once is None or case.spent_before(proof.once.key):
                continue
            if proof.once.signed_at < await self.once.trusted_since():
                raise Refused(Why.SIGNED_BEFORE_RESTART, "Sign the request again.")
            if not await self.once.spend(proof.once.key, proof.once.until, case.now):
                raise Refused(Why.REPLAYED, "This signed request was seen before, and each is accepted once.")


Step = Callable[[Gate, Case], Awaitable[None] | None]
Observer = Callable[[Case, Refused | None], None]
"""Hears of every decision: counts, remembers, never decides and never waits."""

ORDER: Final[tuple[Step, ...]] = (
    Gate.check_transport,
    Gate.read_the_path,
    Gate.find_route,
    Gate.recall,
    Gate.check_failures,
    Gate.find,
    Gate.prove,
    Gate.confirm,
    Gate.bind,
    Gate.limit_principal,
    Gate.check_scopes,
    Gate.check_freshness,
    Gate.check_cross_site,
    Gate.spend_once,
)
