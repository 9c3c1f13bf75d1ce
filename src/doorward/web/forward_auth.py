"""`/verify`: a proxy asks, for each request, who is calling (PRODUCT 3). Plain ASGI: everybody's hot path.

Asked by   listed proxies only; the direct peer counts. Method and target as in `original.py`, address, scheme and host
           as in `proxy.py`. Identity fields in the question are a caller's own and are ignored
Answers    200 with X-Auth-Subject, -Client, -Scopes, -Method and X-Auth-Identity (empty where there is none), or the
           refusal as in `answer.py`
?answers=401,403   any other refusal becomes 403, with its own status in X-Auth-Status and the problem document in
           X-Auth-Problem: nginx makes 500 of what it does not know (DECISIONS 10)
?service=orders    the audience of the identity token; else the name of the route
"""

import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, quote

from doorward.core.case import Case
from doorward.core.clock import Clock, Drawn, Entropy
from doorward.core.errors import Refused, Why
from doorward.core.gate import Gate
from doorward.core.proof import Principal
from doorward.core.request import Headers, Request
from doorward.core.store import Unavailable
from doorward.crypto.hmac_signing import NO_BODY
from doorward.web.answer import Answerer, rate_limit, warnings
from doorward.web.arrival import only_ours, peer_of, request_id
from doorward.web.asgi import Answer, App, Fields, Receive, Scope, Send, when_made
from doorward.web.original import Style, may_have_body, read_original, told_of_body
from doorward.web.outcome import Observe, Outcome, ignore
from doorward.web.proxy import UNIX, Proxies

MOUNT: Final = "/verify"
_VISIBLE: Final = re.compile(r"[!-$&-~]*")
_KEPT: Final = "".join(map(chr, range(0x21, 0x7F))).replace("%", "")
_SERVICE: Final = re.compile(r"[A-Za-z0-9._:/@-]{1,128}")

_EMPTY: Final = (b"content-length", b"0")
_NO_STORE: Final = (b"cache-control", b"no-store")
NOBODY: Final = ((b"x-auth-subject", b""), (b"x-auth-client", b""), (b"x-auth-scopes", b""), (b"x-auth-method", b""))
"""Every field is always told, if only as empty: proxies put it in the place of what a caller sent, and Caddy 2.6 would
hand on the name of its own placeholder for one that is missing."""

Identify = Callable[[Principal, str, str | None], bytes]
"""The identity token for this principal and audience, and the digest of the body that must arrive (None: any may)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the proxy's configuration says in the query of its question."""

    answers: frozenset[int] = frozenset()
    service: str | None = None


NOTHING_ASKED: Final = Asked()
_MOST_QUERIES: Final = 256


class Question:
    """One question of a proxy, and what is known of it so far."""

    __slots__ = ("asked", "began", "case", "id")

    def __init__(self, began: float) -> None:
        self.began, self.id, self.asked = began, "", NOTHING_ASKED
        self.case: Case | None = None


class ForwardAuth:
    """The application behind `/verify`. `identify` None: no identity token is made."""

    def __init__(
        self,
        *,
        gate: Gate,
        answerer: Answerer,
        proxies: Proxies,
        clock: Clock,
        identify: Identify | None = None,
        style: Style | None = None,
        entropy: Entropy = os.urandom,
        observe: Observe = ignore,
    ) -> None:
        self.gate, self.answerer, self.proxies, self.style = gate, answerer, proxies, style
        self._clock, self._identify, self._entropy, self._observe = clock, identify, Drawn(entropy), observe
        self._questions: dict[bytes, Asked] = {b"": NOTHING_ASKED}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.at_once(scope)(scope, receive, send)

    def at_once(self, scope: Scope) -> Answer | App:
        """The answer, unless something must be waited for: then the application that goes on from there."""
        question = Question(self._clock())
        try:
            rest = self._begin(scope, question)
            return self._admitted(question) if rest is None else when_made(self._finish(question, rest))
        except (Refused, Unavailable) as reason:
            return self._refused(question, reason)

    async def _finish(self, question: Question, rest: Awaitable[None]) -> Answer:
        try:
            await rest
            return self._admitted(question)
        except (Refused, Unavailable) as reason:
            return self._refused(question, reason)

    def _begin(self, scope: Scope, question: Question) -> Awaitable[None] | None:
        headers = Headers(scope["headers"])
        listed = self.proxies.trusts(peer_of(scope))
        question.id = request_id(headers, believed=listed, entropy=self._entropy)
        if not listed:
            raise Refused(Why.UNTRUSTED_PROXY)
        only_ours(scope["headers"])
        question.case = case = self.gate.open(self._read(scope, headers, question))
        return self.gate.begin(case)

    def _admitted(self, question: Question) -> Answer:
        answer = self._identified(question)
        self._tell(question, None, 200)
        return answer

    def _refused(self, question: Question, reason: Refused | Unavailable) -> Answer:
        refused = reason if isinstance(reason, Refused) else Refused(Why.UNAVAILABLE, note=str(reason), retry_after=1.0)
        question.id = question.id or self._entropy(12).hex()
        answer = _narrowed(self.answerer.refusal(refused, question.id, case=question.case), question.asked.answers)
        self._tell(question, refused, answer.status)
        return answer

    def _tell(self, question: Question, refused: Refused | None, status: int) -> None:
        self._observe(Outcome(question.id, question.case, refused, status, question.began, self._clock() - question.began))

    def _read(self, scope: Scope, headers: Headers, question: Question) -> Request:
        query: bytes = scope["query_string"]
        rest = "" if scope["path"] == MOUNT else _rest(scope)
        if rest and self.style in (None, Style.ENVOY):
            # Envoy appends the original target, query and all: that query is the caller's
            rest = f"{rest}?{query.decode('latin-1')}" if query else rest
        else:
            question.asked = self._question(query)
        method, target = read_original(headers, scope["method"], rest, self.style)
        path, _, search = target.partition("?")
        caller, peer = self.proxies.told(headers), peer_of(scope)
        address = caller.address or peer
        return Request(
            method=method,
            raw_path=path,
            query=search,
            headers=headers,
            scheme=caller.scheme,
            host=caller.host,
            address=address,
            body=None,
            has_body=may_have_body(headers, method),
            id=question.id,
            told_by=peer or UNIX,
            spared=self.proxies.trusts(address),
            certificate=self.proxies.certificates.told(headers),
        )

    def _question(self, query: bytes) -> Asked:
        asked = self._questions.get(query)
        if asked is None:
            asked = parse_question(query.decode("latin-1"))
            if len(self._questions) < _MOST_QUERIES:
                self._questions[query] = asked
        return asked

    def _identified(self, question: Question) -> Answer:
        case = question.case
        assert case is not None, "nobody is let in without a case"  # noqa: S101
        principal = case.principal
        token, plain = b"", NOBODY if principal is None else identity_fields(principal)
        if principal is not None and self._identify is not None:
            token = self._identify(principal, question.asked.service or case.its_route.name, _expected(case))
        headers: Fields = [_EMPTY, _NO_STORE, (b"x-request-id", question.id.encode("latin-1")), *plain, (b"x-auth-identity", token)]
        if case.verdicts:
            headers += rate_limit(case.tightest)
        headers += warnings(case)
        return Answer(200, headers, b"")


def _rest(scope: Scope) -> str:
    """What follows `/verify` in the path, as on the wire."""
    raw: str = scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1")
    return raw.removeprefix(scope.get("root_path", "")).removeprefix(MOUNT)


def parse_question(query: str) -> Asked:
    """Raises Refused(BAD_REQUEST): the proxy's configuration is wrong."""
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    if len(given) != len(pairs) or not given.keys() <= {"answers", "service"}:
        raise Refused(Why.BAD_REQUEST, "Ask /verify with answers=STATUS,STATUS and service=NAME only, each once.")
    answers = given.get("answers", "")
    if answers and not re.fullmatch(r"[1-5][0-9]{2}(?:,[1-5][0-9]{2}){0,15}", answers):
        raise Refused(Why.BAD_REQUEST, "answers lists status codes, such as 401,403.")
    service = given.get("service")
    if service is not None and _SERVICE.fullmatch(service) is None:
        raise Refused(Why.BAD_REQUEST, "service is a name of letters, digits and ._:/@-")
    return Asked(frozenset(int(each) for each in answers.split(",") if each), service)


def identity_fields(principal: Principal) -> tuple[tuple[bytes, bytes], ...]:
    """The plain identity fields. Whatever is not visible ASCII, and `%`, is percent-encoded as UTF-8."""
    proofs = principal.proofs
    methods = (proofs[0].method,) if len(proofs) == 1 else principal.methods
    return _fields(principal.subject, principal.client, principal.scopes, methods)


@lru_cache(maxsize=4096)
def _fields(subject: str, client: str | None, scopes: frozenset[str], methods: tuple[str, ...]) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"x-auth-subject", visible(subject)),
        (b"x-auth-client", b"" if client is None else visible(client)),
        (b"x-auth-scopes", b" ".join(sorted(map(visible, scopes)))),
        (b"x-auth-method", visible("+".join(methods))),
    )


def visible(text: str) -> bytes:
    return text.encode() if _VISIBLE.fullmatch(text) else quote(text, safe=_KEPT, errors="replace").encode()


def _expected(case: Case) -> str | None:
    """A signed request that passed as one without a body, only since its proxy was silent: no body may arrive."""
    request = case.request
    if request.has_body or all(proof.once is None for proof in case.proofs.values()) or told_of_body(request.headers) is not None:
        return None
    return NO_BODY


def _narrowed(answer: Answer, answers: frozenset[int]) -> Answer:
    """The same refusal for a proxy that understands these statuses only."""
    extra: Fields = [(b"x-auth-status", str(answer.status).encode()), (b"x-auth-problem", answer.body)]
    if not answers:
        return answer
    status = answer.status if answer.status in answers else 403
    return Answer(status, [*answer.headers, *extra], answer.body)
