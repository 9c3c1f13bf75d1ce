"""JWT access tokens: of our own issuer (RFC 9068), and of those that we trust beside it (`foreign_jwt`). No store is asked: a signature,
a clock, and the set of what was revoked.

On the wire  Authorization: Bearer eyJ….….… (RFC 6750 section 2.1), DPoP if it is bound to a key (RFC 9449 section 7.1); if
             there is none, Cookie: __Host-doorward-access=eyJ….….…, which counts as ambient: unsafe methods need the CSRF token
Claims       iss sub aud exp iat jti, scope, roles, client_id, auth_time; `gid` the grant, `seq` the change that the
             issuer had seen (which tells a token made after a revocation from one made before it in the same second)
Refused      MALFORMED, WRONG_TYPE, WRONG_ISSUER, UNKNOWN (no such key), WRONG_SIGNATURE, WRONG_AUDIENCE; of genuine
             tokens NOT_YET, EXPIRED, REVOKED
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from doorward.core.clock import Clock
from doorward.core.cookie_name import cookie_places, only_cookie
from doorward.core.errors import Refused, Why
from doorward.core.method import Unasked
from doorward.core.proof import Proof
from doorward.core.request import Request
from doorward.core.revoked import Revoked
from doorward.core.route import Route
from doorward.core.store import Unavailable
from doorward.crypto import base64url
from doorward.crypto.jose import ParsedToken, VerifyingKey, parse_jwt
from doorward.crypto.keyring import Keyring
from doorward.crypto.token_claims import ACCESS_TOKEN, TokenClaims, read_claims
from doorward.methods.foreign_jwt import Foreign, KnownForeign, Trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtOptions:
    """`memo`: how many proven tokens are remembered; nought turns it off. `leeway`: how far another clock may be ahead."""

    memo: int = 10_000
    leeway: float = 60.0

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        if not 0 <= self.memo <= 1_000_000:
            raise ValueError("memo: 0 to 1000000 tokens")
        if not 0 <= self.leeway <= 300:
            raise ValueError("leeway: 0s to 5m")


class _Known(NamedTuple):
    """A token whose signature was verified by `key`."""

    key: VerifyingKey
    claims: TokenClaims
    proof: Proof


class ShownToken(NamedTuple):
    """`digest` is the SHA-256 of the token. Unproven unless it is one of those remembered."""

    digest: bytes
    audience: str
    token: ParsedToken | _Known | KnownForeign


class InCookie(Unasked):
    """Read when it is proven: what lies in a browser's cookies must not refuse what is sent beside them."""

    __slots__ = ("audience", "request")

    def __init__(self, request: Request, audience: str) -> None:
        self.request, self.audience = request, audience


def always() -> bool:
    return True


class Jwt:
    name: Final = "jwt"
    challenge: Final = "Bearer"
    ambient: Final = False
    guessable: Final = False
    repeatable: Final = True

    def __init__(
        self,
        *,
        keyring: Keyring,
        revoked: Revoked,
        clock: Clock,
        issuer: str,
        fresh: Callable[[], bool] = always,
        options: JwtOptions | None = None,
        cookie: str | None = None,
        csrf: Callable[[str], str] = str,
        plain: bool = False,
        trusted: Iterable[Trusted] = (),
    ) -> None:
        """`cookie`: the name of the access token's, without prefix (None: cookies are not read); `csrf` makes of a grant's id
        what pages repeat; `plain` as for sessions.
        `fresh`: whether `revoked` is known to be up to date; while it is not, nothing is proven (fail closed)."""
        self._keyring, self._revoked, self._clock, self._issuer, self._fresh = keyring, revoked, clock, issuer, fresh
        self._options = options or JwtOptions()
        self._memo: dict[bytes, _Known | KnownForeign] = {}
        self._foreign = Foreign(trusted)
        self._cookie, self._csrf, self._plain = cookie, csrf, plain
        self.fields = (b"authorization",) if cookie is None else (b"authorization", b"cookie")

    def find(self, request: Request, route: Route) -> ShownToken | InCookie | None:
        text = request.token
        if text is None and self._cookie is not None and b"cookie" in request.headers:
            names = cookie_places(request, self._cookie, plain=self._plain)
            return InCookie(request, route.audience or self._issuer) if any(map(request.has_cookie, names)) else None
        if text is None or not text.startswith("eyJ") or text.count(".") != 2:
            return None
        return self._shown(text, route.audience or self._issuer)

    def _shown(self, text: str, audience: str) -> ShownToken:
        digest = hashlib.sha256(text.encode("latin-1")).digest()
        return ShownToken(digest, audience, self._memo.get(digest) or parse_jwt(text))

    async def prove(self, shown: ShownToken | InCookie) -> Proof:
        if isinstance(shown, InCookie):
            return await self._prove_cookie(shown)
        now, token = self._clock(), shown.token
        if isinstance(token, _Known):
            if self._keyring.verifier(token.key.kid, now) is not token.key:
                self._memo.pop(shown.digest, None)
                raise Refused(Why.UNKNOWN, note=f"the signing key {token.key.kid} was withdrawn")
            self._check(token.claims, shown.audience, now)
            return token.proof
        if isinstance(token, KnownForeign) or token.claims.get("iss") in self._foreign:
            return await self._prove_foreign(shown, token, now)
        known = self._verify(token, now, shown.digest)
        self._check(known.claims, shown.audience, now)
        self._remember(shown.digest, known)
        return known.proof

    async def _prove_foreign(self, shown: ShownToken, token: ParsedToken | KnownForeign, now: float) -> Proof:
        known = token if isinstance(token, KnownForeign) else await self._foreign.verify(token, shown.digest)
        if not known.holds():
            self._memo.pop(shown.digest, None)
            await known.trusted.keys.find(known.key.kid, known.key.alg)  # whether nobody can tell: then it is no wrong credential
            raise Refused(Why.UNKNOWN, note=f"the key {known.key.kid} of {known.proof.issuer} was withdrawn")
        self._check(known.claims, known.audience(shown.audience, self._issuer), now)
        if known is not token:
            self._remember(shown.digest, known)
        return known.proof

    async def prove_for_anyone(self, text: str) -> Proof:
        """A token of another issuer, whomever it is for: to revoke it. Raises Refused, Unavailable."""
        token = parse_jwt(text)
        digest = hashlib.sha256(text.encode("latin-1")).digest()
        known = await self._foreign.verify(token, digest)
        self._check(known.claims, next(iter(known.claims.audiences)), self._clock())
        return known.proof

    async def _prove_cookie(self, shown: InCookie) -> Proof:
        names = cookie_places(shown.request, self._cookie or "", plain=self._plain)
        own = self._shown(only_cookie(shown.request, names) or "", shown.audience)
        if isinstance(own.token, KnownForeign) or (isinstance(own.token, ParsedToken) and own.token.claims.get("iss") in self._foreign):
            raise Refused(Why.WRONG_ISSUER, note="only tokens of our own are put into cookies")
        proof = await self.prove(own)
        return proof._replace(csrf=self._csrf(str(proof.claims.get("gid") or proof.credential_id)))

    def _verify(self, token: ParsedToken, now: float, digest: bytes) -> _Known:
        """Nothing that this refuses may tell more than that: genuineness is not proven yet."""
        header, issuer = token.header, token.claims.get("iss")
        if header.typ != ACCESS_TOKEN:  # RFC 9068 section 4: never an ID, identity, logout or status token
            raise Refused(Why.WRONG_TYPE, note=f"typ is {header.typ!r}")
        if issuer != self._issuer:
            raise Refused(Why.WRONG_ISSUER)
        key = self._keyring.verifier(header.kid, now) if header.kid is not None else None
        if key is None:
            raise Refused(Why.UNKNOWN, note="no such signing key")
        key.verify(token)
        claims = read_claims(token.claims)
        if key.audience is not None and claims.audiences != {key.audience}:  # who shares a key may speak to itself only
            raise Refused(Why.WRONG_AUDIENCE, note=f"the key {key.kid} is shared with {key.audience}")
        return _Known(key, claims, self._proof(claims, token, digest))

    def _proof(self, claims: TokenClaims, token: ParsedToken, digest: bytes) -> Proof:
        return Proof(
            method=self.name,
            subject=claims.subject,
            credential_id=claims.id,
            client=None if claims.client == self._issuer else claims.client,  # a sign-in at our own door has no other client
            scopes=claims.scopes,
            roles=claims.roles,
            claims=MappingProxyType(token.claims),
            authenticated_at=claims.authenticated_at,
            expires_at=claims.expires_at,
            bound_to=claims.bound_to,
            ath=base64url.encode(digest).decode() if claims.bound_to else None,  # RFC 9449 section 4.2
        )

    def _check(self, claims: TokenClaims, audience: str, now: float) -> None:
        """All that may change while a token is remembered."""
        if audience not in claims.audiences:  # RFC 9068 section 4, RFC 8725 section 3.9
            raise Refused(Why.WRONG_AUDIENCE, note=f"the route takes tokens for {audience}")
        if now >= claims.expires_at:  # RFC 7519 section 4.1.4: "on or after"
            raise Refused(Why.EXPIRED)
        if claims.issued_at > now + self._options.leeway or (claims.not_before is not None and now < claims.not_before):
            raise Refused(Why.NOT_YET)
        if not self._fresh():
            raise Unavailable("what was revoked is not known up to date: the store does not answer")
        if self._revoked.any_of(claims.id, claims.grant, claims.subject, claims.client, claims.issued_at, claims.seq):
            raise Refused(Why.REVOKED)

    def _remember(self, digest: bytes, known: _Known | KnownForeign) -> None:
        most = self._options.memo
        if most <= 0:
            return
        while len(self._memo) >= most:
            del self._memo[next(iter(self._memo))]  # the one remembered first
        self._memo[digest] = known

    def _holds(self, known: _Known | KnownForeign, now: float) -> bool:
        return known.holds() if isinstance(known, KnownForeign) else self._keyring.verifier(known.key.kid, now) is known.key

    def forget_withdrawn(self) -> int:
        """Called when the keys changed: what was proven by a key that is gone is dropped. Gives how many."""
        now = self._clock()
        gone = [digest for digest, known in self._memo.items() if not self._holds(known, now)]
        for digest in gone:
            del self._memo[digest]
        return len(gone)
