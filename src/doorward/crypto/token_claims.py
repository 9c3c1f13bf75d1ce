"""The claims of an access token, each of its type (RFC 9068 section 2.2, RFC 7519 section 4.1)."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from doorward.core.errors import Refused, Why

ACCESS_TOKEN: Final = "at+jwt"  # noqa: S105 - the media type of RFC 9068 section 2.1
_LATEST: Final = 2**53
_NONE: Final[frozenset[str]] = frozenset()


class TokenClaims(NamedTuple):
    """Times in seconds since the epoch. No `scope` means no scopes, not all of them."""

    id: str
    subject: str
    audiences: frozenset[str]
    client: str | None
    scopes: frozenset[str]
    roles: frozenset[str]
    grant: str | None
    seq: int
    issued_at: float
    expires_at: float
    not_before: float | None
    authenticated_at: float | None


def read_claims(claims: Mapping[str, object]) -> TokenClaims:
    """Raises Refused(MALFORMED): a required claim is missing, or one is of another type."""
    get = claims.get
    subject, id, seq = get("sub"), get("jti"), get("seq", 0)
    issued_at, expires_at = _moment(get("iat"), "iat"), _moment(get("exp"), "exp")
    if issued_at is None or expires_at is None or type(subject) is not str or type(id) is not str or not subject or not id:
        raise Refused(Why.MALFORMED, note="an access token needs sub, jti, iat and exp")
    if type(seq) is not int:
        raise Refused(Why.MALFORMED, note="seq is not a whole number")
    audience, scope, roles, not_before = get("aud"), get("scope"), get("roles"), get("nbf")
    return TokenClaims(
        id,
        subject,
        frozenset((audience,)) if type(audience) is str else _texts(audience, "aud"),  # RFC 7519 section 4.1.3
        _text(get("client_id"), "client_id"),
        frozenset((_text(scope, "scope") or "").split()),
        _texts(roles, "roles") if roles is not None else _NONE,
        _text(get("gid"), "gid"),
        seq,
        issued_at,
        expires_at,
        _moment(not_before, "nbf") if not_before is not None else None,
        _moment(get("auth_time"), "auth_time"),
    )


def _text(value: object, name: str) -> str | None:
    if value is None or type(value) is str:
        return value
    raise Refused(Why.MALFORMED, note=f"{name} is not a text")


def _moment(value: object, name: str) -> float | None:
    """RFC 7519 section 2, NumericDate."""
    if value is None:
        return None
    if (type(value) is int or type(value) is float) and 0 <= value < _LATEST:
        return value
    raise Refused(Why.MALFORMED, note=f"{name} is not a time")


def _texts(value: object, name: str) -> frozenset[str]:
    if type(value) is list:
        for item in value:
            if type(item) is not str:
                break
        else:
            return frozenset(value)
    raise Refused(Why.MALFORMED, note=f"{name} is not a list of texts")
