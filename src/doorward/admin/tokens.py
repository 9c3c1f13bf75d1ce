"""Tokens as an operator sees them: revoke the one that was found somewhere."""

from dataclasses import dataclass

from doorward.admin.actor import Actor
from doorward.admin.mistake import Mistake, NotThere
from doorward.core.errors import Refused
from doorward.core.event import Change, Event, Kind, Topic
from doorward.core.secret import Secret
from doorward.core.store import Store, Tx
from doorward.crypto.jose import parse_jwt
from doorward.crypto.keyring import Keyring
from doorward.crypto.token_claims import TokenClaims, read_claims


@dataclass(frozen=True, slots=True)
class RevokedToken:
    """`expires_at` in seconds since the epoch: until then every worker remembers it."""

    id: str
    subject: str
    expires_at: float


async def revoke(text: Secret, *, store: Store, keyring: Keyring, issuer: str, actor: Actor, now: float, why: str = "") -> RevokedToken:
    """An access token (JWT) of our own, by its text; proven genuine first, so that a mistyped one is told.

    Raises Mistake, NotThere.
    """
    claims = _genuine(text, keyring, issuer, now)
    if claims.expires_at <= now:
        raise NotThere("this token has expired already")

    async def work(tx: Tx) -> None:
        data = {"jti": claims.id}
        await tx.record(Event(kind=Kind.TOKEN_REVOKED, subject=claims.subject, actor=actor.name, at=now, why=why, data=data))
        await tx.announce(Change(topic=Topic.TOKEN, id=claims.id, at=now, until=claims.expires_at))

    await store.write(work)
    return RevokedToken(claims.id, claims.subject, claims.expires_at)


def _genuine(text: Secret, keyring: Keyring, issuer: str, now: float) -> TokenClaims:
    try:
        token = parse_jwt(text.reveal().strip())
        if token.claims.get("iss") != issuer:
            raise Mistake(f"this token is not of our issuer {issuer}")
        key = keyring.verifier(token.header.kid, now) if token.header.kid is not None else None
        if key is None:
            raise Mistake("no key of ours has signed this token, or it is so old that its key is gone")
        key.verify(token)
        return read_claims(token.claims)
    except Refused as reason:
        raise Mistake(f"this is no access token of ours: {reason.note or reason.why.value}") from None
