"""Sessions as an operator sees them: list, end one, end all of a person."""

from collections.abc import Sequence
from dataclasses import replace

from doorward.admin.actor import Actor
from doorward.admin.mistake import NotThere
from doorward.admin.taking_back import taking_back
from doorward.core.credential import Credential
from doorward.core.store import Store
from doorward.methods.session import SESSION


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
    """At once, for every worker; again is harmless. Raises NotThere."""
    session = await store.credentials.get(id)
    if session is None or session.method != SESSION:
        raise NotThere(f"there is no session with the id {id[:64]}")
    await taking_back(store).credential(session.id, actor=actor.name, now=now, why=why)
    return replace(session, revoked_at=now if session.revoked_at is None else session.revoked_at)


async def revoke_all(owner: str, *, store: Store, actor: Actor, now: float, why: str = "") -> None:
    """Every session and token of this subject made until now; a new sign-in works. One announcement, no mass update."""
    await taking_back(store).subject(owner, actor=actor.name, now=now, why=why)
