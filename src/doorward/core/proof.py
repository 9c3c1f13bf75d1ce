"""What one method has shown (Proof), and who calls after all (Principal)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

from doorward.core.limit import Rate

Claims = Mapping[str, object]
NO_CLAIMS: Final[Claims] = MappingProxyType({})
NO_KEYS: Final[frozenset[str]] = frozenset()
KEY_IN_QUERY: Final = "key_in_query"
"""A claim: the key stood in the query, where any link bears one. The door warns in its answer and keeps the query out of its log."""


@dataclass(frozen=True, slots=True)
class OneUse:
    """A mark that the gate spends last: the same `key` is refused until `until` (seconds since the epoch)."""

    key: bytes
    until: float
    signed_at: float


class Proof(NamedTuple):
    """Made by a method's `prove` only, by keyword. A tuple since one is made for each request.

    `scopes` None: the credential carries no scopes and limits none. `client` is the application, `subject` the
    person, service or key owner. `authenticated_at` is when the person or machine last proved itself: now for all
    but sessions and tokens. `env` None: it belongs to no environment. `csrf` is set on ambient credentials: what an
    unsafe request must repeat ("": nothing could be, so the browser's own word counts).
    `keys`: whose possession it has shown, as "jkt:" (RFC 7638) or "x5t#S256:" (RFC 8705) and a thumbprint; `bound_to`:
    it counts only beside a proof of all of these keys (the `cnf` claim, RFC 7800). `ath` is the base64url SHA-256 of a token that is
    bound so, and what a DPoP proof says of it (RFC 9449 section 4.2). `issuer` None: we issued it ourselves.
    `tells`: header fields that go with the answer.
    """

    method: str
    subject: str
    credential_id: str
    client: str | None = None
    owner_kind: str = ""
    scopes: frozenset[str] | None = None
    roles: frozenset[str] = frozenset()
    env: str | None = None
    claims: Claims = NO_CLAIMS
    rate: Rate | None = None
    authenticated_at: float | None = None
    expires_at: float | None = None
    csrf: str | None = None
    once: OneUse | None = None
    keys: frozenset[str] = NO_KEYS
    bound_to: frozenset[str] = NO_KEYS
    ath: str | None = None
    issuer: str | None = None
    tells: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls. Only the gate makes it; application code sees nothing else.

    `scopes` are those that every proof carrying scopes allows.
    """

    subject: str
    client: str | None = None
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    organisation: str | None = None
    claims: Claims = field(default_factory=dict)
    proofs: tuple[Proof, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(proof.method for proof in self.proofs)
