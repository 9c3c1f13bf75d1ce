"""Which change was the last to be announced, as far as this worker can know: what a token's `seq` says (`core.revoked`).

It is read again whenever the store's version is another one. That is known 2 ms late at most (`assembly.VERSION_SECONDS`): a token
made in that moment counts as made before the revocation, and is refused.
"""

from collections.abc import Hashable

from doorward.core.remembered import Version
from doorward.core.store import Changes


class LastChange:
    def __init__(self, changes: Changes, version: Version) -> None:
        self._changes, self._version = changes, version
        self._known: Hashable | None = None
        self._seq = 0

    async def seq(self) -> int:
        """Raises Unavailable."""
        version = self._version()  # before the reading: what comes between makes another one
        if version is None or version != self._known:
            self._seq = await self._changes.latest()
            self._known = version
        return self._seq
