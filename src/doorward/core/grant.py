"""A consent (Grant) and a one-time thing under it (Ticket)."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Made when a person says yes: by a consent, or by signing in first-party (`kind` "login").

    Revoking it revokes all under it; minting holds its row.
    """

    id: str
    kind: str
    subject: str
    created_at: float
    client: str | None = None
    scopes: frozenset[str] = frozenset()
    authenticated_at: float | None = None
    expires_at: float | None = None
    revoked_at: float | None = None
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A one-time thing: a refresh token now, later a code or a device code.

    `lookup` is a digest of what the holder shows; `holder` the client (or binding) that may spend it;
    `successor` the lookup of the ticket that took its place when it was spent.
    """

    kind: str
    lookup: bytes
    holder: str
    grant_id: str
    created_at: float
    expires_at: float
    spent_at: float | None = None
    successor: bytes | None = None
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spent:
    """What `spend` found. `first_time` is true for exactly one caller, whatever the race."""

    ticket: Ticket
    first_time: bool
