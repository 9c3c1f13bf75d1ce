"""WSGI: the door before any application, and the question that Flask and Django ask of the same gate.

environ["doorward.principal"] is who calls (None where the route is open to anyone). Identity fields (X-Auth-*) that a caller sends are
taken away. REMOTE_ADDR must be the peer that the server saw: `trusted_proxies` decides who is believed, so no ProxyFix
before the door. gunicorn must drop field names with an underscore, as it does unless told otherwise (`header_map`).
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from doorward.core.case import Case
from doorward.core.errors import Refused
from doorward.core.proof import Principal
from doorward.core.request import Body, Headers
from doorward.core.route import Route
from doorward.integrations.environ import reader, scope_of, strip
from doorward.integrations.loop_thread import LoopThread
from doorward.integrations.means import Means, told
from doorward.integrations.running_loop import Opened
from doorward.web.answer import Answerer
from doorward.web.arrival import peer_of, read_request, request_id
from doorward.web.asgi import Answer, Fields, Scope
from doorward.web.body import LARGEST
from doorward.web.outcome import Outcome

CASE: Final = "doorward.case"
PRINCIPAL: Final = "doorward.principal"


class Refusal(Exception):
    """The whole answer that every door of ours gives."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.status))
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Admitted:
    """`tells`: header fields that go with the answer."""

    case: Case
    tells: Fields

    @property
    def principal(self) -> Principal | None:
        return self.case.principal


class Blocking:
    """Asks the gate from threads. `make` gives a door that is not started; `largest`: bytes of a body that is read to be verified."""

    def __init__(self, make: Callable[[], Opened]) -> None:
        self.thread = LoopThread(make)
        self._mute = Answerer({})

    def start(self) -> None:
        """Before the first request, so that none waits for it: in gunicorn's `post_fork`, say. Raises Refused(UNAVAILABLE)."""
        self.thread.start()

    def admit(self, environ: WSGIEnvironment, route: Route | None = None, read: Callable[[int], bytes] | None = None) -> Admitted:
        """Who calls; `environ` is cleaned, and has it too. Without a `route` those of doorward.toml decide. `read` gives the body, at most
        so many bytes. Raises Refusal."""
        earlier = environ.get(CASE)

        def scope() -> Scope:
            return scope_of(environ)

        admitted = self.decide(scope, route, read or (lambda most: reader(environ, most)()), earlier)
        strip(environ)
        environ[CASE], environ[PRINCIPAL] = admitted.case, admitted.principal
        return admitted

    def decide(
        self,
        scope: Callable[[], Scope],
        route: Route | None,
        read: Callable[[int], bytes],
        earlier: Case | None = None,
    ) -> Admitted:
        """The same of a scope. Raises Refusal."""
        most = LARGEST

        async def work(means: Means, body: Body) -> Admitted:
            nonlocal most
            most = means.largest_body
            return await _decide(means, body, scope, route, earlier)

        try:
            return self.thread.ask(work, lambda: read(most))
        except Refused as refused:  # the gate was not reached
            raise Refusal(self._mute.refusal(refused, secrets.token_hex(12))) from None


async def _decide(
    means: Means,
    body: Body,
    scope_of: Callable[[], Scope],
    route: Route | None,
    earlier: Case | None,
) -> Admitted:
    began = means.gate.clock()
    case: Case | None = None
    id = ""

    def tell(refused: Refused | None, status: int) -> None:
        means.observe(Outcome(id, case, refused, status, began, means.gate.clock() - began))

    try:
        scope = scope_of()
        headers = Headers(scope["headers"])
        id = request_id(headers, believed=means.proxies.trusts(peer_of(scope)), entropy=means.entropy)
        case = means.gate.open(read_request(scope, headers, means.proxies, body, id), route, earlier)
        await means.gate.decide(case)
    except Refused as refused:
        id = id or means.entropy(12).hex()
        answer = means.answerer.refusal(refused, id, case=case)
        tell(refused, answer.status)
        raise Refusal(answer) from None
    tell(None, 200)
    return Admitted(case, told(case))


class WsgiGuard:
    """`route` fixes one policy for the whole application; without it the routes of doorward.toml decide."""

    def __init__(self, app: WSGIApplication, blocking: Blocking, route: Route | None = None) -> None:
        self.app, self._blocking, self._route = app, blocking, route

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            admitted = self._blocking.admit(environ, self._route)
        except Refusal as refusal:
            status, headers, body = refusal.answer
            start_response(f"{status} {HTTPStatus(status).phrase}", as_text(headers))
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

        def starting(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            said = {name.lower() for name, _ in headers}  # by a door within
            tells = [field for field in as_text(admitted.tells) if field[0].lower() not in said]
            return start_response(status, [*headers, *tells], *((exc_info,) if exc_info else ()))

        return self.app(environ, starting)


def as_text(fields: Fields) -> list[tuple[str, str]]:
    """`Connection` is the server's own (PEP 3333)."""
    return [(name.decode("latin-1").title(), value.decode("latin-1")) for name, value in fields if name != b"connection"]
