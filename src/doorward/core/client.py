"""An application that asks for tokens (RFC 6749 section 2). It is an account of the kind `client`, so its id is a name as any
other: keys may belong to it, and it dies as an account does. What is registered of it stands in its data, as RFC 7591 spells it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from doorward.core.account import CLIENT, Account

METADATA: Final = "metadata"
SECRETS: Final = "secrets"
"""How many secrets were made so far: the number of the latest one."""
SECRET: Final = "client_secret"  # noqa: S105 - the method of a credential
"""Two may live at once, the latest and the one before. lookup = `secret_lookup`; verifier = HMAC-SHA-256(pepper, secret)."""
SECRET_METHODS: Final = frozenset({"client_secret_basic", "client_secret_post"})
TLS_SUBJECTS: Final = (
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
)
"""RFC 8705 section 2.1.2: exactly one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """`auth`: the ways it may prove itself (RFC 7591 `token_endpoint_auth_method`; both of a secret, if none was chosen).

    `scopes` are what it may ask for, and what it gets without asking. `token`: "jwt" or "opaque". `audiences`: whom its
    tokens are for; empty: the issuer. `tls_subject`: one of TLS_SUBJECTS and its value. `access_life` in seconds.
    `secrets`: the number of its latest secret, nought where it has none. `metadata`: all that was registered, as it was.
    """

    id: str
    name: str
    created_at: float
    ended_at: float | None = None
    auth: frozenset[str] = SECRET_METHODS
    grants: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    token: str = "jwt"  # noqa: S105 - a form, not a secret
    token_alg: str = "ES256"  # noqa: S105 - an algorithm
    audiences: tuple[str, ...] = ()
    access_life: float | None = None
    jwks: Mapping[str, Any] | None = None
    jwks_uri: str | None = None
    tls_subject: tuple[str, str] | None = None
    certificate_bound: bool = False
    dpop_bound: bool = False
    secrets: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)


def client_of(account: Account) -> Client | None:
    """None: the account is of another kind."""
    if account.kind != CLIENT or METADATA not in account.data:
        return None
    return _client(account.name, account.created_at, account.ended_at, account.data[METADATA], account.data.get(SECRETS, "0"))


def secret_lookup(client: str, number: int) -> str:
    """Under which the numbered secret of a client is stored; a client's id holds no `~`."""
    return f"{client}~{number}"


def metadata_text(metadata: Mapping[str, Any]) -> str:
    """For `Account.data[METADATA]`."""
    return json.dumps(metadata, separators=(",", ":"), sort_keys=True)


@lru_cache(maxsize=4096)
def _client(id: str, created_at: float, ended_at: float | None, text: str, secrets: str) -> Client:
    said: dict[str, Any] = json.loads(text)
    method = said.get("token_endpoint_auth_method")
    subject = next(((name, said[name]) for name in TLS_SUBJECTS if name in said), None)
    return Client(
        id=id,
        name=said.get("client_name", id),
        created_at=created_at,
        ended_at=ended_at,
        auth=SECRET_METHODS if method is None else frozenset((method,)),
        grants=frozenset(said.get("grant_types", ())),
        scopes=frozenset(said.get("scope", "").split()),
        token=said.get("access_token_format", "jwt"),
        token_alg=said.get("access_token_signed_response_alg", "ES256"),
        audiences=tuple(said.get("audiences", ())),
        access_life=said.get("access_token_life"),
        jwks=said.get("jwks"),
        jwks_uri=said.get("jwks_uri"),
        tls_subject=subject,
        certificate_bound=bool(said.get("tls_client_certificate_bound_access_tokens", False)),
        dpop_bound=bool(said.get("dpop_bound_access_tokens", False)),
        secrets=int(secrets),
        metadata=said,
    )
