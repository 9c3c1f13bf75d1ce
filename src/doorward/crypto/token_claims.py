"""The claims of an access token, each of its type (RFC 9068 section 2.2, RFC 7519 section 4.1)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from doorward.core.errors import Refused, Why

ACCESS_TOKEN: Final = "at+jwt"  # noqa: S105 - the media type of RFC 9068 section 2.1
_CONFIRMATIONS: Final = frozenset({"jkt", "x5t#S256"})  # RFC 9449 section 6.1, RFC 8705 section 3.1
_LATEST: Final = 2**53
_NONE: Final[frozenset[str]] = frozenset()


class TokenClaims(NamedTuple):
    """Times in seconds since the epoch. No `scope` means no scopes, not all of them. `bound_to` as in `core.proof`."""

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
    bound_to: frozenset[str] = _NONE


def read_claims(claims: Mapping[str, object]) -> TokenClaims:
    """Raises Refused(MALFORMED): a required claim is missing, or one is of another type."""
    get = claims.get
    subject, id, audience, scope, roles = get("sub"), get("jti"), get("aud"), get("scope", ""), get("roles")
    client, grant, seq = get("client_id"), get("gid"), get("seq", 0)
    issued_at, expires_at, not_before, authenticated_at = get("iat"), get("exp"), get("nbf"), get("auth_time")
    if not (  # one look at all of them: this is on the path of every token that is new here
        (type(subject) is str and subject)
        and (type(id) is str and id)
        and type(scope) is str
        and (client is None or type(client) is str)
        and (grant is None or type(grant) is str)
        and type(seq) is int
        and (type(issued_at) is int or type(issued_at) is float)
        and (type(expires_at) is int or type(expires_at) is float)
        and 0 <= issued_at < _LATEST
        and 0 <= expires_at < _LATEST
        and (not_before is None or ((type(not_before) is int or type(not_before) is float) and 0 <= not_before < _LATEST))
        and (
            authenticated_at is None
            or ((type(authenticated_at) is int or type(authenticated_at) is float) and 0 <= authenticated_at < _LATEST)
        )
    ):
        raise Refused(Why.MALFORMED, note="a claim of the access token is missing or of another type")
    return TokenClaims(
        id,
        subject,
        _one(audience) if type(audience) is str else _texts(audience, "aud"),  # RFC 7519 section 4.1.3
        client,
        _words(scope),
        _texts(roles, "roles") if roles is not None else _NONE,
        grant,
        seq,
        issued_at,
        expires_at,
        not_before,
        authenticated_at,
        confirmed(get("cnf")) if "cnf" in claims else _NONE,
    )


def confirmed(cnf: object) -> frozenset[str]:
    """The keys of `cnf` (RFC 7800 section 3.1). A way of confirmation that is not understood cannot be asked for, so it is refused."""
    if type(cnf) is dict and cnf and cnf.keys() <= _CONFIRMATIONS and all(type(value) is str and value for value in cnf.values()):
        return frozenset(f"{name}:{value}" for name, value in cnf.items())
    raise Refused(Why.MALFORMED, note="the confirmation (cnf) of the token is not understood")


@lru_cache(maxsize=256)
def _one(text: str) -> frozenset[str]:
    return frozenset((text,))


@lru_cache(maxsize=1024)
def _words(text: str) -> frozenset[str]:
    """RFC 6749 section 3.3. Most tokens of a service carry one of a few scopes."""
    return frozenset(text.split())


def _texts(value: object, name: str) -> frozenset[str]:
    if type(value) is list:
        for item in value:
            if type(item) is not str:
                break
        else:
            return frozenset(value)
    raise Refused(Why.MALFORMED, note=f"{name} is not a list of texts")
