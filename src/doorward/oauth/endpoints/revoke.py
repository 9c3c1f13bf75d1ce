"""`POST /oauth/revoke` (RFC 7009): whoever holds a token of his may end it.

Asked    token, token_type_hint (a hint and no more: our tokens tell their kind by their form), and what proves the client
Answer   200 and no body, also for a token that is unknown, forged or over (RFC 7009 section 2.2)
Refused  invalid_client; invalid_grant: the token was issued to another client (RFC 7009 section 2.1)
Tokens of a sign-in at our own door belong to no client: who holds one may end it, as `/auth/logout` has it. A refresh token
ends the sign-in with all tokens of it, an access token itself alone.
"""

from doorward.core.errors import Refused, Why
from doorward.core.grant import Ticket
from doorward.core.request import Request
from doorward.core.secret import Secret
from doorward.core.store import Tx
from doorward.ledger.mint import LOGIN
from doorward.ledger.token_text import PREFIX, REFRESH, check_shape, lookup_of
from doorward.oauth.errors import INVALID_GRANT, OAuthError, invalid_client
from doorward.oauth.parts import Asked, OAuthParts, Said
from doorward.oauth.read_token import OPAQUE, Seen

DONE = Said(None)


async def answer(asked: Asked, parts: OAuthParts) -> Said:
    form = asked.form
    client: str | None = None
    if _shows_a_client(asked.request) or form.values.keys() & {"client_id", "client_secret", "client_assertion"}:
        client = (await parts.clients.authenticate(form.values, asked.request)).id
    text = form.one("token")
    if text.startswith(PREFIX):
        known = await _end_sign_in(Secret(text), client, parts)
    else:
        known = await _end_access(await parts.tokens.read(text), client, parts)
    if not known and client is None:
        raise invalid_client("The request says nothing of its client.", why=Why.MISSING)
    if known:
        await parts.catch_up()
    return DONE


def _shows_a_client(request: Request) -> bool:
    return b"authorization" in request.headers


async def _end_access(seen: Seen | None, client: str | None, parts: OAuthParts) -> bool:
    if seen is None:
        return False
    _check_holder(seen.client, client, parts, shared=seen.shared)
    if seen.alive:
        now, actor = parts.clock(), client or seen.subject
        if seen.form == OPAQUE:
            await parts.revoke.credential(seen.id, actor=actor, now=now, why="revoked by its client")
        else:
            await parts.revoke.token(seen.id, expires_at=seen.expires_at, actor=actor, now=now, why="revoked by its client")
    return True


async def _end_sign_in(token: Secret, client: str | None, parts: OAuthParts) -> bool:
    try:
        check_shape(token)
    except Refused:
        return False
    lookups = [lookup_of(token, parts.peppers, id) for id in parts.peppers.ids]

    async def find(tx: Tx) -> Ticket | None:
        found = [await tx.ticket(REFRESH, lookup) for lookup in lookups]
        return next((ticket for ticket in found if ticket is not None), None)

    ticket = await parts.store.write(find)
    if ticket is None:
        return False
    _check_holder(parts.issuer if ticket.holder == LOGIN else ticket.holder, client, parts)
    now = parts.clock()

    async def end(tx: Tx) -> None:
        grant = await tx.hold(ticket.grant_id)
        if grant is not None:
            await parts.revoke.grant_in(tx, grant.id, actor=client or grant.subject, now=now, why="revoked by its client")

    await parts.store.write(end)
    return True


def _check_holder(holder: str, client: str | None, parts: OAuthParts, *, shared: bool = False) -> None:
    """`shared`: a service that has the key may have written the token, with the number of another. Raises OAuthError."""
    if holder == parts.issuer and not shared:  # of a sign-in at our own door
        return
    if client is None:
        raise invalid_client("The request says nothing of its client.", why=Why.MISSING)
    if holder != client:
        raise OAuthError(INVALID_GRANT, "The token was issued to another client.", why=Why.NOT_BOUND)  # RFC 7009 section 2.1
