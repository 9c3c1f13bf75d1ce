"""What a request shows, and which alternative of its route's policy that is (DECISIONS 2, docs/adr/0002). No I/O."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from doorward.core.case import Case
from doorward.core.errors import Refused, Why
from doorward.core.method import Method, Unasked
from doorward.core.policy import Alternative
from doorward.core.proof import KEY_IN_QUERY, Proof

_FOREIGN: Final = (b"authorization", b"x-api-key", b"x-signature", b"signature")


class Finding:
    """Asks the methods that a policy names. What was found, and which of it a browser sends by itself, goes into the case."""

    def __init__(self, methods: Sequence[Method[Any]]) -> None:
        self.methods: Mapping[str, Method[Any]] = {method.name: method for method in methods}
        self._ambient = frozenset(method.name for method in methods if method.ambient)
        self._guessable = frozenset(method.name for method in methods if method.guessable)

    def find(self, case: Case) -> None:
        """Raises Refused."""
        for name in case.its_route.asked:
            self._look_for(name, case)
        case.way = self._choose(case)

    def may_be_guessed(self, case: Case) -> bool:
        """Whether the route takes anything that a person chose."""
        return not self._guessable.isdisjoint(case.its_route.asked)

    def shows_a_guess(self, case: Case) -> bool:
        """Only who shows a guessable secret can be out of tries: the meter is not asked about the others."""
        return any(self._look_for(name, case) for name in case.its_route.asked if name in self._guessable)

    def _look_for(self, name: str, case: Case) -> bool:
        if name not in case.shown and name in self.methods:
            try:
                shown = self.methods[name].find(case.request, case.its_route)
            except Refused as reason:
                if name not in self._ambient:
                    raise
                case.leftover = reason  # a browser sends a stale cookie unasked, beside whatever is meant
                shown = None
            if shown is not None:
                case.shown[name] = shown
                if name in self._ambient or isinstance(shown, Unasked):
                    case.unasked.add(name)
        return name in case.shown

    def _choose(self, case: Case) -> Alternative:
        """The alternative whose every credential is shown. It asks for all explicit credentials that are shown, so none is
        left unproven; ambient ones may be. Of several such, the one written first."""
        route = case.its_route
        if len(route.ways) == 1 and len(case.shown) == len(route.asked):
            return route.ways[0]
        complete = [way for way in route.ways if all(method in case.shown for method in way.methods)]
        if case.leftover is not None and not any(set(way.methods) - case.unasked for way in complete):
            raise case.leftover
        if not complete:
            foreign = not case.shown and any(name in case.request.headers for name in _FOREIGN)
            raise Refused(Why.MALFORMED if foreign else Why.MISSING)
        explicit = frozenset(case.shown) - case.unasked
        for way in complete:
            if explicit.issubset(way.methods):
                return way
        raise Refused(Why.TWO_ALTERNATIVES, "Send one credential: several that this route does not take together were sent.")

    def unasked(self, proof: Proof) -> bool:
        """Whether a browser, or the connection, sends by itself what this proves."""
        return proof.csrf is not None or proof.method in self._ambient

    def by_any_page(self, proof: Proof) -> bool:
        """What goes by itself, a password that was typed into the browser's dialog, a key that stands in a link."""
        return self.unasked(proof) or proof.method in self._guessable or KEY_IN_QUERY in proof.claims
