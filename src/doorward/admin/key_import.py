"""Existing API keys by their stored hashes, of any shape, so that a home-grown table moves over unnoticed.

The file is read twice: once to find every line that is wrong, which stops the whole before anything was written, and
once to write. Running the same import again adds nothing, so one that was cut short is simply run again.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from doorward.admin.actor import Actor, check_may_give
from doorward.admin.key_csv import MOST_ALIKE, MOST_MISTAKES, BadLines, ImportOrder, read_keys, too_many_alike
from doorward.admin.keys import API_KEY, KeyOptions
from doorward.admin.mistake import Taken
from doorward.core.clock import Entropy
from doorward.core.credential import Credential
from doorward.core.event import Event, Kind
from doorward.core.store import Exists, Store, Tx
from doorward.crypto.imported_key import is_found_by_start

_GROUP: Final = 200


@dataclass(frozen=True, slots=True)
class Imported:
    """How many were added, and how many were there already."""

    added: int
    known: int


async def import_keys(
    lines: Callable[[], Iterable[str]],
    order: ImportOrder,
    *,
    store: Store,
    actor: Actor,
    options: KeyOptions,
    entropy: Entropy,
    now: float,
    progress: Callable[[int], None] = lambda _: None,
) -> Imported:
    """`lines` gives the file from its beginning each time. `progress` hears how many lines are done, of twice as many.

    Raises BadLines, Mistake, NotAllowed, Taken: then nothing was written, but for a race with another import.
    """
    total = 0
    fresh: Counter[str] = Counter()
    crowded: list[tuple[int, str]] = []
    for line, key in read_keys(lines(), order, options=options, entropy=entropy, now=now):
        check_may_give(actor, key.scopes or frozenset())
        if not await _is_known(key, store) and key.start:
            fresh[key.start] += 1
            if await _is_crowded(key, fresh[key.start], store):
                crowded.append((line, too_many_alike(key.start)))
        if len(crowded) >= MOST_MISTAKES:
            break
        total += 1
        progress(total)
    if crowded:
        raise BadLines(crowded)
    waiting: list[Credential] = []
    added = 0
    for done, (_, key) in enumerate(read_keys(lines(), order, options=options, entropy=entropy, now=now), start=1):
        if not await _is_known(key, store):
            waiting.append(key)
        if waiting and (len(waiting) == _GROUP or done == total):
            await store.write(_adding(tuple(waiting), actor, now))
            added += len(waiting)
            waiting.clear()
        progress(total + done)
    return Imported(added, total - added)


async def _is_known(key: Credential, store: Store) -> bool:
    """Raises Taken where its id or its hash belongs to another key."""
    by_id, by_hash = await store.credentials.get(key.id), await store.credentials.find(API_KEY, key.lookup)
    if by_hash is not None and (by_id is None or by_id.id == by_hash.id):
        return True
    if by_id is not None:
        raise Taken(f"nothing was imported: the id {key.id} is in use for another key")
    return False


async def _is_crowded(key: Credential, fresh: int, store: Store) -> bool:
    """Would a key that is found by its start be hidden by the others of this start, those of earlier imports included?"""
    alike = [each for each in await store.credentials.find_by_start(API_KEY, key.start) if each.revoked_at is None]
    return len(alike) + fresh > MOST_ALIKE and any(is_found_by_start(each.lookup) for each in [key, *alike])


def _adding(keys: Sequence[Credential], actor: Actor, now: float) -> Callable[[Tx], Awaitable[None]]:
    async def work(tx: Tx) -> None:
        for key in keys:
            try:
                await tx.add_credential(key)
            except Exists:
                raise Taken(f"the key {key.id} was added by someone else meanwhile; run the import again") from None
        data = {"count": str(len(keys)), "ids": " ".join(key.id for key in keys)}
        await tx.record(Event(kind=Kind.KEY_IMPORTED, subject=keys[0].id, actor=actor.name, at=now, data=data))

    return work
