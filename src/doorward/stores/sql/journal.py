"""The journal of events and its hash chain (DECISIONS 29)."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, Final

from doorward.core import chain
from doorward.core.event import Event, Kind
from doorward.core.store import Checkpoint, Entry, Linked
from doorward.stores.sql import Row, Rows
from doorward.stores.sql.packing import NOTHING, pack_data, unpack_data

_COLUMNS: Final = "SELECT seq, kind, subject, actor, at, why, data, digest, chain FROM journal "
READ: Final = _COLUMNS + "WHERE seq >= $1 ORDER BY seq LIMIT $2"
LAST: Final = _COLUMNS + "ORDER BY seq DESC LIMIT $1"
LATEST: Final = "SELECT coalesce(max(seq), 0) FROM journal"
CHECKPOINTS: Final = "SELECT seq, chain, signature FROM checkpoints ORDER BY seq"
RECORD: Final = "INSERT INTO journal (kind, subject, actor, at, why, data) VALUES ($1, $2, $3, $4, $5, $6)"

_LAST_CHECKPOINT: Final = "SELECT seq, chain, signature FROM checkpoints ORDER BY seq DESC LIMIT 1"
_HELD: Final = "SELECT chain FROM journal WHERE seq = $1"
_UNLINKED_BEFORE: Final = "SELECT seq FROM journal WHERE chain IS NULL AND seq <= $1 ORDER BY seq LIMIT 1"
_LINKED_AFTER: Final = "SELECT seq FROM journal WHERE seq > $1 AND (chain IS NOT NULL OR digest IS NOT NULL) ORDER BY seq LIMIT 1"
_UNLINKED: Final = _COLUMNS + "WHERE seq > $1 ORDER BY seq LIMIT $2"
_LINK: Final = "UPDATE journal SET digest = $2, chain = $3 WHERE seq = $1"
_CHECKPOINT: Final = "INSERT INTO checkpoints (seq, chain, signature) VALUES ($1, $2, $3)"

_KINDS: Final = {kind.value: kind for kind in Kind if kind is not Kind.UNKNOWN}


def entry_of(row: Row) -> Entry:
    """Never raises: a row that no store wrote is read with its flaw, for the audit to name."""
    seq, kind, subject, actor, at, why, data, digest, link = row
    flaws = []
    if kind not in _KINDS:
        flaws.append("its kind is none that is known")
    if not isfinite(at):
        flaws.append("its time is none")
        at = 0.0
    if (members := _data_of(data)) is None:
        flaws.append("its data is not as it was written")
    known = _KINDS.get(kind, Kind.UNKNOWN)
    event = Event(kind=known, subject=subject, at=at, actor=actor, why=why, data=NOTHING if members is None else members)
    return Entry(seq, event, digest, link, " and ".join(flaws))


def _data_of(text: str) -> Mapping[str, str] | None:
    """None unless it is, byte for byte, what `pack_data` writes: a member that stands twice is read in two ways."""
    try:
        members = unpack_data(text)
        return members if pack_data(members) == text else None
    except (ValueError, TypeError, RecursionError):
        return None


def row_of(event: Event) -> Row:
    """The parameters of `RECORD`."""
    return event.kind.value, event.subject, event.actor, event.at, event.why, pack_data(event.data)


def checkpoint_of(row: Row) -> Checkpoint:
    return Checkpoint(*row)


async def link(rows: Rows, key: Callable[[bytes], bytes], trust: Callable[[Checkpoint | None], None], most: int) -> Linked:
    """Chains up to `most` rows inside a write and signs where it stopped. Raises Tampered."""
    last = next((checkpoint_of(row) for row in await rows(_LAST_CHECKPOINT)), None)
    trust(last)
    seq, end = (last.seq, last.chain) if last is not None else (0, chain.START)
    chain.check_end(
        last,
        held=_first(await rows(_HELD, seq)),
        unlinked=_first(await rows(_UNLINKED_BEFORE, seq)),
        linked=_first(await rows(_LINKED_AFTER, seq)),
    )
    entries = [entry_of(row) for row in await rows(_UNLINKED, seq, most)]
    if not entries:
        return Linked(0, last)
    for entry in entries:
        if entry.flaw:
            raise chain.Tampered(f"row {entry.seq} is not one that was recorded here: {entry.flaw}")
        digest = chain.digest(entry.event)
        end = chain.link(end, entry.seq, digest)
        await rows(_LINK, entry.seq, digest, end)
    seq = entries[-1].seq
    last = Checkpoint(seq, end, key(chain.signed_text(seq, end)))
    await rows(_CHECKPOINT, seq, last.chain, last.signature)
    return Linked(len(entries), last)


def _first(found: Sequence[Row]) -> Any:
    return found[0][0] if found else None
