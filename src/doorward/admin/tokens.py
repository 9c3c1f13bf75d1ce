"""Tokens as an operator sees them: revoke the one that was found somewhere, by its text."""

from dataclasses import dataclass

from doorward.admin.actor import Actor
from doorward.admin.mistake import Mistake, NotThere
from doorward.admin.taking_back import taking_back
from doorward.core.errors import Refused
from doorward.core.proof import Proof
from doorward.core.secret import Secret
from doorward.core.store import Store, Tx
from doorward.crypto.digest import Peppers
from doorward.crypto.jose import parse_jwt
from doorward.crypto.keyring import Keyring
from doorward.crypto.token_claims import ACCESS_TOKEN, TokenClaims, read_claims
from doorward.ledger.revoke import Revoke
from doorward.ledger.token_text import PREFIX, REFRESH, check_shape, lookup_of


@dataclass(frozen=True, slots=True)
class RevokedToken:
    """`what` is "access_token", or "grant" for a refresh token: then the whole sign-in ended, with all tokens of it."""

    what: str
    id: str
    subject: str


async def revoke(
    text: Secret, *, store: Store, keyring: Keyring, peppers: Peppers, issuer: str, actor: Actor, now: float, why: str = ""
) -> RevokedToken:
    """An access token, or a refresh token with all that came of it. Proven genuine first, so that a mistyped one is told.

    Raises Mistake, NotThere.
    """
    token = Secret(text.reveal().strip())
    if token.reveal().startswith(PREFIX):
        return await _revoke_grant(token, taking_back(store), peppers, actor, now, why)
    claims = _genuine(token, keyring, issuer, now)
    if claims.expires_at <= now:
        raise NotThere("this token has expired already")
    await taking_back(store).token(claims.id, expires_at=claims.expires_at, actor=actor.name, now=now, why=why)
    return RevokedToken("access_token", claims.id, claims.subject)


async def revoke_foreign(proof: Proof, *, store: Store, actor: Actor, now: float, why: str = "") -> RevokedToken:
    """A token of another issuer that was proven here: refused at every door of ours. Its issuer does not hear of it."""
    await taking_back(store).token(proof.credential_id, expires_at=proof.expires_at or now, actor=actor.name, now=now, why=why)
    return RevokedToken("access_token", proof.credential_id, proof.subject)


def _genuine(text: Secret, keyring: Keyring, issuer: str, now: float) -> TokenClaims:
    try:
        token = parse_jwt(text.reveal())
        if token.header.typ != ACCESS_TOKEN:
            raise Mistake("this is a token of ours perhaps, but no access token: only those can be revoked one by one")
        if token.claims.get("iss") != issuer:
            raise Mistake(f"this token is not of our issuer {issuer}")
        key = keyring.verifier(token.header.kid, now) if token.header.kid is not None else None
        if key is None:
            raise Mistake("no key of ours has signed this token, or it is so old that its key is gone")
        key.verify(token)
        return read_claims(token.claims)
    except Refused as reason:
        raise Mistake(f"this is no access token of ours: {reason.note or reason.why.value}") from None


async def _revoke_grant(token: Secret, revoke: Revoke, peppers: Peppers, actor: Actor, now: float, why: str) -> RevokedToken:
    try:
        check_shape(token)
    except Refused:
        raise Mistake("this begins like a refresh token of ours, but is cut or mistyped") from None
    lookups = [lookup_of(token, peppers, id) for id in peppers.ids]

    async def work(tx: Tx) -> RevokedToken:
        for lookup in lookups:
            ticket = await tx.ticket(REFRESH, lookup)
            if ticket is None:
                continue
            grant = await tx.hold(ticket.grant_id)
            if grant is None:
                break
            await revoke.grant_in(tx, grant.id, actor=actor.name, now=now, why=why)
            return RevokedToken("grant", grant.id, grant.subject)
        raise NotThere("this refresh token is not known here, or has expired")

    return await revoke.store.write(work)
