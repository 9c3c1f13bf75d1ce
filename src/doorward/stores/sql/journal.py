"""The journal of events and its hash chain (DECISIONS 29)."""

from collections.abc import Callable
from typing import Final

from doorward.core import chain
from doorward.core.event import Event, Kind
from doorward.core.store import Checkpoint, Entry
from doorward.stores.sql import Row, Rows
from doorward.stores.sql.packing import pack_data, unpack_data

_COLUMNS: Final = "SELECT seq, kind, subject, actor, at, why, data, digest, chain FROM journal "
READ: Final = _COLUMNS + "WHERE seq > $1 ORDER BY seq LIMIT $2"
LAST: Final = _COLUMNS + "ORDER BY seq DESC LIMIT $1"
LATEST: Final = "SELECT coalesce(max(seq), 0) FROM journal"
CHECKPOINTS: Final = "SELECT seq, chain, signature FROM checkpoints ORDER BY seq"
RECORD: Final = "INSERT INTO journal (kind, subject, actor, at, why, data) VALUES ($1, $2, $3, $4, $5, $6)"

_UNLINKED: Final = _COLUMNS + "WHERE chain IS NULL ORDER BY seq LIMIT $1"
_END_OF_CHAIN: Final = "SELECT chain FROM journal WHERE seq < $1 AND chain IS NOT NULL ORDER BY seq DESC LIMIT 1"
_LINK: Final = "UPDATE journal SET digest = $2, chain = $3 WHERE seq = $1"
_CHECKPOINT: Final = "INSERT INTO checkpoints (seq, chain, signature) VALUES ($1, $2, $3)"


def entry_of(row: Row) -> Entry:
    seq, kind, subject, actor, at, why, data, digest, link = row
    return Entry(seq, Event(kind=Kind(kind), subject=subject, at=at, actor=actor, why=why, data=unpack_data(data)), digest, link)


def row_of(event: Event) -> Row:
    """The parameters of `RECORD`."""
    return event.kind.value, event.subject, event.actor, event.at, event.why, pack_data(event.data)


def checkpoint_of(row: Row) -> Checkpoint:
    return Checkpoint(*row)


async def link(rows: Rows, key: Callable[[bytes], bytes], most: int) -> int:
    """Chains up to `most` rows inside a write and signs where it stopped."""
    entries = [entry_of(row) for row in await rows(_UNLINKED, most)]
    if not entries:
        return 0
    before = await rows(_END_OF_CHAIN, entries[0].seq)
    end: bytes = before[0][0] if before else chain.START
    for entry in entries:
        digest = chain.digest(entry.event)
        end = chain.link(end, entry.seq, digest)
        await rows(_LINK, entry.seq, digest, end)
    seq = entries[-1].seq
    await rows(_CHECKPOINT, seq, end, key(chain.signed_text(seq, end)))
    return len(entries)
