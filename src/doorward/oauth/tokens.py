"""Access tokens for clients: a JWT (RFC 9068) unless the client chose opaque ones.

A JWT is written nowhere, an opaque one is one durable row; issuing either is counted, not journaled (docs/adr/0014).
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from doorward.core import access_text
from doorward.core.client import Client
from doorward.core.credential import Credential
from doorward.core.secret import Secret
from doorward.core.store import Tx
from doorward.crypto.jose import sign_text
from doorward.crypto.token_claims import ACCESS_TOKEN
from doorward.ledger.mint import Mint, Stamp
from doorward.methods.access_token import opaque_data

OPAQUE: Final = "opaque"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOrder:
    """`subject`: whom it speaks for; `bound_to`: the keys without which it is worth nothing (`core.proof`). `tells`:
    header fields that go with the answer."""

    client: Client
    subject: str
    scopes: frozenset[str]
    audiences: tuple[str, ...]
    bound_to: frozenset[str]
    tells: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """For the answer of a token endpoint (RFC 6749 section 5.1). `tells`: header fields that go with it."""

    access_token: Secret
    token_type: str
    expires_in: int
    scopes: frozenset[str]
    refresh_token: Secret | None = None
    tells: tuple[tuple[bytes, bytes], ...] = ()


async def give(order: TokenOrder, mint: Mint, seq: int) -> Given:
    """`seq`: the last change that was announced before. Raises Unavailable: no signing key is active, or the store takes no row."""
    stamp = await mint.stamp(order.client.access_life, seq)
    if order.client.token == OPAQUE:
        token = await _opaque(order, stamp, mint)
    else:
        key = mint.key_for(order.audiences, order.client.token_alg)
        token = Secret(sign_text(_claims(order, stamp, mint.issuer), key, ACCESS_TOKEN))
    life = stamp.expires_at - stamp.issued_at
    return Given(token, token_type(order.bound_to), life, order.scopes, tells=order.tells)


def token_type(bound_to: frozenset[str]) -> str:
    """RFC 9449 section 5: a certificate-bound one is sent as Bearer (RFC 8705 section 3)."""
    return "DPoP" if any(key.startswith("jkt:") for key in bound_to) else "Bearer"


def confirmation(bound_to: frozenset[str]) -> dict[str, str]:
    """The `cnf` claim (RFC 7800): "jkt" (RFC 9449 section 6.1), "x5t#S256" (RFC 8705 section 3.1)."""
    return dict(key.split(":", 1) for key in sorted(bound_to))


def audience_claim(audiences: tuple[str, ...]) -> str | list[str]:
    return audiences[0] if len(audiences) == 1 else list(audiences)


def _claims(order: TokenOrder, stamp: Stamp, issuer: str) -> str:
    """RFC 9068 section 2.2, as JSON. A client asks for the same again and again: what it is, is written once."""
    same = _same_claims(issuer, order.subject, order.client.id, order.audiences, order.scopes, order.bound_to)
    return f'{same},"exp":{stamp.expires_at},"iat":{stamp.issued_at},"jti":"{stamp.jti}","seq":{stamp.seq}}}'


@lru_cache(maxsize=1024)
def _same_claims(
    issuer: str, subject: str, client: str, audiences: tuple[str, ...], scopes: frozenset[str], bound_to: frozenset[str]
) -> str:
    """All but times and numbers; the object is left open."""
    claims: dict[str, object] = {"iss": issuer, "sub": subject, "aud": audience_claim(audiences), "client_id": client}
    if scopes:
        claims["scope"] = scope_text(scopes)
    if bound_to:
        claims["cnf"] = confirmation(bound_to)
    return json.dumps(claims, separators=(",", ":"))[:-1]


@lru_cache(maxsize=1024)
def scope_text(scopes: frozenset[str]) -> str:
    return " ".join(sorted(scopes))


async def _opaque(order: TokenOrder, stamp: Stamp, mint: Mint) -> Secret:
    text = access_text.make(mint.entropy)
    now = mint.clock()
    credential = Credential(
        id=text.id,
        method=access_text.METHOD,
        lookup=text.id,
        verifier=mint.peppers.mac(text.whole.reveal().encode()),
        key_id=mint.peppers.current,
        owner=order.subject,
        created_at=now,
        expires_at=float(stamp.expires_at),
        scopes=order.scopes,
        data=opaque_data(client=order.client.id, audiences=order.audiences, bound_to=order.bound_to, seq=stamp.seq),
    )

    async def write(tx: Tx) -> None:
        await tx.add_credential(credential)

    await mint.store.write(write)
    return text.whole
