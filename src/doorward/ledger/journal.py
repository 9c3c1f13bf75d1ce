"""The chainer links committed journal rows and signs checkpoints (DECISIONS 29); the audit proves them.

A checkpoint's signature is the id of a pepper, a colon, and HMAC-SHA-256 under a key derived from it: whoever can write
the database but cannot read `secrets/` cannot make one. The last checkpoint is also kept in a file beside the database
(the head), so that a journal whose end was cut off together with its checkpoints is found.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doorward.core.chain import Audit, Fault
from doorward.core.secret import same
from doorward.core.store import Checkpoint, Journal
from doorward.crypto.digest import derive, mac

PURPOSE: Final = "journal checkpoint"
HEAD: Final = "journal.head"
_PAGE: Final = 1000


class CheckpointKeys:
    """Signs with the current pepper; proves with any that this machine has."""

    def __init__(self, peppers: Mapping[str, bytes], current: str) -> None:
        self._keys = {id: derive(key, PURPOSE) for id, key in peppers.items()}
        self._current = current

    def sign(self, text: bytes) -> bytes:
        return self._current.encode() + b":" + mac(self._keys[self._current], text)

    def is_signed(self, text: bytes, signature: bytes) -> bool:
        id, _, given = signature.partition(b":")
        key = self._keys.get(id.decode("latin-1"))
        return key is not None and same(mac(key, text), given)


class Chainer:
    """One in the whole installation at a time (a leased job)."""

    def __init__(self, journal: Journal, keys: CheckpointKeys, folder: Path) -> None:
        self._journal, self._keys, self._head = journal, keys, folder / HEAD
        self._linked = -1

    async def link(self) -> int:
        """How many rows were linked; looks before it writes."""
        if await self._journal.latest() == self._linked:
            return 0
        count = 0
        while linked := await self._journal.link(self._keys.sign):
            count += linked
        self._linked = await self._journal.latest()
        if count and (checkpoints := await self._journal.checkpoints()):
            self._write_head(checkpoints[-1])
        return count

    def _write_head(self, checkpoint: Checkpoint) -> None:
        fresh = self._head.with_suffix(".new")
        text = json.dumps({"seq": checkpoint.seq, "chain": checkpoint.chain.hex(), "signature": checkpoint.signature.hex()})
        with contextlib.suppress(OSError), os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.replace(fresh, self._head)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rows` were read, of them `unlinked` not chained yet. `head` is the chain's last value: anchor it elsewhere."""

    rows: int
    unlinked: int
    faults: tuple[Fault, ...]
    head: str

    @property
    def ok(self) -> bool:
        return not self.faults


async def verify(journal: Journal, keys: CheckpointKeys, folder: Path) -> Verdict:
    """Finds an edit, a gap, a reorder, a truncation. Reads page by page, so a long journal fits into memory."""
    checkpoints = await journal.checkpoints()
    audit = Audit(checkpoints, keys.is_signed)
    rows = unlinked = after = 0
    faults: list[Fault] = []
    while page := await journal.read(after=after, most=_PAGE):
        faults += audit.read(page)
        rows += len(page)
        unlinked += sum(entry.chain is None for entry in page)
        after = page[-1].seq
    faults += audit.close()
    last = checkpoints[-1] if checkpoints else None
    if fault := _head_fault(folder / HEAD, last):
        faults.append(fault)
    return Verdict(rows, unlinked, tuple(faults), last.chain.hex() if last else "")


def _head_fault(path: Path, last: Checkpoint | None) -> Fault | None:
    """The file may lag behind by one checkpoint (a crash between the two writes), never be ahead."""
    try:
        head = json.loads(path.read_text("ascii"))
        seq, chain = int(head["seq"]), str(head["chain"])
    except FileNotFoundError:
        return None if last is None else Fault(last.seq, f"{HEAD} is missing beside the database")
    except (OSError, ValueError, KeyError, TypeError):
        return Fault(0, f"{HEAD} cannot be read")
    if last is None or seq > last.seq:
        return Fault(seq, "the journal ends before the last checkpoint that was written beside it: its end was cut off")
    if seq == last.seq and chain != last.chain.hex():
        return Fault(seq, "the last checkpoint is not the one that was written beside the database")
    return None
