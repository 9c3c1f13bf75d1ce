"""A refusal as HTTP: status, challenges, problem document. One answer for all that an attacker may not tell apart.

Body        application/problem+json (RFC 9457): type, title, status, code, detail, instance = the request id
Challenges  one WWW-Authenticate field with every scheme that the route accepts, each once (RFC 9110 section 11.6.1); where
            tokens are taken, DPoP beside Bearer, or alone where the policy says `bound by dpop` (`challenges.py`)
            Accept-Signature says what a message signature must cover (RFC 9421 section 5)
Limits      Retry-After in whole seconds; RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10)
"""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from doorward.core.case import Case
from doorward.core.errors import Code, Refused, Why
from doorward.core.limit import Verdict
from doorward.core.method import Method
from doorward.core.proof import KEY_IN_QUERY
from doorward.core.request import Request
from doorward.methods.http_signature import HttpSignature
from doorward.web.asgi import Answer, Fields
from doorward.web.challenges import UNREGISTERED, Challenges

STATUS: Final[dict[Code, int]] = {
    Code.MISSING_CREDENTIAL: 401,
    Code.INVALID_CREDENTIAL: 401,
    Code.EXPIRED_CREDENTIAL: 401,
    Code.REVOKED_CREDENTIAL: 401,
    Code.STALE_REQUEST: 401,
    Code.REPLAYED_REQUEST: 401,
    Code.INSUFFICIENT_AUTHENTICATION: 401,  # RFC 9470 section 3
    Code.INSUFFICIENT_SCOPE: 403,
    Code.CSRF: 403,
    Code.NO_ROUTE: 403,
    Code.BAD_REQUEST: 400,
    Code.BODY_TOO_LARGE: 413,
    Code.REQUEST_TIMEOUT: 408,
    Code.HEADER_TOO_LARGE: 431,
    Code.UNTRUSTED_PROXY: 403,
    # Not 426, which must name a protocol to upgrade to, nor 421, which asks for another connection to the same
    # origin: http is simply forbidden, and every proxy hands a 403 on unchanged.
    Code.TLS_REQUIRED: 403,
    Code.RATE_LIMITED: 429,
    Code.UNAVAILABLE: 503,
}

DETAIL: Final[dict[Code, str]] = {
    Code.MISSING_CREDENTIAL: "Send a credential that this route accepts.",
    Code.INVALID_CREDENTIAL: "The credential is not valid.",
    Code.EXPIRED_CREDENTIAL: "The credential has expired.",
    Code.REVOKED_CREDENTIAL: "The credential was revoked.",
    Code.STALE_REQUEST: "The request was signed too long ago or in the future; check the clock and sign it anew.",
    Code.REPLAYED_REQUEST: "This signed request was seen before; sign each request anew.",
    Code.INSUFFICIENT_AUTHENTICATION: "Sign in again.",
    Code.INSUFFICIENT_SCOPE: "The credential does not allow this.",
    Code.CSRF: "The request does not come from a page of this origin.",
    Code.NO_ROUTE: "No route is configured for this path and method.",
    Code.BAD_REQUEST: "The request is not understood.",
    Code.BODY_TOO_LARGE: "The body is too large.",
    Code.REQUEST_TIMEOUT: "The body did not arrive in time.",
    Code.HEADER_TOO_LARGE: "The header fields are too large.",
    Code.UNTRUSTED_PROXY: "This is answered to listed proxies only.",
    Code.TLS_REQUIRED: "Use https.",
    Code.RATE_LIMITED: "Too many requests; wait.",
    Code.UNAVAILABLE: "This cannot be answered now; try again.",
}

_ONE_ANSWER: Final = frozenset({Why.MALFORMED, Why.UNKNOWN, Why.WRONG_SIGNATURE, Why.EXPIRED, Why.REVOKED})
"""Whatever a method had to say about these stays private (PRODUCT 2)."""


class Answerer:
    """Knows the schemes of all methods; makes the answers to refusals."""

    def __init__(self, methods: Mapping[str, Method[Any]], realm: str = "doorward", dpop: Sequence[str] = ()) -> None:
        """`dpop`: the algorithms of DPoP proofs; none: tokens that are bound to a key are not taken."""
        schemes = {name: method.challenge or UNREGISTERED.get(name, name) for name, method in methods.items()}
        self._challenges = Challenges(schemes, realm, dpop)
        self._signatures = next((method for method in methods.values() if isinstance(method, HttpSignature)), None)

    def refusal(self, refused: Refused, request_id: str, *, case: Case | None = None, request: Request | None = None) -> Answer:
        """`request` alone: the refusal came before a case was opened."""
        code = refused.code
        status = STATUS[code]
        detail = None if refused.why in _ONE_ANSWER else refused.detail
        problem = {
            "type": "about:blank",  # RFC 9457 section 4.2.1: the title is then the status phrase; `code` tells them apart
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": code.value,
            "detail": detail or DETAIL[code],
            "instance": request_id,
        }
        body = json.dumps(problem, separators=(",", ":")).encode()
        headers: Fields = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-request-id", request_id.encode("latin-1", "replace")),
        ]
        if status == 401 or code is Code.INSUFFICIENT_SCOPE:
            seen = case.request if case is not None else request
            challenges = self._challenges.text(refused, case.route if case else None, seen)
            headers.append((b"www-authenticate", challenges.encode("latin-1", "replace")))
        if status == 401 and case is not None:
            headers += self._asks(case)
        if status in (429, 503):
            headers.append((b"retry-after", str(max(1, math.ceil(refused.retry_after or 0))).encode()))
        if status in (408, 413):
            headers.append((b"connection", b"close"))  # the rest of the body is not read
        if case is not None and case.verdicts:
            headers += rate_limit(case.tightest)
        headers += refused.fields
        return Answer(status, headers, body)

    def _asks(self, case: Case) -> Fields:
        if self._signatures is None or case.route is None or HttpSignature.name not in case.route.asked:
            return []
        return [(b"accept-signature", self._signatures.asks(case.route, case.request))]


def rate_limit(verdict: Verdict | None) -> Fields:
    """RateLimit-Policy: "default";q=quota;w=window and RateLimit: "default";r=remaining;t=seconds until it is whole."""
    if verdict is None:
        return []
    rate = verdict.rate
    return [
        (b"ratelimit-policy", b'"default";q=%d;w=%d' % (rate.count, rate.seconds)),
        (b"ratelimit", b'"default";r=%d;t=%d' % (verdict.remaining, math.ceil(verdict.reset))),
    ]


def warnings(case: Case) -> Fields:
    """What the proofs tell; X-Auth-Warning where the key came in the query: it stands in histories and logs on its way (RFC
    6750 section 5.3)."""
    told: Fields = [field for proof in case.proofs.values() for field in proof.tells]
    if any(KEY_IN_QUERY in proof.claims for proof in case.proofs.values()):
        told.append((b"x-auth-warning", b"the API key was sent in the query; send it in X-API-Key"))
    return told
