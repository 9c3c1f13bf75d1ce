"""The list of revoked certificates (RFC 5280 section 5): signed when something was revoked, and hourly; never for a request.

Any process may sign the next one. It reads the number of the last, then what is revoked, and writes only if that number
still stands; else it reads anew. So the list with the highest number holds every revocation that an earlier one held.
"""

import asyncio
import hashlib
from collections.abc import Iterable
from typing import Final

from doorward.core.authority import ISSUED, MTLS, REVOCATION_LIST, Authority, RevocationList
from doorward.core.clock import Clock
from doorward.core.credential import Credential
from doorward.core.store import Store, Tx, Unavailable
from doorward.crypto.authority import SKEW, RevokedCertificate, open_authority
from doorward.crypto.seal import Sealer
from doorward.pki.authority import announcement, standing

EVERY: Final = 3600.0
LIFE: Final = 86400.0
"""From one list to `nextUpdate`: a verifier without a newer one refuses then."""
_TRIES: Final = 16
_PAGE: Final = 1000


class Publisher:
    def __init__(self, store: Store, sealer: Sealer, clock: Clock) -> None:
        self._store, self._sealer, self._clock = store, sealer, clock

    async def publish(self) -> tuple[Authority | None, RevocationList | None]:
        """The list that holds all that is revoked by now; signed anew only if it differs from the last, or that one is an
        hour old. None: there is no authority. Raises Unavailable, SealBroken."""
        for _ in range(_TRIES):
            authority, last = await standing(self._store)
            if authority is None:
                return None, None
            revoked = await self._revoked(authority, last)
            listed = _digest(authority, revoked)
            now = self._clock()
            if last is not None and last.listed == listed and now < last.this_update + SKEW + EVERY:
                return authority, last
            fresh = await asyncio.to_thread(self._sign, authority, revoked, listed, 1 if last is None else last.number + 1, now)
            if await self._keep(fresh, last, now):
                return authority, fresh
        raise Unavailable("the list of revoked certificates changes faster than it can be signed; it is tried again")

    async def _revoked(self, authority: Authority, last: RevocationList | None) -> list[RevokedCertificate]:
        found: list[RevokedCertificate] = []
        after = ""
        while page := await self._store.credentials.list(method=MTLS, after=after, most=_PAGE):
            after = page[-1].id
            found += _ended(page, authority, last.this_update if last is not None else self._clock())
        return found

    def _sign(self, authority: Authority, revoked: list[RevokedCertificate], listed: str, number: int, now: float) -> RevocationList:
        this_update = max(now - SKEW, authority.created_at - SKEW)
        next_update = now + LIFE
        der = open_authority(authority, self._sealer).revocation_list(
            revoked, number=number, this_update=this_update, next_update=next_update
        )
        return RevocationList(number=number, der=der, this_update=this_update, next_update=next_update, listed=listed)

    async def _keep(self, fresh: RevocationList, last: RevocationList | None, now: float) -> bool:
        async def work(tx: Tx) -> bool:
            there = await tx.get(REVOCATION_LIST)
            if (None if there is None else RevocationList.of(there).number) != (None if last is None else last.number):
                return False
            await tx.put(REVOCATION_LIST, fresh.text())
            await tx.announce(announcement(str(fresh.number), now))
            return True

        return await self._store.write(work)


def _ended(page: Iterable[Credential], authority: Authority, last_update: float) -> Iterable[RevokedCertificate]:
    """RFC 5280 section 3.3: an expired one leaves once it was on a list made after its end."""
    for each in page:
        ends = [end for end in (each.revoked_at, each.ended_at) if end is not None]
        if ends and each.kind == ISSUED and each.data.get("ca") == authority.serial and (each.expires_at or 0) > last_update:
            yield RevokedCertificate(each.id, min(ends), ceased=each.revoked_at is None)


def _digest(authority: Authority, revoked: Iterable[RevokedCertificate]) -> str:
    digest = hashlib.sha256(authority.serial.encode())
    for each in revoked:
        digest.update(f"{each.serial} {int(each.at)} {each.ceased}\n".encode())
    return digest.hexdigest()
