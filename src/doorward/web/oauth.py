"""The endpoints of the authorization server that clients post forms to (`oauth.endpoints`): plain ASGI, since they are hot.

Refusals are what RFC 6749 section 5.2 says, in JSON, also those of the transport: TLS, limits, sizes, a store that is down.
"""

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from doorward.core.case import Case
from doorward.core.clock import Entropy
from doorward.core.errors import Code, Refused, Why
from doorward.core.request import Headers
from doorward.core.route import Route
from doorward.core.store import Unavailable
from doorward.oauth.endpoints import Endpoint
from doorward.oauth.errors import INVALID_CLIENT, INVALID_REQUEST, TEMPORARILY_UNAVAILABLE, OAuthError
from doorward.oauth.form import LARGEST, read_form
from doorward.oauth.parts import NO_STORE, Asked, OAuthParts, Said
from doorward.web.answer import DETAIL, STATUS, rate_limit
from doorward.web.arrival import only_ours, peer_of, read_request, request_id
from doorward.web.asgi import Answer, Fields, Receive, Scope, Send
from doorward.web.body import Replay
from doorward.web.proxy import Proxies

OPEN: Final = Route(path="/oauth/**", allow=None, name="/oauth")
Observer = Callable[[Case, Refused | None], None]
_write: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode
_LATER: Final = frozenset({Code.RATE_LIMITED, Code.UNAVAILABLE})
_BASIC: Final = (b"www-authenticate", b'Basic realm="doorward", charset="UTF-8"')


class OAuthDoor:
    """`endpoints` by path. `observers` hear of what is refused after the gate. `proxies`: whose word about the caller is believed."""

    def __init__(
        self,
        parts: OAuthParts,
        endpoints: Mapping[str, Endpoint],
        *,
        proxies: Proxies,
        observers: Sequence[Observer] = (),
        entropy: Entropy = os.urandom,
    ) -> None:
        self._parts, self._endpoints, self._proxies = parts, endpoints, proxies
        self._observers, self._entropy = observers, entropy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(scope, receive)
        await answer.send(send, head=scope["method"] == "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            return _post_only(scope["method"])
        id, case = "", None
        try:
            headers = Headers(scope["headers"])
            id = request_id(headers, believed=self._proxies.trusts(peer_of(scope)), entropy=self._entropy)
            only_ours(scope["headers"])
            body = Replay(receive, headers.one(b"content-length"), LARGEST)
            case = self._parts.gate.open(read_request(scope, headers, self._proxies, body.read, id), OPEN)
            await self._parts.gate.decide(case)
            said = await self._said(self._endpoints[scope["path"]], case)
        except Refused as refused:
            said = _refusal(refused)
        return _whole(said, case, id)

    async def _said(self, endpoint: Endpoint, case: Case) -> Said:
        try:
            return await endpoint(Asked(await read_form(case.request), case), self._parts)
        except OAuthError as error:
            said = _error(error)
            refused = Refused(error.why, error.description, note=error.note or f"{error.code}: {error.description}")
        except Unavailable as reason:
            refused = Refused(Why.UNAVAILABLE, note=str(reason), retry_after=1.0)
            said = _refusal(refused)
        except Refused as reason:
            refused, said = reason, _refusal(reason)
        for tell in self._observers:
            tell(case, refused)
        return said


def _whole(said: Said, case: Case | None, id: str) -> Answer:
    headers: Fields = [*said.fields, (b"x-request-id", id.encode("latin-1", "replace"))]
    if case is not None and case.verdicts:
        headers += rate_limit(case.tightest)
    if said.body is None:
        return Answer(said.status, [*headers, (b"content-length", b"0")], b"")
    body = (said.body if isinstance(said.body, str) else _write(said.body)).encode()
    headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return Answer(said.status, headers, body)


def _error(error: OAuthError) -> Said:
    """RFC 6749 section 5.2."""
    fields = [*NO_STORE, *error.fields]
    if error.retry_after is not None:
        fields.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after))))
    return Said({"error": error.code, "error_description": described(error.description)}, error.status, tuple(fields))


def _refusal(refused: Refused) -> Said:
    """What the gate refuses, in the words of an OAuth client."""
    code = refused.code
    status = STATUS[code]
    name = TEMPORARILY_UNAVAILABLE if code in _LATER else INVALID_CLIENT if status == 401 else INVALID_REQUEST
    fields: Fields = [*NO_STORE, *refused.fields]
    if code in _LATER:
        fields.append((b"retry-after", b"%d" % max(1, math.ceil(refused.retry_after or 0))))
    if status in (408, 413):
        fields.append((b"connection", b"close"))  # the rest of the body is not read
    if status == 401:
        fields.append(_BASIC)
    detail = DETAIL[code] if status == 401 else refused.detail or DETAIL[code]
    return Said({"error": name, "error_description": described(detail)}, status, tuple(fields))


def described(text: str) -> str:
    """Printable ASCII without quote and backslash (RFC 6749 section 5.2)."""
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "'" if each == '"' else "?" for each in text)


def _post_only(method: str) -> Answer:
    """RFC 9110 sections 9.3.7 and 15.5.6."""
    status = 204 if method == "OPTIONS" else 405
    headers: Fields = [(b"allow", b"POST, OPTIONS")]
    return Answer(status, headers if status == 204 else [*headers, (b"content-length", b"0")], b"")
