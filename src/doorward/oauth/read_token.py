"""A token that somebody asks about or wants ended: is it ours, whose is it, does it still hold? JWT and opaque access tokens.

What was proven of a token is remembered by its SHA-256: of a JWT as long as the key that signed it is there, of an opaque one as
long as nothing has changed in the store (`core.remembered`). Expiry and revocation are asked each time.
"""

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeVar

from doorward.core import access_text
from doorward.core.clock import Clock
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.remembered import Version
from doorward.core.revoked import Revoked
from doorward.core.store import Unavailable
from doorward.crypto.jose import LONGEST, VerifyingKey, parse_jwt
from doorward.crypto.keyring import Keyring
from doorward.crypto.token_claims import ACCESS_TOKEN, read_claims
from doorward.methods.access_token import AccessToken, audiences_of, bound_to_of

T = TypeVar("T")
MOST: Final = 4096
JWT: Final = "jwt"
OPAQUE: Final = "opaque"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A genuine access token of ours, alive or not. `form`: JWT or OPAQUE. `client`: as the token says, so the issuer for a
    sign-in at our own door. `shared`: signed by a key that a service has too, which may have written all of this. `alive`: it holds now."""

    form: str
    id: str
    subject: str
    client: str
    audiences: tuple[str, ...]
    scopes: frozenset[str]
    roles: frozenset[str]
    issued_at: int
    expires_at: int
    authenticated_at: float | None
    grant: str | None
    seq: int
    bound_to: frozenset[str]
    shared: bool = False
    alive: bool = True


class _Known(NamedTuple):
    key: VerifyingKey
    seen: Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a JWT of ours is proven by. `fresh`: whether `revoked` is up to date. `version`: as in `core.remembered`."""

    keyring: Keyring
    revoked: Revoked
    clock: Clock
    issuer: str
    fresh: Callable[[], bool]
    version: Version


class _Found(NamedTuple):
    """An opaque token's record, and the version of the store that it was read under."""

    version: Hashable
    credential: Credential
    seen: Seen


class ReadToken:
    def __init__(self, opaque: AccessToken, trust: Trust) -> None:
        self._opaque, self._trust = opaque, trust
        self._known: dict[bytes, _Known] = {}
        self._found: dict[bytes, _Found] = {}

    async def read(self, text: str) -> Seen | None:
        """None: it is no access token of ours, or was forged. Raises Unavailable."""
        try:
            if text.startswith(access_text.PREFIX):
                return await self._read_opaque(text)
            if text.startswith("eyJ") and len(text) <= LONGEST:
                return self._read_jwt(text)
        except Refused:
            return None
        return None

    async def _read_opaque(self, text: str) -> Seen:
        version, digest = self._trust.version(), _digest(text)
        found = self._found.get(digest)
        if found is None or version is None or found.version != version:
            credential = await self._opaque.genuine(access_text.parse(text))
            found = _Found(version, credential, self._seen(credential))
            if version is not None:
                _keep(self._found, digest, found)
        try:
            self._opaque.check_live(found.credential, self._trust.clock())
        except Refused:
            return replace(found.seen, alive=False)
        return found.seen

    def _seen(self, credential: Credential) -> Seen:
        data = credential.data
        told = data.get("auth_time")
        return Seen(
            form=OPAQUE,
            id=credential.id,
            subject=credential.owner,
            client=data.get("client", ""),
            audiences=audiences_of(credential),
            scopes=credential.scopes or frozenset(),
            roles=frozenset(),
            issued_at=int(credential.created_at),
            expires_at=int(credential.expires_at or 0),
            authenticated_at=float(told) if told else None,
            grant=credential.grant_id,
            seq=int(data.get("seq", "0")),
            bound_to=bound_to_of(credential),
        )

    def _read_jwt(self, text: str) -> Seen:
        trust, now = self._trust, self._trust.clock()
        digest = _digest(text)
        known = self._known.get(digest)
        if known is None or trust.keyring.verifier(known.key.kid, now) is not known.key:
            known = self._prove(text, now)
            _keep(self._known, digest, known)
        seen = known.seen
        if not trust.fresh():
            raise Unavailable("what was revoked is not known up to date: the store does not answer")
        ended = trust.revoked.any_of(seen.id, seen.grant, seen.subject, seen.client, seen.issued_at, seen.seq)
        return replace(seen, alive=False) if ended or now >= seen.expires_at else seen

    def _prove(self, text: str, now: float) -> _Known:
        """Raises Refused."""
        token = parse_jwt(text)
        if token.header.typ != ACCESS_TOKEN or token.claims.get("iss") != self._trust.issuer or token.header.kid is None:
            raise Refused(Why.WRONG_TYPE)
        key = self._trust.keyring.verifier(token.header.kid, now)
        if key is None:
            raise Refused(Why.UNKNOWN)
        key.verify(token)
        claims = read_claims(token.claims)
        if key.audience is not None and claims.audiences != {key.audience}:  # who shares a key may speak to itself only
            raise Refused(Why.WRONG_AUDIENCE)
        seen = Seen(
            form=JWT,
            id=claims.id,
            subject=claims.subject,
            client=claims.client or "",
            audiences=tuple(sorted(claims.audiences)),
            scopes=claims.scopes,
            roles=claims.roles,
            issued_at=int(claims.issued_at),
            expires_at=int(claims.expires_at),
            authenticated_at=claims.authenticated_at,
            grant=claims.grant,
            seq=claims.seq,
            bound_to=claims.bound_to,
            shared=key.audience is not None,
        )
        return _Known(key, seen)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _keep(known: dict[bytes, T], digest: bytes, value: T) -> None:
    while len(known) >= MOST:
        del known[next(iter(known))]  # the one remembered first
    known[digest] = value
