"""`POST /oauth/introspect` (RFC 7662): does this token hold, and whose is it?

Asked    token, and who asks: a client (`oauth.client_auth`); or, with the scope `token:introspect`, whoever the gate knows: a
         service by HTTP Basic, an API key, an access token (RFC 7662 section 2.1)
Answer   {"active": true, scope, client_id, sub, aud, iss, exp, iat, jti, token_type, cnf, …} or {"active": false} alone
Who may see what (RFC 7662 section 4): docs/adr/0014
    a client    its own tokens, and those whose `aud` names it
    with token:introspect   the tokens for the audiences that it registered; all, if it registered none
Everybody else is told {"active": false}, as of a token that does not exist (RFC 7662 section 2.2).
"""

import base64
from typing import Final, NamedTuple

from doorward.core.client import client_of
from doorward.core.errors import Refused, Why
from doorward.core.policy import parse
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.oauth.errors import invalid_client
from doorward.oauth.parts import Asked, OAuthParts, Said
from doorward.oauth.read_token import Seen
from doorward.oauth.tokens import audience_claim, confirmation, scope_text, token_type

INTROSPECT: Final = "token:introspect"
"""The scope of who may ask about tokens that are not its own."""
_SERVICE: Final = base64.b64encode(b"svc_").decode()[:5]
"""How the Basic credentials of a service begin; a client's id holds no `_`."""
_BY_GATE: Final = Route(
    path="/oauth/introspect",
    allow=parse("basic or api_key or oauth"),
    methods=frozenset({"POST"}),
    scopes=frozenset({INTROSPECT}),
    name="/oauth/introspect",
)
INACTIVE: Final = Said({"active": False})


class _Asker(NamedTuple):
    """`id` None: no client. `audiences` None: it sees no others' tokens; empty: all of them."""

    id: str | None
    audiences: frozenset[str] | None


async def answer(asked: Asked, parts: OAuthParts) -> Said:
    asker = await _asker(asked, parts)
    seen = await parts.tokens.read(asked.form.one("token"))
    if seen is None or not seen.alive or not _may_see(asker, seen):
        return INACTIVE
    return Said(_told(seen, parts.issuer))


async def _asker(asked: Asked, parts: OAuthParts) -> _Asker:
    if not _is_for_the_gate(asked.request):
        client = await parts.clients.authenticate(asked.form.values, asked.request)
        if "none" in client.auth:  # RFC 7662 section 2.1: no scanning by anybody
            raise invalid_client("A client that proves nothing of itself may not ask about tokens.", why=Why.MISSING)
        return _Asker(client.id, frozenset(client.audiences) if INTROSPECT in client.scopes else None)
    case = parts.gate.open(asked.request, _BY_GATE, earlier=asked.case)
    await parts.gate.decide(case)
    assert case.principal is not None  # noqa: S101 - the route is not open to anyone
    id = case.principal.client
    return _Asker(id, await _audiences(id, parts) if id is not None else frozenset())


async def _audiences(id: str, parts: OAuthParts) -> frozenset[str]:
    """A client's token sees no more than its secret does."""
    account = await parts.store.accounts.find(id)
    client = client_of(account) if account is not None else None
    return frozenset(client.audiences) if client is not None else frozenset()


def _is_for_the_gate(request: Request) -> bool:
    """What no client authenticates with."""
    if b"x-api-key" in request.headers:
        return True
    try:
        if request.token is not None:
            return True
        return (request.authorization("basic") or "").startswith(_SERVICE)
    except Refused:
        return False


def _may_see(asker: _Asker, seen: Seen) -> bool:
    if asker.id is not None and (asker.id == seen.client or asker.id in seen.audiences):
        return True
    return asker.audiences is not None and (not asker.audiences or not asker.audiences.isdisjoint(seen.audiences))


def _told(seen: Seen, issuer: str) -> dict[str, object]:
    """RFC 7662 section 2.2."""
    told: dict[str, object] = {
        "active": True,
        "client_id": seen.client,
        "sub": seen.subject,
        "aud": audience_claim(seen.audiences),
        "iss": issuer,
        "exp": seen.expires_at,
        "iat": seen.issued_at,
        "jti": seen.id,
        "token_type": token_type(seen.bound_to),
    }
    if seen.scopes:
        told["scope"] = scope_text(seen.scopes)
    if seen.bound_to:
        told["cnf"] = confirmation(seen.bound_to)  # RFC 8705 section 3.2, RFC 9449 section 6.2
    if seen.roles:
        told["roles"] = sorted(seen.roles)
    if seen.authenticated_at is not None:
        told["auth_time"] = int(seen.authenticated_at)  # RFC 9470 section 6.2
    return told
