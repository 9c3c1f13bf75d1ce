"""One request on its way through the gate: what is known so far."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from doorward.core.errors import Refused
from doorward.core.limit import Rate, Verdict
from doorward.core.policy import Alternative
from doorward.core.proof import Principal, Proof
from doorward.core.request import Request
from doorward.core.route import Route


@dataclass(slots=True)
class Case:
    """Filled step by step; a door may keep it for its log. `leftover`: a misshapen ambient credential, which counts only if
    nothing explicit is shown. `unasked`: the methods of which a browser sent by itself what is shown.
    `mark` and `version`: see `core.remembered`.

    `earlier`: what the same gate let through of the same request, at a door before. Each limit is charged once a request,
    and what may be shown once may be shown to each door of it. `refused_at`: the name of the gate's step that did.
    """

    request: Request
    now: float
    route: Route | None = None
    path: str = ""
    way: Alternative | None = None
    shown: dict[str, object] = field(default_factory=dict)
    proofs: dict[str, Proof] = field(default_factory=dict)
    principal: Principal | None = None
    leftover: Refused | None = None
    unasked: set[str] = field(default_factory=set)
    verdicts: list[Verdict] = field(default_factory=list)
    mark: Hashable | None = None
    version: Hashable | None = None
    gate: object = None
    earlier: "Case | None" = None
    refused_at: str = ""
    taken: dict[str, Verdict] = field(default_factory=dict)

    @property
    def its_route(self) -> Route:
        assert self.route is not None, "a step before `route` asked for it"  # noqa: S101
        return self.route

    @property
    def tightest(self) -> Verdict | None:
        """For the RateLimit fields: the verdict with the least left."""
        return min(self.verdicts, key=lambda each: (each.allowed, each.remaining), default=None)

    def taken_before(self, key: str, rate: Rate) -> Verdict | None:
        """What the meter said of this limit, if it was asked for this request before."""
        for case in self._before():
            said = case.taken.get(key)
            if said is not None and said.rate == rate:
                return said
        return None

    def spent_before(self, key: bytes) -> bool:
        return any(proof.once is not None and proof.once.key == key for case in self._before() for proof in case.proofs.values())

    def _before(self) -> Iterator["Case"]:
        case = self.earlier
        while case is not None:
            yield case
            case = case.earlier
