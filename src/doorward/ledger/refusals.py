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

_log: Final = logging.getLogger("doorward.refused")
MOST_SOURCES: Final = 2_000
MOST_WAITING: Final = 1_000
RING_BYTES: Final = 1024 * 1024
KEPT_RINGS: Final = 8


class Refusals:
    """An observer of the gate, one for each worker. `ring` is this worker's file; the one before it is kept beside as `.old`."""

    def __init__(self, ring: Path | None) -> None:
        self._ring = ring
        self._counts: dict[tuple[str, str, int], int] = {}
        self._waiting: deque[str] = deque(maxlen=MOST_WAITING)
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
            self._waiting.append(_line(case, refused))

    async def flush(self, store: Store, now: float) -> int:
        """Writes the minutes that are over as journal rows, and the ring. Gives how many rows."""
        self._write_ring()
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

    def _write_ring(self) -> None:
        if self._ring is None or not self._waiting:
            return
        text = "".join(self._waiting)
        self._waiting.clear()
        try:
            if self._ring.exists() and self._ring.stat().st_size > RING_BYTES:
                os.replace(self._ring, self._ring.with_suffix(".old"))
            with os.fdopen(os.open(self._ring, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
                file.write(text)
        except OSError:
            self.dropped += 1  # a full disk must not turn a refusal into an error


def _line(case: Case, refused: Refused) -> str:
    """What an operator may read. The query is left out: it may hold a credential; so is every header value."""
    return (
        json.dumps(
            {
                "request": case.request.id,
                "at": round(case.now, 3),
                "address": case.request.address,
                "method": case.request.method,
                "path": case.request.raw_path[:512],
                "route": case.route.name if case.route else None,
                "found": sorted(case.shown),
                "proven": sorted(case.proofs),
                "subject": next((proof.subject for proof in case.proofs.values()), None),
                "why": refused.why.name,
                "meaning": refused.why.value,
                "note": refused.note,
                "code": refused.code.value,
            }
        )
        + "\n"
    )


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


def find_refusal(folder: Path, request_id: str) -> dict[str, object] | None:
    """The last refusal with this request id in any worker's ring."""
    found = None
    for record in _records(folder):
        if record.get("request") == request_id:
            found = record
    return found


def _records(folder: Path) -> Iterator[dict[str, object]]:
    for path in sorted(folder.glob("refusals-*")):
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue  # the last line of a worker that was killed
                if isinstance(record, dict):
                    yield record
