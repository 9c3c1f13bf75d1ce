"""What this authorization server offers (RFC 8414 section 2): no more than is built, nothing that is not.

Where    /.well-known/oauth-authorization-server; for an issuer with a path, before it (RFC 8414 section 3.1) and, as OpenID
         Connect Discovery has it, after it. A slash at the end of the issuer changes nothing.
"""

from typing import Final
from urllib.parse import urlsplit

from doorward.core.client import SECRET_METHODS
from doorward.crypto.algorithms import ASYMMETRIC
from doorward.crypto.dpop_proof import ALGS as DPOP_ALGS
from doorward.oauth.client_assertion import PRIVATE_KEY_JWT
from doorward.oauth.client_certificate import SELF_SIGNED, TLS
from doorward.oauth.grants import GRANTS
from doorward.oauth.parts import OAuthParts

WELL_KNOWN: Final = "/.well-known/oauth-authorization-server"
ENDPOINTS: Final = {
    "token_endpoint": "/oauth/token",
    "introspection_endpoint": "/oauth/introspect",
    "revocation_endpoint": "/oauth/revoke",
}
JWKS: Final = "/oauth/jwks"
AUTH_METHODS: Final = (*sorted(SECRET_METHODS), PRIVATE_KEY_JWT, TLS, SELF_SIGNED)


def metadata(parts: OAuthParts) -> dict[str, object]:
    base, mtls = parts.base, parts.options.mtls_url.rstrip("/")
    told: dict[str, object] = {
        "issuer": parts.issuer,
        **{name: base + path for name, path in ENDPOINTS.items()},
        "jwks_uri": base + JWKS,
        "response_types_supported": [],  # required by RFC 8414 section 2; there is no authorization endpoint
        "grant_types_supported": list(GRANTS),
    }
    for endpoint in ENDPOINTS:
        told[f"{endpoint}_auth_methods_supported"] = list(AUTH_METHODS)
        told[f"{endpoint}_auth_signing_alg_values_supported"] = sorted(ASYMMETRIC)
    told["dpop_signing_alg_values_supported"] = list(DPOP_ALGS)  # RFC 9449 section 5.1
    told["tls_client_certificate_bound_access_tokens"] = True  # RFC 8705 section 3.3
    if mtls:
        told["mtls_endpoint_aliases"] = {name: mtls + path for name, path in ENDPOINTS.items()}  # RFC 8705 section 5
    return told


def well_known_paths(issuer: str, name: str = WELL_KNOWN) -> tuple[str, ...]:
    """Where a client that knows the issuer alone may look for its metadata."""
    path = urlsplit(issuer).path.rstrip("/")
    both = (name + path, path + name) if path else (name,)
    return tuple(spelled for each in both for spelled in (each, each + "/"))


def mounts(issuer: str, path: str) -> tuple[str, ...]:
    """Where an endpoint is reached: at its own path, and below the issuer's, whether or not a proxy before us strips that."""
    below = urlsplit(issuer).path.rstrip("/")
    return (path, below + path) if below else (path,)
