"""Once and Meter on the state file: exact over all processes of one machine, one statement each, on the event loop."""

import contextlib
import sqlite3
from collections.abc import Callable
from typing import Final

from doorward.core.limit import SET_BACK, Rate, Verdict, verdict
from doorward.stores.sql import state
from doorward.stores.sqlite_file import placeholders
from doorward.stores.sqlite_state_file import StateFile

_WALKED_AT_ONCE: Final = 2000


def microseconds(seconds: float) -> int:
    return int(seconds * 1_000_000)


class SqliteOnce:
    def __init__(self, file: StateFile) -> None:
        self._file, self._rows = file, file.rows

    async def spend(self, key: bytes, until: float, now: float) -> bool:
        return bool(await self._rows(state.SPEND, key, until, now))

    async def trusted_since(self) -> float:
        return self._file.trusted_since()


class SqliteMeter:
    def __init__(self, file: StateFile) -> None:
        self._rows = file.rows

    async def take(self, key: str, rate: Rate, now: float) -> Verdict:
        at = microseconds(now)
        full = rate.full(at)
        taken = await self._rows(state.TAKE, key, at, rate.step, rate.depth, full, full + SET_BACK)
        if taken:
            return verdict(rate, taken[0][0], at, allowed=taken[0][0] < full)
        return verdict(rate, await self._arrival(key, at), at, allowed=False)

    async def look(self, key: str, rate: Rate, now: float) -> Verdict:
        at = microseconds(now)
        arrival, full = await self._arrival(key, at), rate.full(at)
        if arrival > full + SET_BACK:
            await self._rows(state.SET_BACK, key, full, full + SET_BACK)
            arrival = full
        return verdict(rate, arrival, at, allowed=arrival <= at + rate.depth - rate.step)

    async def give_back(self, key: str, rate: Rate, now: float) -> None:
        await self._rows(state.GIVE_BACK, key, rate.step)

    async def _arrival(self, key: str, otherwise: int) -> int:
        known = await self._rows(state.LOOK, key)
        return known[0][0] if known else otherwise


class StateSweeper:
    """Walks the keys, a short transaction at a time, in the caller's thread. Goes on where it stopped."""

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self._at: dict[str, object] = {"once": b"", "meter": ""}

    def sweep(self, now: float, most: int) -> int:
        """Removes up to about `most` rows of each kind; nought only after a whole round found none."""
        ends = {"once": now, "meter": microseconds(now)}
        with contextlib.closing(self._file.new_connection()) as db:
            return sum(self._sweep_table(db.execute, table, end, most) for table, end in ends.items())

    def _sweep_table(self, execute: Callable[..., sqlite3.Cursor], table: str, end: float, most: int) -> int:
        start: object = b"" if table == "once" else ""
        gone, wrapped = 0, False
        while gone < most:
            after = self._at[table]
            last = execute(placeholders(state.WALK[table]), (after, min(most, _WALKED_AT_ONCE))).fetchone()[0]
            if last is None:
                self._at[table] = start
                if wrapped or after == start:
                    break
                wrapped = True
                continue
            gone += execute(placeholders(state.SWEEP[table]), (after, last, end)).rowcount
            self._at[table] = last
        return gone
