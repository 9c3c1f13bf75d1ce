"""A client that proves itself by a signed assertion (RFC 7523 section 3, OpenID Connect Core section 9 `private_key_jwt`).

On the wire  client_assertion=eyJ….….…, at most 8 KiB; no key and no key's address in its header
Claims       iss = sub = client_id; aud = the issuer or the token endpoint, and nobody else; exp within an hour; jti, used once
             over all workers until exp; iat and nbf, if they are there, not ahead of our clock
Refused      invalid_client. What was wrong with it is told only once the signature has proven it genuine
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from doorward.core.client import Client
from doorward.core.clock import Clock
from doorward.core.errors import Refused, Why
from doorward.core.store import Once
from doorward.crypto.jose import ParsedToken, parse_jwt
from doorward.oauth.client_key_source import KeySource
from doorward.oauth.errors import OAuthError, invalid_client
from doorward.oauth.shown_client import is_id

PRIVATE_KEY_JWT: Final = "private_key_jwt"
LONGEST_LIFE: Final = 3600.0
"""Several client libraries make their assertions to live an hour; longer ones would have to be remembered longer."""
LEEWAY: Final = 60.0
_LONGEST_ID: Final = 256
_TYPES: Final = frozenset({None, "jwt", "client-authentication+jwt"})  # never a token made for another purpose: RFC 8725 section 3.11
_LATEST: Final = 2**53


class ShownAssertion(NamedTuple):
    """Parsed, and nothing more."""

    client: str
    token: ParsedToken


def read_assertion(text: str, id: str | None) -> ShownAssertion:
    """`id`: the client_id beside it, which must be the same (RFC 7521 section 4.2). Raises OAuthError."""
    try:
        token = parse_jwt(text)
    except Refused as reason:
        raise _refused(Why.MALFORMED, reason.note or "") from None
    subject = token.claims.get("sub")
    if not isinstance(subject, str) or not is_id(subject) or token.claims.get("iss") != subject or (id is not None and id != subject):
        raise _refused(Why.MALFORMED, "iss, sub and client_id are not one")  # RFC 7523 section 3, points 1 and 2
    if token.header.typ not in _TYPES:
        raise _refused(Why.WRONG_TYPE, f"typ is {token.header.typ!r}")
    return ShownAssertion(subject, token)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionCheck:
    """`audiences`: by which of its names an assertion may call this server."""

    keys: KeySource
    once: Once
    clock: Clock
    audiences: frozenset[str]

    async def check(self, client: Client, shown: ShownAssertion) -> None:
        """Raises OAuthError, Unavailable."""
        if PRIVATE_KEY_JWT not in client.auth:
            raise _refused(Why.UNKNOWN, "the client is not registered for assertions")
        header, signing_alg = shown.token.header, client.metadata.get("token_endpoint_auth_signing_alg")
        keys = await self.keys.of(client, lambda keys: keys.find(header.alg, header.kid) is None)
        key = keys.find(header.alg, header.kid)
        if key is None or (signing_alg is not None and key.alg != signing_alg):
            raise _refused(Why.UNKNOWN, "no key of this client has this alg and kid, or more than one")
        try:
            key.verify(shown.token)
        except Refused as reason:
            raise _refused(reason.why, reason.note or "") from None
        await self._spend(client, *self._read(shown.token.claims))

    def _read(self, claims: Mapping[str, object]) -> tuple[str, float, float]:
        """jti, end, and when it was signed. Genuine by now, so what is wrong is told."""
        now, audience = self.clock(), claims.get("aud")
        named = [audience] if isinstance(audience, str) else audience
        if not isinstance(named, list) or not named or not all(isinstance(each, str) and each in self.audiences for each in named):
            raise _told(Why.WRONG_AUDIENCE, "The assertion's aud is this issuer, and nobody else.")  # RFC 7523 section 3, point 3
        expires_at, issued_at, not_before = (_moment(claims, name) for name in ("exp", "iat", "nbf"))
        if expires_at is None:
            raise _told(Why.MALFORMED, "The assertion has no exp.")  # point 4
        if now >= expires_at:
            raise _told(Why.EXPIRED, "The assertion has expired.")
        if expires_at > now + LONGEST_LIFE + LEEWAY:
            raise _told(Why.MALFORMED, "The assertion lives longer than an hour: let it expire in a minute.")
        if any(at is not None and at > now + LEEWAY for at in (issued_at, not_before)):  # points 5 and 6
            raise _told(Why.NOT_YET, "The assertion is of the future: is your clock ahead?")
        id = claims.get("jti")
        if not isinstance(id, str) or not 0 < len(id) <= _LONGEST_ID or not _is_text(id):
            raise _told(Why.MALFORMED, "The assertion needs a jti of 1 to 256 characters, another one each time.")  # point 7
        return id, expires_at, issued_at if issued_at is not None else expires_at - LONGEST_LIFE

    async def _spend(self, client: Client, id: str, expires_at: float, signed_at: float) -> None:
        if signed_at < await self.once.trusted_since():
            raise _told(Why.SIGNED_BEFORE_RESTART, "The assertion is older than this server's start: sign a new one, with iat.")
        key = hashlib.sha256(b"client_assertion\x00" + client.id.encode() + b"\x00" + id.encode()).digest()
        if not await self.once.spend(key, expires_at, self.clock()):
            raise _told(Why.REPLAYED, "The assertion was used before: sign a new one for each request.")


def _moment(claims: Mapping[str, object], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST:
        raise _told(Why.MALFORMED, f"The assertion's {name} is not a time in seconds.")  # RFC 7519 section 2, NumericDate
    return float(value)


def _is_text(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _refused(why: Why, note: str) -> OAuthError:
    found = invalid_client(why=why)
    found.note = note
    return found


def _told(why: Why, description: str) -> OAuthError:
    return invalid_client(description, why=why)
