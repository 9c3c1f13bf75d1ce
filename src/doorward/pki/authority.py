"""The authority in the store: made once, read by every process."""

from doorward.core.authority import AUTHORITY, REVOCATION_LIST, Authority, RevocationList
from doorward.core.event import Change, Event, Kind, Topic
from doorward.core.store import Store, Tx

_DAY = 86400.0


async def standing(store: Store) -> tuple[Authority | None, RevocationList | None]:
    """The authority and its latest list. Raises Unavailable."""

    async def read(tx: Tx) -> tuple[str | None, str | None]:
        return await tx.get(AUTHORITY), await tx.get(REVOCATION_LIST)

    authority, revoked = await store.write(read)
    return (
        None if authority is None else Authority.of(authority),
        None if revoked is None else RevocationList.of(revoked),
    )


async def keep_first(store: Store, fresh: Authority, *, actor: str, now: float) -> tuple[Authority, bool]:
    """The authority that stands, and whether it is this one: whoever else makes one at the same time, there is one."""

    async def work(tx: Tx) -> tuple[Authority, bool]:
        there = await tx.get(AUTHORITY)
        if there is not None:
            return Authority.of(there), False
        await tx.put(AUTHORITY, fresh.text())
        await tx.record(Event(kind=Kind.AUTHORITY_CREATED, subject=fresh.serial, actor=actor, at=now))
        await tx.announce(announcement(fresh.serial, now))
        return fresh, True

    return await store.write(work)


def announcement(id: str, now: float) -> Change:
    """Every worker then reads the authority and its list anew."""
    return Change(topic=Topic.AUTHORITY, id=id, at=now, until=now + _DAY)
