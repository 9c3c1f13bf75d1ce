"""Who does something to this installation, and which scopes they may give to others."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from doorward.admin.mistake import NotAllowed

ADMIN: Final = "admin:"
ADMIN_KEYS: Final = "admin:keys"


@dataclass(frozen=True, slots=True)
class Actor:
    """`local`: someone at the data directory itself, who may do everything; no request ever makes such an actor."""

    name: str
    scopes: frozenset[str] = frozenset()
    local: bool = False


LOCAL: Final = Actor("local operator", local=True)


def check_may_give(actor: Actor, scopes: AbstractSet[str]) -> None:
    """`admin:keys` gives any scope; everyone else only what they have, and never an `admin:` one. Raises NotAllowed."""
    if actor.local or ADMIN_KEYS in actor.scopes:
        return
    if beyond := sorted(scope for scope in scopes if scope.startswith(ADMIN)):
        raise NotAllowed(f"{actor.name} may not give {' '.join(beyond)}: that takes the scope {ADMIN_KEYS}")
    if beyond := sorted(scopes - actor.scopes):
        raise NotAllowed(f"{actor.name} may not give {' '.join(beyond)} without having it")
