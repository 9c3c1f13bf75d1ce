"""What an operator wants of a client, checked, as RFC 7591 section 2 spells it. What it does not name is this server's own:
`access_token_format`, `access_token_life`, `audiences`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from doorward.admin import words
from doorward.admin.mistake import Mistake
from doorward.core.client import SECRET_METHODS

CLIENT_CREDENTIALS: Final = "client_credentials"
GRANTS: Final = frozenset({CLIENT_CREDENTIALS})
LATER: Final = frozenset(
    {
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    }
)
PRIVATE_KEY_JWT: Final = "private_key_jwt"
TLS: Final = "tls_client_auth"
SELF_SIGNED_TLS: Final = "self_signed_tls_client_auth"
AUTH_METHODS: Final = (*sorted(SECRET_METHODS), PRIVATE_KEY_JWT, TLS, SELF_SIGNED_TLS)
TOKENS: Final = ("jwt", "opaque")
LONGEST_LIFE: Final = 86400.0
_MOST_AUDIENCES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOrder:
    """`auth` None: a secret, in either way. `keys`: a JWK Set, public halves only. `tls_subject`: one of TLS_SUBJECTS and
    its value. `access_life` in seconds; None: as for everybody."""

    name: str
    grants: tuple[str, ...] = (CLIENT_CREDENTIALS,)
    scopes: frozenset[str] = frozenset()
    auth: str | None = None
    token: str = "jwt"  # noqa: S105 - a form, not a secret
    audiences: tuple[str, ...] = ()
    access_life: float | None = None
    jwks: Mapping[str, Any] | None = None
    jwks_uri: str | None = None
    tls_subject: tuple[str, str] | None = None
    certificate_bound: bool = False
    dpop_bound: bool = False


def metadata_of(order: ClientOrder) -> dict[str, Any]:
    """Raises Mistake with the mend."""
    if order.auth is not None and order.auth not in AUTH_METHODS:
        raise Mistake(f"a client authenticates by one of {', '.join(AUTH_METHODS)}")
    if order.token not in TOKENS:
        raise Mistake(f"access tokens are one of {', '.join(TOKENS)}")
    said: dict[str, Any] = {
        "client_name": words.label(order.name),
        "grant_types": sorted(_grants(order.grants)),
        "scope": " ".join(sorted(words.scopes(order.scopes))),
        "access_token_format": order.token,
        "audiences": list(_audiences(order.audiences)),
    }
    if order.auth is not None:
        said["token_endpoint_auth_method"] = order.auth
    if order.access_life is not None:
        if not 1 <= order.access_life <= LONGEST_LIFE:
            raise Mistake("an access token lives 1s to 1d")
        said["access_token_life"] = order.access_life
    if order.certificate_bound:
        said["tls_client_certificate_bound_access_tokens"] = True  # RFC 8705 section 3.4
    if order.dpop_bound:
        said["dpop_bound_access_tokens"] = True  # RFC 9449 section 5.2
    return said


def _grants(grants: tuple[str, ...]) -> frozenset[str]:
    found = frozenset(grants)
    if later := sorted(found & LATER):
        raise Mistake(f"{', '.join(later)}: not built into this version; there is {', '.join(sorted(GRANTS))}")
    if not found or not found <= GRANTS:
        raise Mistake(f"grants are {', '.join(sorted(GRANTS))}")
    return found


def _audiences(audiences: tuple[str, ...]) -> tuple[str, ...]:
    """Absolute URIs without a fragment (RFC 8707 section 2)."""
    if len(audiences) > _MOST_AUDIENCES:
        raise Mistake(f"at most {_MOST_AUDIENCES} audiences")
    for audience in audiences:
        parts = urlsplit(audience) if audience.isascii() and audience.isprintable() and len(audience) <= 512 else None
        if parts is None or not parts.scheme or "#" in audience or " " in audience:
            raise Mistake(f"an audience is an absolute URI without fragment, such as https://api.example: {audience[:80]!r}")
    return tuple(dict.fromkeys(audiences))
