"""Refusals do not write tables (DECISIONS 6): a count per (source, why, minute) for the journal, a bounded ring for `explain`."""

import contextlib
import json
import logging
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from doorward.core.case import Case
from doorward.core.errors import Refused
from doorward.core.event import Event, Kind
from doorward.core.store import Store, Tx, Unavailable
from doorward.ledger.explained import Record, explained, explained_early

_log: Final = logging.getLogger("doorward.refused")
MOST_SOURCES: Final = 2_000
MOST_WAITING: Final = 1_000
WAITING_BYTES: Final = 512 * 1024
RING_BYTES: Final = 1024 * 1024
KEPT_RINGS: Final = 8


class Refusals:
    """An observer of the gate, one for each worker. `ring` is this worker's file; the one before it is kept beside as `.old`."""

    def __init__(self, ring: Path | None) -> None:
        self._ring = ring
        self._counts: dict[tuple[str, str, int], int] = {}
        self._waiting: deque[str] = deque()
        self._waiting_bytes = 0
        self.dropped = 0

    def __call__(self, case: Case, refused: Refused | None) -> None:
        if refused is None:
            return
        _log.info("request %s refused: %s (%s)", case.request.id, refused.why.name, refused.code.value)
        source = case.request.address or ""
        key = (source, refused.why.name, int(case.now // 60))
        if key not in self._counts and len(self._counts) >= MOST_SOURCES:
            key = ("", refused.why.name, key[2])  # a flood from everywhere becomes one row a reason
        self._counts[key] = self._counts.get(key, 0) + 1
        if self._ring is not None:
            self._keep(explained(case, refused))

    def early(self, id: str, refused: Refused, at: float) -> None:
        """What was refused before a case was opened: it could not be read, or came from nobody who may ask."""
        _log.info("request %s refused: %s (%s)", id, refused.why.name, refused.code.value)
        if self._ring is not None:
            self._keep(explained_early(id, refused, at))

    def _keep(self, record: Record) -> None:
        """The latest win: what a flood leaves no room for cannot be explained."""
        line = json.dumps(record, separators=(",", ":")) + "\n"
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        while len(self._waiting) > MOST_WAITING or self._waiting_bytes > WAITING_BYTES:
            self._waiting_bytes -= len(self._waiting.popleft())

    async def flush(self, store: Store, now: float) -> int:
        """Writes the minutes that are over as journal rows, and the ring. Gives how many rows."""
        self.write_ring()
        minute = int(now // 60)
        over = {key: count for key, count in self._counts.items() if key[2] < minute}
        if not over:
            return 0

        async def write(tx: Tx) -> None:
            for (source, why, at), count in over.items():
                data = {"count": str(count)}
                await tx.record(Event(kind=Kind.REFUSED, subject=source, at=at * 60.0, why=why, data=data))

        try:
            await store.write(write)
        except Unavailable:
            return 0  # they stay for the next time
        for key in over:
            del self._counts[key]
        return len(over)

    def write_ring(self) -> None:
        """Appends what waits to this worker's file, and starts a new one where it is full."""
        if self._ring is None or not self._waiting:
            return
        text = "".join(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        try:
            if self._ring.exists() and self._ring.stat().st_size > RING_BYTES:
                os.replace(self._ring, self._ring.with_suffix(".old"))
            with os.fdopen(os.open(self._ring, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
                file.write(text)
        except OSError:
            self.dropped += 1  # a full disk must not turn a refusal into an error


def drop_old_rings(folder: Path, keep: int = KEPT_RINGS) -> None:
    """Those of processes that are gone, but for the newest `keep`. The rings of processes that live stay."""
    gone = []
    for path in folder.glob("refusals-*"):
        number = path.name.removeprefix("refusals-").partition(".")[0]
        with contextlib.suppress(OSError):  # another worker drops them too
            if number.isdecimal() and not _lives(int(number)):
                gone.append((path.stat().st_mtime, path))
    for _, path in sorted(gone, reverse=True)[keep:]:
        with contextlib.suppress(OSError):
            path.unlink()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # another user's
    return True


def find_refusal(folder: Path, request_id: str) -> Record | None:
    """The last refusal with this request id in any worker's ring."""
    found = None
    for record in _records(folder):
        if record.get("request") == request_id:
            found = record
    return found


def _records(folder: Path) -> Iterator[Record]:
    for path in sorted(folder.glob("refusals-*")):
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue  # the last line of a worker that was killed
                if isinstance(record, dict):
                    yield record
