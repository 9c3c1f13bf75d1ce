"""Expired rows leave in small batches. A swept change never gives its `seq` to another."""

from typing import Final

from doorward.core.authority import KEPT_AFTER_END
from doorward.stores.sql import Rows, changes, credentials, grants

_EXPIRED: Final = (changes.SWEEP, grants.SWEEP_TICKETS, credentials.SWEEP_SESSIONS, credentials.SWEEP_TOKENS)


async def sweep(rows: Rows, now: float, most: int) -> int:
    """Up to `most` of each kind, inside a write; gives how many."""
    gone = 0
    for statement in _EXPIRED:
        gone += len(await rows(statement, now, most))
    gone += len(await rows(credentials.SWEEP_CERTIFICATES, now - KEPT_AFTER_END, most))
    return gone + len(await rows(grants.SWEEP, now - grants.KEPT_AFTER_END, most))
