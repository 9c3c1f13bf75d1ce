"""WWW-Authenticate: every scheme that a route accepts, and what was wrong with the credential of one.

Bearer   realm; error invalid_token, insufficient_scope (RFC 6750 section 3.1), insufficient_user_authentication (RFC 9470)
DPoP     realm, algs; error invalid_token, invalid_dpop_proof, use_dpop_nonce, insufficient_scope (RFC 9449 sections 7.1 and 9)
Basic    realm, charset (RFC 7617 section 2.1)
Others   realm. A 401 must have a challenge (RFC 9110 section 15.5.2), so what has no registered scheme is told by a word that
         is none either and that no browser acts upon: Cookie (a session), TLS-Client-Certificate, Webhook-Signature; a method
         of another's by its name; Form where a credential is taken in the body of the request, as at the sign-in
"""

from collections.abc import Mapping, Sequence
from typing import Final

from doorward.core.authority import MTLS
from doorward.core.errors import Code, Refused, Why
from doorward.core.policy import OAUTH, Binder
from doorward.core.request import Request
from doorward.core.route import Route

UNREGISTERED: Final = {"session": "Cookie", MTLS: "TLS-Client-Certificate", "webhook": "Webhook-Signature"}
FORM: Final = "Form"
BEARER: Final = "Bearer"
DPOP: Final = "DPoP"
_OF_THE_PROOF: Final = {
    Why.BAD_DPOP: "invalid_dpop_proof",
    Why.NEEDS_NONCE: "use_dpop_nonce",
    Why.STALE: "invalid_dpop_proof",
    Why.REPLAYED: "invalid_dpop_proof",
    Why.SIGNED_BEFORE_RESTART: "invalid_dpop_proof",
}

_ASKED_FOR: Final = (Why.NO_PROOF_OF_KEY, Why.BAD_DPOP, Why.NEEDS_NONCE)


class Challenges:
    """`schemes` by method; `algs` of DPoP proofs."""

    def __init__(self, schemes: Mapping[str, str], realm: str, algs: Sequence[str]) -> None:
        self._schemes, self._algs = schemes, " ".join(algs)
        self._realm = "".join(letter for letter in realm if letter.isascii() and letter.isprintable() and letter not in '"\\')

    def text(self, refused: Refused, route: Route | None, request: Request | None) -> str:
        offered = self._offered(route)
        if self._algs and refused.why in _ASKED_FOR and DPOP not in offered:
            offered.append(DPOP)
        return ", ".join(self._one(scheme, refused, route, request) for scheme in offered or [FORM])

    def _offered(self, route: Route | None) -> list[str]:
        """Each once, in the order of the policy."""
        if route is None:
            pairs = [(name, False) for name in self._schemes]
        else:
            pairs = []
            for way in route.ways:
                keyed = {name for bond in way.bonds if bond.bind is Binder.DPOP for name in bond.methods}
                pairs += [(name, name in keyed) for name in way.methods]
        found: dict[str, None] = {}
        for name, bound in pairs:
            if name in self._schemes and not (bound and self._algs):
                found[self._schemes[name]] = None
            if self._algs and name in self._schemes and (bound or name in OAUTH):
                found[DPOP] = None
        return list(found)

    def _one(self, scheme: str, refused: Refused, route: Route | None, request: Request | None) -> str:
        challenge = f'{scheme} realm="{self._realm}"'
        if scheme == "Basic":
            return f'{challenge}, charset="UTF-8"'
        if scheme == DPOP:
            return f'{challenge}{_error(_dpop(refused, route, request))}, algs="{self._algs}"'
        return challenge + _error(_bearer(refused, route, request)) if scheme == BEARER else challenge


Words = tuple[str, str]
"""The error and what follows it."""
_NO_ERROR: Final = ("", "")


def _error(words: Words) -> str:
    return f', error="{words[0]}"{words[1]}' if words[0] else ""


def _bearer(refused: Refused, route: Route | None, request: Request | None) -> Words:
    """RFC 6750 section 3.1; without an error attribute when no bearer credential was sent."""
    if request is not None and _shows_dpop(request):
        return _NO_ERROR
    if (said := _of_rights(refused, route)) is not None:
        return said
    if refused.why is Why.MISSING or request is None:
        return _NO_ERROR
    meant = b"x-api-key" in request.headers or any(value[:7].lower() == "bearer " for value in request.headers.every(b"authorization"))
    return ("invalid_token", "") if meant else _NO_ERROR


def _dpop(refused: Refused, route: Route | None, request: Request | None) -> Words:
    """RFC 9449 section 7.1: what is wrong with the token, or with the proof beside it."""
    if refused.why is Why.NO_PROOF_OF_KEY:  # also of one that came as Bearer: section 7.2
        return "invalid_token", ""
    if request is None or not (_shows_dpop(request) or refused.why in _ASKED_FOR):
        return _NO_ERROR
    if (said := _of_rights(refused, route)) is not None:
        return said
    return (_OF_THE_PROOF.get(refused.why, "invalid_token"), "") if refused.why is not Why.MISSING else _NO_ERROR


def _of_rights(refused: Refused, route: Route | None) -> Words | None:
    if refused.why is Why.NOT_FRESH and route is not None and route.fresh_within is not None:
        return "insufficient_user_authentication", f", max_age={int(route.fresh_within)}"  # RFC 9470 section 3
    if refused.code is Code.INSUFFICIENT_SCOPE:
        needed = " ".join(sorted(route.scopes)) if route is not None and refused.why is Why.LACKS_SCOPE else ""
        return "insufficient_scope", f', scope="{needed}"' if needed else ""
    return None


def _shows_dpop(request: Request) -> bool:
    return any(value[:5].lower() == "dpop " for value in request.headers.every(b"authorization"))
