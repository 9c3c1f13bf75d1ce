"""A token of another issuer that we trust: is it one of its access tokens, and what does it claim in our words?

Claims       iss, iat, exp and a subject must be there; aud too unless another claim was named for it. nbf, jti, client_id or azp,
             auth_time, cnf if they are there. Without jti a token is known by its own SHA-256. It lives 90 days at most.
Refused      WRONG_TYPE: another type, or an ID, refresh or logout token by what it claims
             MALFORMED: a claim is missing or of another type; WRONG_AUDIENCE is for the method to find
"""

from collections.abc import Mapping
from typing import Final

from doorward.core.errors import Refused, Why
from doorward.core.issuer import Issuer, at, says_it_is_another
from doorward.core.revoked import LONGEST_LIFE
from doorward.crypto import base64url
from doorward.crypto.jose import ParsedToken
from doorward.crypto.token_claims import ACCESS_TOKEN, TokenClaims, confirmed

_LATEST: Final = 2**53
_LONGEST_SUBJECT: Final = 255  # OIDC Core section 2 `sub`


def check_kind(token: ParsedToken, issuer: Issuer) -> None:
    """Raises Refused(WRONG_TYPE). A token that is typed at+jwt is one (RFC 9068 section 2.1); of others the claims are looked at too."""
    typ = token.header.typ
    if not issuer.takes_type(typ):
        raise Refused(Why.WRONG_TYPE, note=f"typ is {typ!r}; [[issuer]] {issuer.name} takes {', '.join(sorted(issuer.typ))}")
    if typ != ACCESS_TOKEN and says_it_is_another(token.claims):
        raise Refused(Why.WRONG_TYPE, note="it claims to be an ID, refresh or logout token")


def read_foreign(token: ParsedToken, issuer: Issuer, digest: bytes) -> TokenClaims:
    """Of a token that is proven genuine. Raises Refused(MALFORMED, WRONG_TYPE)."""
    claims = token.claims
    subject, id = at(claims, issuer.subject_claim), claims.get("jti")
    client = claims.get("client_id", claims.get("azp"))
    if type(subject) is not str or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise Refused(Why.MALFORMED, note="the subject is not a short, printable text")
    for name, value in (("jti", id), ("client_id", client)):
        if value is not None and (type(value) is not str or not value):
            raise Refused(Why.MALFORMED, note=f"{name} is not a text")
    expires_at = _time(claims, "exp")
    if expires_at is None:
        raise Refused(Why.MALFORMED, note="a token without exp")  # RFC 9068 section 2.2
    if not all(rule.holds(claims) for rule in issuer.require):
        raise Refused(Why.WRONG_TYPE, note="a claim that [[issuer]] require asks for is missing or another")
    issued_at, not_before = _time(claims, "iat"), _time(claims, "nbf")
    if issued_at is None or expires_at - issued_at > LONGEST_LIFE:
        raise Refused(Why.MALFORMED, note="without iat, or to live longer than 90 days: no revocation is remembered for so long")
    return TokenClaims(
        id=issuer.named(str(id) if id is not None else f"sha256:{base64url.encode(digest).decode()}"),
        subject=issuer.subject_prefix + subject,
        audiences=_audiences(at(claims, issuer.audience_claim)),
        client=issuer.named(str(client)) if client is not None else None,
        scopes=issuer.scopes(claims),
        roles=issuer.roles(claims),
        grant=None,
        seq=0,
        issued_at=issued_at,
        expires_at=expires_at,
        not_before=None if not_before is not None and not_before <= issued_at else not_before,  # says no more than iat, which has leeway
        authenticated_at=_time(claims, "auth_time"),
        bound_to=confirmed(claims["cnf"]) if "cnf" in claims else frozenset(),
    )


def _time(claims: Mapping[str, object], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if (type(value) is int or type(value) is float) and 0 <= value < _LATEST:
        return value
    raise Refused(Why.MALFORMED, note=f"{name} is not a time")  # RFC 7519 section 2 NumericDate


def _audiences(value: object) -> frozenset[str]:
    listed = value if type(value) is list else [value]
    if not listed or not all(type(each) is str and each for each in listed):
        raise Refused(Why.MALFORMED, note="the audience is missing, or neither a text nor a list of texts")
    return frozenset(listed)
