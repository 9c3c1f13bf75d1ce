"""The certificates that are known by their thumbprint alone, as a file for whoever ends TLS (RFC 8705 section 2.2).

A handshake takes such a one only if it is trusted by itself. That opens nothing: what it may do is asked of the store, request
by request, so one that was revoked may stay in the file for a moment.
"""

from collections.abc import Hashable
from pathlib import Path
from typing import Final

from doorward.core.authority import MTLS, REGISTERED
from doorward.core.clock import Clock
from doorward.core.store import Store
from doorward.crypto.certificate_reading import to_pem
from doorward.durable import replace_whole

_PAGE: Final = 1000


class RegisteredFile:
    """`write` is cheap while nothing changes in the store."""

    def __init__(self, store: Store, path: Path, clock: Clock) -> None:
        self._store, self._path, self._clock = store, path, clock
        self._seen: Hashable = None

    async def write(self) -> None:
        """Raises Unavailable, OSError."""
        version = self._store.credentials.version()
        if version == self._seen:
            return
        text = "".join(await self._all())
        known = self._path.read_text("ascii", errors="replace") if self._path.exists() else ""
        if text != known:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            replace_whole(self._path, text)
        self._seen = version

    async def _all(self) -> list[str]:
        now, after, found = self._clock(), "", []
        while page := await self._store.credentials.list(method=MTLS, after=after, most=_PAGE):
            after = page[-1].id
            for each in page:
                lives = each.revoked_at is None and each.ended_at is None and (each.expires_at is None or now < each.expires_at)
                if lives and each.kind == REGISTERED and each.verifier:
                    found.append(to_pem(each.verifier))
        return found
