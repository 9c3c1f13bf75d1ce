"""X-Auth-Identity: a short JWT that tells the service behind a proxy who calls (DECISIONS 11, 13).

Header      typ doorward-identity+jwt: no other door of ours takes it for an access token (RFC 8725 section 3.11)
Claims      iss, aud (the service), sub, iat, exp; where there are such: client_id, scope, roles, methods (a list) and
            content_sha256 and content_sha512, the digests that the caller signed and that the service must compare with the body
Lifetime    60 s at most, remembered for 30 s: whoever is handed one can use it for 30 s at least. Not remembered when it
            holds a digest, which belongs to one request
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from doorward.core.clock import Clock
from doorward.core.errors import Refused, Why
from doorward.core.event import Change, Topic
from doorward.core.proof import Principal

TYP: Final = "doorward-identity+jwt"
CONTENT_SHA256: Final = "content_sha256"
CONTENT_SHA512: Final = "content_sha512"
"""The claims of a proof and of the token (RFC 9530's digest in hex), as `methods.hmac` and `methods.http_signature` set them."""
Digests = Mapping[str, str]
"""By claim."""
_MOST: Final = 4096

Sign = Callable[[Mapping[str, object], str], str]
"""sign(claims, typ) with the key that is active now."""
_Key = tuple[str, str, str | None, frozenset[str], frozenset[str], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityOptions:
    """In seconds. `remembered` 0 signs each anew."""

    lifetime: float = 60.0
    remembered: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= self.lifetime <= 60 or not 0 <= self.remembered <= 30 or self.remembered >= self.lifetime:
            raise ValueError("an identity token lives 1 to 60 s and is remembered at most 30 s, and less than it lives")


class IdentityTokens:
    """Called with a principal and an audience; the memo is bounded and loses whoever is revoked."""

    def __init__(self, *, issuer: str, sign: Sign, clock: Clock, options: IdentityOptions | None = None) -> None:
        self._issuer, self._sign, self._clock, self._options = issuer, sign, clock, options or IdentityOptions()
        self._known: dict[_Key, tuple[float, bytes]] = {}
        self._given: dict[int, tuple[Principal, str, float, bytes]] = {}
        """The same by the very principal, which the gate remembers for a while: its place in memory, and itself so that it keeps it."""

    def __call__(self, principal: Principal, audience: str, expected: str | None = None) -> bytes:
        """`expected`: the digest of the body that must arrive, where no proof holds one. Raises core.store.Unavailable
        where no key can sign."""
        now, given = self._clock(), self._given.get(id(principal))
        if given is not None and given[0] is principal and given[1] == audience and now < given[2] and expected is None:
            return given[3]
        digests = content_digests(principal) or ({CONTENT_SHA256: expected} if expected is not None else {})
        if digests:
            return self._signed(principal, audience, now, digests)
        lifetime = self._options.lifetime
        if self._until(principal, now, lifetime) < now + lifetime:  # a credential about to end: its token ends with it
            return self._signed(principal, audience, now, {})
        key = (audience, principal.subject, principal.client, principal.scopes, principal.roles, principal.methods)
        known = self._known.get(key)
        if known is None or now >= known[0]:
            known = now + self._options.remembered, self._signed(principal, audience, now, {})
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = known
        if len(self._given) >= _MOST:
            self._given.clear()
        self._given[id(principal)] = (principal, audience, *known)
        return known[1]

    def forget(self, change: Change) -> None:
        """An observer of announced changes. The gate refuses whoever is revoked before this is asked; nothing stays here either."""
        self._given.clear()
        if change.topic is Topic.SIGNING_KEYS:
            self._known.clear()
            return
        gone = [key for key in self._known if change.id in (key[1], key[2])]
        for key in gone:
            del self._known[key]

    def _until(self, principal: Principal, now: float, span: float) -> float:
        ends = [proof.expires_at for proof in principal.proofs if proof.expires_at is not None]
        return min([now + span, *ends])

    def _signed(self, principal: Principal, audience: str, now: float, digests: Digests) -> bytes:
        claims: dict[str, object] = {
            "iss": self._issuer,
            "aud": audience,
            "sub": principal.subject,
            "iat": int(now),
            "exp": int(self._until(principal, now, self._options.lifetime)),
            "methods": list(principal.methods),
        }
        if principal.client is not None:
            claims["client_id"] = principal.client
        if principal.scopes:
            claims["scope"] = " ".join(sorted(principal.scopes))  # RFC 8693 section 4.2
        if principal.roles:
            claims["roles"] = sorted(principal.roles)
        claims |= digests
        return self._sign(claims, TYP).encode()


def content_digests(principal: Principal) -> Digests:
    """The digests that the proofs are bound to. Raises Refused(BODY_NOT_SIGNED) where two say another one: no body is both."""
    found: dict[str, str] = {}
    for proof in principal.proofs:
        for claim in (CONTENT_SHA256, CONTENT_SHA512):
            digest = proof.claims.get(claim)
            if isinstance(digest, str) and found.setdefault(claim, digest) != digest:
                raise Refused(Why.BODY_NOT_SIGNED, "The signatures sent together are of two bodies.")
    return found
