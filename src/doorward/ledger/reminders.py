"""Keys and certificates that end soon: one journal event for each, so that its owner makes another in time.

A certificate is told in the last third of its life, when it is due to be replaced, if that is less than a fortnight.
"""

from collections.abc import Sequence
from typing import Final

from doorward.core.authority import MTLS
from doorward.core.credential import Credential
from doorward.core.event import Event, Kind
from doorward.core.store import Store, Tx
from doorward.methods.api_key import ApiKey
from doorward.methods.hmac import Hmac

SOON: Final = 14 * 86400.0
_PAGE: Final = 200
_METHODS: Final = (ApiKey.name, Hmac.name, MTLS)


async def remind(store: Store, now: float) -> int:
    """Records each live one that ends within `SOON` and was not recorded before. Gives how many; safe to run again."""
    count = 0
    for method in _METHODS:
        after = ""
        while page := await store.credentials.list(method=method, after=after, most=_PAGE):
            after = page[-1].id
            ending = [key for key in page if _ends_soon(key, now)]
            if ending:
                count += await _record(store, ending, now)
    return count


def _ends_soon(key: Credential, now: float) -> bool:
    if key.expires_at is None or key.revoked_at is not None or key.ended_at is not None:
        return False
    soon = min(SOON, (key.expires_at - (key.not_before or key.created_at)) / 3) if key.method == MTLS else SOON
    return now < key.expires_at <= now + soon


async def _record(store: Store, keys: Sequence[Credential], now: float) -> int:
    async def write(tx: Tx) -> int:
        count = 0
        for key in keys:
            fact = f"key.ending {key.id}"
            if await tx.get(fact) is not None:
                continue
            await tx.put(fact, str(int(now)))
            data = {"owner": key.owner, "name": key.name, "method": key.method, "ends_at": str(int(key.expires_at or 0))}
            kind = Kind.CERTIFICATE_ENDING if key.method == MTLS else Kind.KEY_ENDING
            await tx.record(Event(kind=kind, subject=key.id, at=now, data=data))
            count += 1
        return count

    return await store.write(write)
