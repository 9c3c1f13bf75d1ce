"""The chainer links committed journal rows and signs checkpoints (DECISIONS 29); the audit proves them.

A checkpoint's signature is the id of a pepper, a colon, and HMAC-SHA-256 under a key derived from it: whoever can write
the database but cannot read `secrets/` cannot make one. The last checkpoint is also kept beside the database (the head,
`ledger.journal_head`), so that a journal whose end was cut off together with its checkpoints is found.

The rows and their checkpoint are committed first, the head is written second: killed in between, the table is ahead by
checkpoints that only this installation can have signed, and the next turn writes the head. The other way round the head
would be ahead, which is what a journal that was cut off looks like.

What cannot be found without an anchor outside (the `head` that the audit prints): who can write the data directory and
`secrets/` too, and puts the whole of an older state back or begins anew; and an edit of rows before they are linked.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doorward.core.chain import START, Audit, Fault, Tampered, signed_text
from doorward.core.secret import same
from doorward.core.store import Checkpoint, Entry, Journal
from doorward.crypto.digest import Peppers, mac
from doorward.ledger.journal_head import HEAD, Heads

PURPOSE: Final = "journal checkpoint"
LINKED_WITHIN: Final = 300.0
"""Seconds. A refusal is recorded up to a minute after it was; a chainer that runs has linked all else within seconds."""
_PAGE: Final = 1000
_FRESH: Final = 100_000
_BEFORE_ALL: Final = -(2**63) - 1
_log: Final = logging.getLogger("doorward.journal")


class CheckpointKeys:
    """Signs with the current pepper; proves with any of ours that this machine has."""

    def __init__(self, peppers: Peppers) -> None:
        self._peppers = peppers

    def sign(self, text: bytes) -> bytes:
        id = self._peppers.current
        return id.encode() + b":" + mac(self._peppers.derive(PURPOSE, id), text)

    def is_signed(self, text: bytes, signature: bytes) -> bool:
        name, _, given = signature.partition(b":")
        id = name.decode("latin-1")
        return id in self._peppers.ids and same(mac(self._peppers.derive(PURPOSE, id), text), given)


class Chainer:
    """One in the whole installation at a time (a leased job). Links nothing to a journal that was tampered with."""

    def __init__(self, journal: Journal, keys: CheckpointKeys, folder: Path) -> None:
        self._journal, self._keys, self._heads = journal, keys, Heads(folder, keys.is_signed)
        self._linked = self._refused = -1
        self._known: Checkpoint | None = None

    async def link(self) -> int:
        """How many rows were linked; looks before it writes. What it refuses to link stays for `verify` to find."""
        latest = await self._journal.latest()
        if latest == self._linked:
            return 0
        try:
            return await self._link()
        except Tampered as reason:
            if latest != self._refused:
                _log.error("THE JOURNAL WAS TAMPERED WITH and is no longer linked: %s; ask doorward audit verify", reason)
            self._refused = latest
            return 0

    async def _link(self) -> int:
        head = self._heads.read()

        def trust(last: Checkpoint | None) -> None:
            self._trust(head, last)

        if head is None and self._known is None and not await self._journal.checkpoints():
            head = Checkpoint(0, START, self._keys.sign(signed_text(0, START)))
            if not self._heads.write(head):
                return 0
        linked = await self._journal.link(self._keys.sign, trust)
        if linked.end is not None:
            self._known = linked.end
            if (head is None or linked.end.seq != head.seq) and not self._heads.write(linked.end):
                return linked.rows
        self._linked = linked.end.seq if linked.end is not None else 0
        return linked.rows

    def _trust(self, head: Checkpoint | None, last: Checkpoint | None) -> None:
        """`head` was read before: whatever has become of the table since, it is not behind it."""
        if fault := _end_fault(head, last):
            raise Tampered(fault.what)
        if self._known is not None and (fault := _end_fault(self._known, last)):
            raise Tampered(fault.what)
        if last is not None and not self._keys.is_signed(signed_text(last.seq, last.chain), last.signature):
            raise Tampered("the last checkpoint's signature is wrong")


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


async def verify(journal: Journal, keys: CheckpointKeys, folder: Path, *, now: float) -> Verdict:
    """Finds an edit, a gap, a reorder, a truncation; changes nothing. Reads page by page, so a long journal fits into memory."""
    faults: list[Fault] = []
    head = lost = None
    try:
        head = Heads(folder, keys.is_signed).read()
    except Tampered as reason:
        lost = Fault(0, str(reason))
    checkpoints = await journal.checkpoints()
    audit = Audit(checkpoints, keys.is_signed)
    last = checkpoints[-1] if checkpoints else None
    rows = unlinked = 0
    late: list[int] = []
    after = _BEFORE_ALL
    over = False
    while not over and after < 2**63 - 1:
        page, over = await _page(journal, after)
        if any(entry.chain is not None and entry.seq > (last.seq if last else 0) for entry in page):  # linked since those were read
            checkpoints = await journal.checkpoints()
            audit.learn(checkpoints)
            last = checkpoints[-1] if checkpoints else None
        faults += audit.read(page)
        rows += len(page)
        fresh = [entry for entry in page if entry.chain is None]
        unlinked += len(fresh)
        late += [entry.seq for entry in fresh if abs(now - entry.event.at) > LINKED_WITHIN and entry.seq > (last.seq if last else 0)]
        after = page[-1].seq if page else after
    faults += audit.close()
    if fault := lost or _end_fault(head, last):
        faults.append(fault)
    if late and (head is not None or last is not None):
        what = f"{len(late)} rows from here on are old and not linked: start a server or, if one runs, read its log"
        faults.append(Fault(late[0], what))
    if not rows:
        faults.append(Fault(0, "the journal is empty: not even the making of this installation is in it"))
    return Verdict(rows, unlinked, tuple(faults), last.chain.hex() if last else "")


async def _page(journal: Journal, after: int) -> tuple[Sequence[Entry], bool]:
    """And whether it is the last. The end that is not linked yet comes in one page: a chainer that runs would have linked what
    is read later, and no row is linked after one that is not."""
    page = await journal.read(after=after, most=_PAGE)
    if len(page) < _PAGE:
        return page, True
    unlinked = next((at for at, entry in enumerate(page) if entry.chain is None), None)
    if unlinked is None or unlinked:
        return page[:unlinked], False
    page = await journal.read(after=after, most=_FRESH)
    return page, len(page) < _FRESH


def _end_fault(head: Checkpoint | None, last: Checkpoint | None) -> Fault | None:
    """The head may lag behind the table (a crash between the two writes), never be ahead."""
    if head is None:
        return None if last is None else Fault(last.seq, f"{HEAD} is missing beside the database")
    if head.seq > (last.seq if last is not None else 0):
        return Fault(head.seq, "the journal ends before the last checkpoint that was written beside it: its end was cut off")
    if last is not None and head.seq == last.seq and head.chain != last.chain:
        return Fault(head.seq, "the last checkpoint is not the one that was written beside the database")
    return None
