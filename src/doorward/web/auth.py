"""First-party sign-in over HTTP: which path leads to which answer, under which policy.

POST /auth/login               {"username", "password"[, "transport": "bearer" | "cookie" | "hybrid" | "session"]}
POST /auth/refresh             {"refresh_token"}, or the cookie that holds it
POST /auth/logout              access token or refresh token (which also does where the former is refused): the grant ends.
                               Session cookie: the session ends
GET  /auth/sessions            one's own     DELETE /auth/sessions/{id}     POST /auth/sessions/end-all {["keep_this"]}
GET  /auth/csrf                what X-CSRF-Token must repeat
"""

import os
from dataclasses import dataclass
from typing import Final

from doorward.core.case import Case
from doorward.core.clock import Entropy
from doorward.core.errors import Refused, Why
from doorward.core.request import Headers
from doorward.core.route import Route
from doorward.core.store import Unavailable
from doorward.web import auth_answers, sign_in
from doorward.web.answer import Answerer, rate_limit
from doorward.web.arrival import only_ours, peer_of, read_request, request_id
from doorward.web.asgi import Answer, Receive, Scope, Send
from doorward.web.auth_answers import KNOWN, OPEN, AuthParts, Handle, problem
from doorward.web.body import Replay
from doorward.web.json_form import LARGEST, WrongType
from doorward.web.proxy import Proxies
from doorward.web.sign_in import BROWSER, logout_route, logs_out_anyway

PREFIX: Final = "/auth/"
_ONE_SESSION: Final = "/auth/sessions/"


@dataclass(frozen=True, slots=True)
class Door:
    """`route` None: it depends on what is shown (`logout_route`)."""

    route: Route | None
    handle: Handle


DOORS: Final[dict[str, dict[str, Door]]] = {
    "/auth/login": {"POST": Door(OPEN, sign_in.login)},
    "/auth/refresh": {"POST": Door(OPEN, sign_in.refresh)},
    "/auth/logout": {"POST": Door(None, sign_in.logout)},
    "/auth/csrf": {"GET": Door(BROWSER, sign_in.csrf)},
    "/auth/sessions": {"GET": Door(KNOWN, auth_answers.list_sessions)},
    "/auth/sessions/end-all": {"POST": Door(KNOWN, auth_answers.end_sessions)},
}
ONE_SESSION: Final = {"DELETE": Door(KNOWN, auth_answers.end_session)}


class AuthDoor:
    """The application behind `/auth/`. `proxies` say whose word about the caller is believed."""

    def __init__(self, parts: AuthParts, *, answerer: Answerer, proxies: Proxies, entropy: Entropy = os.urandom) -> None:
        self._parts, self._answerer, self._proxies, self._entropy = parts, answerer, proxies, entropy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(scope, receive)
        await answer.send(send, head=scope["method"] == "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        id, case = "", None
        try:
            headers = Headers(scope["headers"])
            id = request_id(headers, believed=self._proxies.trusts(peer_of(scope)), entropy=self._entropy)
            only_ours(scope["headers"])
            doors = _doors(scope["path"])
            if not doors:
                return problem(404, "not_found", "There is nothing at this path.", id)
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            if method not in doors:
                allow = ", ".join(doors)
                return problem(405, "method_not_allowed", f"Use {allow} here.", id, [(b"allow", allow.encode())])
            body = Replay(receive, headers.one(b"content-length"), LARGEST)
            request = read_request(scope, headers, self._proxies, body.read, id)
            case = self._parts.gate.open(request, doors[method].route or logout_route(request, self._parts.session_options))
            try:
                await self._parts.gate.decide(case)
            except Refused as refused:
                if doors[method].route is not None or not await logs_out_anyway(request, refused, self._parts.session_options):
                    raise
                case = self._parts.gate.open(request, OPEN)
                await self._parts.gate.decide(case)
            return self._with_fields(await self._handle(doors[method], case), case, id)
        except Refused as refused:
            return self._answerer.refusal(refused, id or self._entropy(12).hex(), case=case)
        except WrongType:
            return problem(415, "unsupported_media_type", "Send Content-Type: application/json.", id)

    async def _handle(self, door: Door, case: Case) -> Answer:
        try:
            return await door.handle(self._parts, case)
        except Unavailable as reason:
            refused = Refused(Why.UNAVAILABLE, note=str(reason), retry_after=1.0)
        except Refused as reason:
            refused = reason
        for tell in self._parts.observers:
            tell(case, refused)
        raise refused

    def _with_fields(self, answer: Answer, case: Case, id: str) -> Answer:
        extra = [(b"x-request-id", id.encode("latin-1")), *rate_limit(case.tightest)]
        return Answer(answer.status, [*(field for field in answer.headers if field[0] != b"x-request-id"), *extra], answer.body)


def _doors(path: str) -> dict[str, Door]:
    found = DOORS.get(path)
    if found is not None:
        return found
    return ONE_SESSION if path.startswith(_ONE_SESSION) and "/" not in path[len(_ONE_SESSION) :] else {}
