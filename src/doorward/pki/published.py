"""What this worker shows of the authority: read from the store when something changed, and served from memory."""

import logging
from typing import Final

from doorward.core.authority import MTLS, Authority, RevocationList
from doorward.core.clock import Clock
from doorward.core.event import Change, Topic
from doorward.core.store import Store
from doorward.crypto.authority import SKEW
from doorward.crypto.seal import SealBroken, Sealer
from doorward.pki.authority import standing
from doorward.pki.crl import EVERY, Publisher

_log: Final = logging.getLogger("doorward.pki")
_MOST: Final = 1000
_PAUSE: Final = 60.0


class Published:
    """`authority` None: there is none. `revoked` is the latest list that this worker has read."""

    def __init__(self, store: Store, sealer: Sealer, clock: Clock) -> None:
        self.authority: Authority | None = None
        self.revoked: RevocationList | None = None
        self._store, self._publisher = store, Publisher(store, sealer, clock)
        self._clock = clock
        self._tried_at = float("-inf")
        self._stale = True
        self._suspects: set[tuple[Topic, str]] = set()

    def on_change(self, change: Change) -> None:
        """Told by the watch. What ends may be a certificate, or the owner of some."""
        if change.topic is Topic.AUTHORITY:
            self._stale = True
        elif change.topic in (Topic.CREDENTIAL, Topic.SUBJECT) and len(self._suspects) < _MOST:
            self._suspects.add((change.topic, change.id))

    async def load(self) -> None:
        """Raises Unavailable."""
        self._stale = False
        self.authority, self.revoked = await standing(self._store)

    async def follow(self) -> None:
        """Called several times a second: costs nothing unless something changed. Raises Unavailable."""
        suspects = self._suspects
        if self._stale:
            await self.load()
        if not suspects:
            if self._is_overdue():
                await self.publish()
            return
        self._suspects = set()
        try:
            if self.authority is not None and (len(suspects) >= _MOST or await self._any_certificate(suspects)):
                await self.publish()
        except BaseException:
            self._suspects |= suspects
            raise

    async def publish(self) -> None:
        """Also when nothing changed, hourly. Raises Unavailable."""
        self._tried_at = self._clock()
        try:
            self.authority, self.revoked = await self._publisher.publish()
        except SealBroken as reason:  # another worker may hold the sealing key; the list that stands is served until it ends
            _log.error("the list of revoked certificates cannot be signed here: %s", reason)

    def _is_overdue(self) -> bool:
        """Whoever has the lease does not sign, or there was no worker for a while: tried once a minute by every one."""
        if self.authority is None or self._clock() < self._tried_at + _PAUSE:
            return False
        return self.revoked is None or self._clock() >= self.revoked.this_update + SKEW + 2 * EVERY

    async def _any_certificate(self, suspects: set[tuple[Topic, str]]) -> bool:
        credentials = self._store.credentials
        for topic, id in suspects:
            if topic is Topic.SUBJECT:
                if await credentials.list(method=MTLS, owner=id, most=1):
                    return True
            elif (found := await credentials.get(id)) is not None and found.method == MTLS:
                return True
        return False
