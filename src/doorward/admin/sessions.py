"""Sessions as an operator sees them: list, end one, end all of a person."""

from collections.abc import Sequence
from typing import Final

from doorward.admin.actor import Actor
from doorward.admin.mistake import NotThere
from doorward.core.credential import Credential
from doorward.core.event import Change, Event, Kind, Topic
from doorward.core.store import Store, Tx
from doorward.methods.session import SESSION

_LONGEST_TOKEN: Final = 30 * 86400.0


async def every(*, store: Store, now: float, owner: str | None = None) -> Sequence[Credential]:
    """Those that live, by id, read in pages. A session's `data` tells device and place."""
    found: list[Credential] = []
    after = ""
    while page := await store.credentials.list(method=SESSION, owner=owner, after=after, most=1000):
        found += [session for session in page if _lives(session, now)]
        after = page[-1].id
    return found


def _lives(session: Credential, now: float) -> bool:
    if session.revoked_at is not None or session.ended_at is not None or (session.expires_at or now + 1) <= now:
        return False
    return session.owner_epoch is None or session.created_at > session.owner_epoch


async def revoke(id: str, *, store: Store, actor: Actor, now: float, why: str = "") -> Credential:
    """At once, for every worker. Raises NotThere, also where it has ended before."""
    session = await store.credentials.get(id)
    if session is None or session.method != SESSION:
        raise NotThere(f"there is no session with the id {id[:64]}")

    async def work(tx: Tx) -> None:
        if not await tx.end_credential(session.id, now):
            raise NotThere(f"the session {session.id} has ended before")
        await tx.record(Event(kind=Kind.SESSION_REVOKED, subject=session.owner, actor=actor.name, at=now, why=why, data={"id": session.id}))
        await tx.announce(Change(topic=Topic.SESSION, id=session.id, at=now, until=now + _LONGEST_TOKEN))

    await store.write(work)
    return session


async def revoke_all(owner: str, *, store: Store, actor: Actor, now: float, why: str = "") -> None:
    """Every session and token of this subject made until now; a new sign-in works. One announcement, no mass update."""

    async def work(tx: Tx) -> None:
        await tx.set_epoch(owner, now)
        await tx.record(Event(kind=Kind.SUBJECT_REVOKED, subject=owner, actor=actor.name, at=now, why=why))
        await tx.announce(Change(topic=Topic.SUBJECT, id=owner, at=now, until=now + _LONGEST_TOKEN))

    await store.write(work)
