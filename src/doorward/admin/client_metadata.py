"""What an operator wants of a client, checked, as RFC 7591 section 2 spells it. What that does not name is this server's own:
`access_token_format`, `access_token_life`, `audiences`. A mistake names the fields; each door tells them in its own words."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from doorward.admin import words
from doorward.admin.mistake import Mistake
from doorward.core.client import SECRET_METHODS, TLS_SUBJECTS
from doorward.crypto.certificate_subject import canonical
from doorward.crypto.client_keys import certificate_jwk, read_keys
from doorward.outbound.reach import Network, check_all
from doorward.outbound.refusal import Failure, FetchError
from doorward.outbound.target import read_target

CLIENT_CREDENTIALS: Final = "client_credentials"
GRANTS: Final = frozenset({CLIENT_CREDENTIALS})
_URN: Final = "urn:ietf:params:oauth:grant-type:"
LATER: Final = frozenset(
    {"authorization_code", "refresh_token", f"{_URN}device_code", f"{_URN}token-exchange", f"{_URN}jwt-bearer"},
)
NEVER: Final = frozenset({"password", "implicit"})
"""What OAuth 2.1 leaves out (RFC 9700 sections 2.4 and 2.1.2)."""
PRIVATE_KEY_JWT: Final = "private_key_jwt"
TLS: Final = "tls_client_auth"
SELF_SIGNED: Final = "self_signed_tls_client_auth"
AUTH_METHODS: Final = (*sorted(SECRET_METHODS), PRIVATE_KEY_JWT, TLS, SELF_SIGNED)
TOKENS: Final = ("jwt", "opaque")
LONGEST_LIFE: Final = 86400.0
LARGEST_KEYS: Final = 64 * 1024
_MOST_AUDIENCES: Final = 16
_OFFERED: Final = f"grants are {', '.join(sorted(GRANTS))}; not built into this version: {', '.join(sorted(LATER))}"
_AUDIENCE: Final = re.compile(r"(?=.{1,512}$)[A-Za-z][A-Za-z0-9+.-]*:[\x21\x24-\x3b\x3d\x3f-\x5a\x5f\x61-\x7a\x7e]+")


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
    if order.token not in TOKENS:
        raise Mistake(f"access tokens are one of {', '.join(TOKENS)}")
    said: dict[str, Any] = {
        "client_name": words.label(order.name),
        "grant_types": sorted(_grants(order.grants)),
        "scope": " ".join(sorted(words.scopes(order.scopes))),
        "access_token_format": order.token,
        "audiences": list(_audiences(order.audiences)),
        **_proof(order),
    }
    if order.access_life is not None:
        if not 1 <= order.access_life <= LONGEST_LIFE:
            raise Mistake("an access token lives 1s to 1d")
        said["access_token_life"] = order.access_life
    if order.certificate_bound:
        said["tls_client_certificate_bound_access_tokens"] = True  # RFC 8705 section 3.4
    if order.dpop_bound:
        said["dpop_bound_access_tokens"] = True  # RFC 9449 section 5.2
    return said


def order_of(metadata: Mapping[str, Any]) -> ClientOrder:
    """What was ordered of a client that is there: `metadata_of` the other way round."""
    return ClientOrder(
        name=metadata["client_name"],
        grants=tuple(metadata["grant_types"]),
        scopes=frozenset(metadata["scope"].split()),
        auth=metadata.get("token_endpoint_auth_method"),
        token=metadata["access_token_format"],
        audiences=tuple(metadata["audiences"]),
        access_life=metadata.get("access_token_life"),
        jwks=metadata.get("jwks"),
        jwks_uri=metadata.get("jwks_uri"),
        tls_subject=next(((name, metadata[name]) for name in TLS_SUBJECTS if name in metadata), None),
        certificate_bound=metadata.get("tls_client_certificate_bound_access_tokens", False),
        dpop_bound=metadata.get("dpop_bound_access_tokens", False),
    )


def keys_of_certificates(certificates: Iterable[bytes]) -> dict[str, Any]:
    """Certificates (PEM or DER) as a JWK Set to register (RFC 8705 section 2.2.2). Raises Mistake."""
    try:
        return {"keys": [certificate_jwk(each) for each in certificates]}
    except ValueError as reason:
        raise Mistake(f"a certificate, PEM or DER, is needed: {reason}") from None


def _proof(order: ClientOrder) -> dict[str, Any]:
    """How the client proves itself, and by what."""
    auth, given = order.auth, [name for name in ("jwks", "jwks_uri", "tls_subject") if getattr(order, name) is not None]
    if auth is not None and auth not in AUTH_METHODS:
        raise Mistake(f"a client authenticates by one of {', '.join(AUTH_METHODS)}")
    if auth is None or auth in SECRET_METHODS:
        if given:
            raise Mistake(f"a client with a secret has no keys: for them it authenticates by {', '.join(AUTH_METHODS[2:])}")
        return {} if auth is None else {"token_endpoint_auth_method": auth}
    if auth == TLS:
        if given != ["tls_subject"] or order.tls_subject is None:
            raise Mistake(f"{TLS} takes one name of the certificate, and no keys: {', '.join(TLS_SUBJECTS)}")
        return {"token_endpoint_auth_method": auth, **_tls_subject(*order.tls_subject)}
    if given == ["jwks_uri"]:
        return {"token_endpoint_auth_method": auth, "jwks_uri": _address(str(order.jwks_uri))}
    if given != ["jwks"] or order.jwks is None:
        wanted = "a certificate: jwks with x5c" if auth == SELF_SIGNED else "keys: jwks"
        raise Mistake(f"{auth} takes {wanted}, or jwks_uri (RFC 7591 section 2: not both)")
    return {"token_endpoint_auth_method": auth, "jwks": _keys(order.jwks, auth)}


def _tls_subject(kind: str, value: str) -> dict[str, str]:
    if kind not in TLS_SUBJECTS:
        raise Mistake(f"the name of a certificate is one of {', '.join(TLS_SUBJECTS)}")
    try:
        canonical(kind, value)
    except ValueError as reason:
        raise Mistake(str(reason)) from None
    return {kind: value}


def _keys(jwks: Mapping[str, Any], auth: str) -> Mapping[str, Any]:
    try:
        if len(json.dumps(jwks)) > LARGEST_KEYS:
            raise ValueError("a key set has at most 64 KiB")
        found = read_keys(jwks, strict=True)
    except (ValueError, RecursionError) as reason:
        raise Mistake(f"jwks: {reason}") from None
    if not (found.certificates if auth == SELF_SIGNED else found.keys):
        raise Mistake("jwks: the key set holds no certificate (x5c)" if auth == SELF_SIGNED else "jwks: the key set holds no key")
    return jwks


def _address(uri: str) -> str:
    try:
        target = read_target(uri)
    except FetchError as reason:
        raise Mistake(f"jwks_uri: {reason}") from None
    if not target.secure and target.address is None:
        raise Mistake("jwks_uri: an https URL, such as https://app.example/keys.json")
    return uri


def check_reach(uri: str, allow: Sequence[Network]) -> None:
    """An address that the fetcher would never ask (`[fetch] allow`) is refused when it is registered. Raises Mistake with the mend."""
    try:
        target = read_target(uri)
        if target.address is not None:
            check_all([str(target.address)], allow, target.secure)
    except FetchError as reason:
        if reason.why not in (Failure.NOT_PUBLIC, Failure.NOT_HTTPS):
            raise Mistake(f"jwks_uri: {reason}") from None
        said = "is not public" if reason.why is Failure.NOT_PUBLIC else "would be asked by plain http"
        raise Mistake(f"jwks_uri: {target.host} {said}, and [fetch] allow does not list it; write https and a public name") from None


def _grants(grants: tuple[str, ...]) -> frozenset[str]:
    found = frozenset(grants)
    if later := sorted(found & LATER):
        raise Mistake(f"{', '.join(later)}: not built into this version; there is {', '.join(sorted(GRANTS))}")
    if never := sorted(found & NEVER):
        raise Mistake(f"{', '.join(never)}: not offered, as OAuth 2.1 leaves it out; {_OFFERED}")
    if not found or not found <= GRANTS:
        raise Mistake(_OFFERED)
    return found


def _audiences(audiences: tuple[str, ...]) -> tuple[str, ...]:
    """Absolute URIs without a fragment (RFC 8707 section 2)."""
    if len(audiences) > _MOST_AUDIENCES:
        raise Mistake(f"at most {_MOST_AUDIENCES} audiences")
    for audience in audiences:
        if not _AUDIENCE.fullmatch(audience):
            raise Mistake(f"an audience is an absolute URI without fragment, such as https://api.example: {audience[:80]!r}")
    return tuple(dict.fromkeys(audiences))
