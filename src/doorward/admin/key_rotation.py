"""A second key beside the first, which then ends by itself; and who still uses the old one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from doorward.admin.actor import Actor, check_may_give
from doorward.admin.keys import API_KEY, HTTP_SIGNATURE, KeyMaker, NewKey, about, announcement, end, metadata, show
from doorward.admin.mistake import Mistake, NotThere
from doorward.core import key_text
from doorward.core.credential import Credential
from doorward.core.event import Event, Kind
from doorward.core.store import Store, Tx

OVERLAP: Final = 86400.0
LONGEST_OVERLAP: Final = 90 * 86400.0
_DAY_IN_MINUTES: Final = 1440


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone who uses a key: from where, how often in the last day, when last."""

    address: str
    count: int
    last_at: float


@dataclass(frozen=True, slots=True)
class Rotation:
    """The old key works until `ends_at`; `callers` still use it, latest first."""

    new: NewKey
    old: Credential
    ends_at: float
    callers: Sequence[Caller]


async def rotate(
    id: str, *, store: Store, maker: KeyMaker, actor: Actor, now: float, overlap: float = OVERLAP, public: bytes | None = None
) -> Rotation:
    """The new key has the old one's owner, scopes, limits and length of life. `public`: its public half, where the caller brings it.
    Overlap in seconds; 0 ends the old one at once.

    Raises NotThere, Mistake, NotAllowed.
    """
    if not 0 <= overlap <= LONGEST_OVERLAP:
        raise Mistake(f"the overlap is 0 to {LONGEST_OVERLAP / 86400:g} days")
    old = await show(id, store=store)
    if old.revoked_at is not None or old.ended_at is not None or (old.expires_at is not None and old.expires_at <= now):
        raise NotThere(f"the key {old.id} has ended; create a new one")
    check_may_give(actor, old.scopes or frozenset())
    if public is not None and old.method != HTTP_SIGNATURE:
        raise Mistake("a public key is of message signatures")
    new = maker.fill(_blank(old, now, maker), _prefix(old), public)
    ends_at = min(now + overlap, old.expires_at or now + overlap)

    async def work(tx: Tx) -> None:
        ended = await (tx.limit_credential(old.id, ends_at) if overlap else tx.end_credential(old.id, now))
        if not ended:
            raise NotThere(f"the key {old.id} was revoked meanwhile")
        await tx.add_credential(new.credential)
        data = about(new.credential) | {"replaced_by": new.id, "ends_at": str(int(ends_at))}
        await tx.record(Event(kind=Kind.KEY_ROTATED, subject=old.id, actor=actor.name, at=now, data=data))
        await tx.announce(announcement(old.id, now))

    await store.write(work)
    return Rotation(new, old, ends_at, await callers(old.id, store=store, now=now))


def _blank(old: Credential, now: float, maker: KeyMaker) -> Credential:
    lifetime = old.expires_at - (old.not_before or old.created_at) if old.expires_at is not None else maker.options.max_age or None
    if lifetime is not None and maker.options.max_age:
        lifetime = min(lifetime, maker.options.max_age)
    return replace(
        old,
        created_at=now,
        not_before=None,
        expires_at=end(now, lifetime, maker.options),
        seen_at=None,
        replaces=old.id,
        data=metadata(old),
    )


def _prefix(old: Credential) -> str:
    """An imported key of foreign shape gets one of ours."""
    head = old.start.partition("_")[0]
    return head if old.method == API_KEY and old.lookup == old.id and key_text.is_prefix(head) else "sk"


async def callers(id: str, *, store: Store, now: float) -> Sequence[Caller]:
    """Who used this key in the last day. Raises nothing where there is no such key: nobody did."""
    found: dict[str, Caller] = {}
    for use in await store.uses.read(id, since=int(now // 60) - _DAY_IN_MINUTES):
        known = found.get(use.address, Caller(use.address, 0, 0.0))
        found[use.address] = Caller(use.address, known.count + use.count, max(known.last_at, use.last_at))
    return sorted(found.values(), key=lambda caller: caller.last_at, reverse=True)
