"""Which change was the last to be announced, as far as this worker can know: what a token's `seq` says (`core.revoked`).

It is asked for before whoever gets the token is proven: what ends him in between then ends the token too. It is read again whenever
the store's version is another one. That is known 2 ms late at most (`assembly.VERSION_SECONDS`): a token made in that moment counts
as made before the revocation, and is refused.
"""

from collections.abc import Callable, Hashable

from doorward.core.remembered import Version
from doorward.core.store import Changes


class LastChange:
    """`look_again`: the version is not taken as read any more. What is remembered under one that is older than the number which was
    just read must not prove anybody: he may have ended since."""

    def __init__(self, changes: Changes, version: Version, look_again: Callable[[], None]) -> None:
        self._changes, self._version, self._look_again = changes, version, look_again
        self._known: Hashable | None = None
        self._seq = 0

    async def seq(self) -> int:
        """Raises Unavailable."""
        version = self._version()  # before the reading: what comes between makes another one
        if version is None or version != self._known:
            seq = await self._changes.latest()
            self._look_again()
            self._seq, self._known = seq, version
            return seq
        return self._seq
