"""Who owns things: a person, a service, or (later) an application. Names are one space and are never reused."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PERSON = "person"
SERVICE = "service"
CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """`ended_at`: removed or disabled for good; its credentials die with it. `epoch` and `epoch_seq`: tokens and
    sessions made before that moment are revoked, while new ones work (DECISIONS 20)."""

    name: str
    kind: str
    created_at: float
    email: str | None = None
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    ended_at: float | None = None
    epoch: float | None = None
    data: Mapping[str, str] = field(default_factory=dict)
