"""No method of its own: the tokens of issuers that we trust beside ourselves, for `methods.jwt`.

`iss` chooses the issuer by its exact text, and only that issuer's keys are asked: a `kid` of one never proves a token of another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

from doorward.core.issuer import Issuer
from doorward.core.proof import Proof
from doorward.crypto import base64url
from doorward.crypto.foreign_token import check_kind, read_foreign
from doorward.crypto.jose import ParsedToken, VerifyingKey
from doorward.crypto.token_claims import TokenClaims


class Keys(Protocol):
    """The keys of one issuer, fixed or fetched."""

    def holds(self, key: VerifyingKey) -> bool:
        """Whether it may still prove. Never waits."""
        ...

    async def find(self, kid: str | None, alg: str) -> VerifyingKey:
        """Raises Refused(UNKNOWN), Unavailable. Waits a bounded time."""
        ...


@dataclass(frozen=True, slots=True)
class Trusted:
    issuer: Issuer
    keys: Keys


class KnownForeign(NamedTuple):
    """A token whose signature was verified by `key`, which that issuer published."""

    key: VerifyingKey
    claims: TokenClaims
    proof: Proof
    trusted: Trusted

    def holds(self) -> bool:
        return self.trusted.keys.holds(self.key)

    def audience(self, wanted: str, ours: str) -> str:
        """Whom it must be for: what the route names; where that is ourselves, what this issuer calls us, if the token does so."""
        if wanted != ours:
            return wanted
        called = self.trusted.issuer.audiences
        return next((each for each in self.claims.audiences if each in called), wanted if wanted in called else "")


class Foreign:
    def __init__(self, trusted: Iterable[Trusted] = ()) -> None:
        self._trusted = {each.issuer.issuer: each for each in trusted}

    def __contains__(self, iss: object) -> bool:
        return isinstance(iss, str) and iss in self._trusted

    async def verify(self, token: ParsedToken, digest: bytes) -> KnownForeign:
        """Of an issuer that is in here. Raises Refused, Unavailable; before the signature holds it tells nothing of the claims."""
        trusted = self._trusted[str(token.claims["iss"])]
        check_kind(token, trusted.issuer)
        key = await trusted.keys.find(token.header.kid, token.header.alg)
        key.verify(token)
        claims = read_foreign(token, trusted.issuer, digest)
        return KnownForeign(key, claims, _proof(claims, token, trusted.issuer, digest), trusted)


def _proof(claims: TokenClaims, token: ParsedToken, issuer: Issuer, digest: bytes) -> Proof:
    return Proof(
        method="jwt",
        subject=claims.subject,
        credential_id=claims.id,
        client=claims.client,
        scopes=claims.scopes,
        roles=claims.roles,
        claims=MappingProxyType(token.claims),
        authenticated_at=claims.authenticated_at,
        expires_at=claims.expires_at,
        bound_to=claims.bound_to,
        ath=base64url.encode(digest).decode() if claims.bound_to else None,  # RFC 9449 section 4.2
        issuer=issuer.issuer,
    )
