"""The certificate authority of this installation, and its latest list of revoked certificates: named facts of the store."""

import base64
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Self

AUTHORITY: Final = "ca"
REVOCATION_LIST: Final = "ca.crl"
MTLS: Final = "mtls"
"""The method of a known certificate's credential: lookup = "x5t#S256:…" (RFC 8705 section 3.1), verifier = the certificate in DER."""
ISSUED: Final = "issued"
REGISTERED: Final = "registered"
"""Kinds of such a credential: our own authority signed it, or an operator made a foreign one known."""
KEPT_AFTER_END: Final = 30 * 86400.0
"""Seconds that an expired one can still be shown, and stands on the list of revoked ones, before it is swept."""


@dataclass(frozen=True, slots=True)
class _Fact:
    def text(self) -> str:
        return json.dumps({name: _plain(value) for name, value in asdict(self).items()}, separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> Self:
        said: dict[str, Any] = json.loads(text)
        kinds = {each.name: each.type for each in fields(cls)}
        return cls(**{name: _of(value, kinds[name]) for name, value in said.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority(_Fact):
    """`certificate` in DER. The key is sealed (AAD: `ca_key`, the serial). `domains`: it may name nothing outside of them; empty: no
    limit."""

    serial: str
    certificate: bytes
    sealed: bytes = field(repr=False)
    sealed_by: str
    created_at: float
    expires_at: float
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationList(_Fact):
    """`listed`: a digest of what it lists, so that the same is not signed again before it is time. `number` only grows
    (RFC 5280 section 5.2.3)."""

    number: int
    der: bytes = field(repr=False)
    this_update: float
    next_update: float
    listed: str


def _plain(value: object) -> object:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _of(value: Any, kind: object) -> Any:
    if kind is bytes:
        return base64.b64decode(value)
    return tuple(value) if isinstance(value, list) else value
