"""The ports in plain dictionaries: for tests and first steps, in one process. It passes the same suite as the others."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from doorward.core import chain
from doorward.core.account import Account
from doorward.core.authority import KEPT_AFTER_END, MTLS
from doorward.core.clock import Clock
from doorward.core.credential import Credential
from doorward.core.event import Change
from doorward.core.limit import SET_BACK, Rate, Verdict, verdict
from doorward.core.store import Checkpoint, Entry, Linked, Unavailable, Use, Write
from doorward.stores.memory_tx import MemoryTx, Tables

T = TypeVar("T")
_A_DAY = 24 * 3600.0
_SWEPT = {"session": 0.0, "access_token": 0.0, MTLS: KEPT_AFTER_END}
"""Methods whose credentials leave, so many seconds after their end."""


class MemoryStore:
    """`core.store.Store`. Nothing of it outlives the process."""

    def __init__(self, clock: Clock) -> None:
        self._tables = Tables()
        self.credentials = MemoryCredentials(self._tables)
        self.accounts = MemoryAccounts(self._tables)
        self.journal = MemoryJournal(self._tables)
        self.uses = MemoryUses(self._tables)
        self.changes = MemoryChanges(self._tables)
        self.once = MemoryOnce(clock())
        self.meter = MemoryMeter()
        self._closed = False

    async def write(self, work: Write[T]) -> T:
        if self._closed:
            raise Unavailable("the store is closed")
        tx = MemoryTx(self._tables)
        steps = work(tx).__await__()
        try:
            next(steps)
        except StopIteration as done:
            self._tables.numbers["writes"] += 1
            return cast("T", done.value)
        except BaseException:
            tx.roll_back()
            raise
        tx.roll_back()
        cast("Any", steps).close()
        raise RuntimeError("a write awaited something that is not a verb of its transaction")

    async def sweep(self, now: float, most: int = 500) -> int:
        tables = self._tables
        tables.numbers["writes"] += 1
        over = [id for id, each in tables.credentials.items() if _is_past(each.expires_at, now - _SWEPT.get(each.method, math.inf))][:most]
        for id in over:
            ended = tables.credentials.pop(id)
            del tables.lookups[ended.method, ended.lookup]
        return (
            len(over)
            + _drop(tables.changes, [seq for seq, each in tables.changes.items() if each.until < now][:most])
            + _drop(tables.tickets, [key for key, each in tables.tickets.items() if each.expires_at < now][:most])
            + _drop(tables.grants, [id for id, each in tables.grants.items() if _is_past(each.expires_at, now - _A_DAY)][:most])
            + self.once.sweep(now, most)
            + self.meter.sweep(now, most)
        )

    async def close(self) -> None:
        self._closed = True


def _is_past(end: float | None, now: float) -> bool:
    return end is not None and end < now


def _drop(table: dict[Any, Any], keys: Sequence[object]) -> int:
    for key in keys:
        del table[key]
    return len(keys)


class MemoryCredentials:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def find(self, method: str, lookup: str) -> Credential | None:
        id = self._tables.lookups.get((method, lookup))
        return None if id is None else self._tables.with_liveness(self._tables.credentials[id])

    def version(self) -> int:
        return self._tables.numbers["writes"]

    async def get(self, id: str) -> Credential | None:
        found = self._tables.credentials.get(id)
        return None if found is None else self._tables.with_liveness(found)

    async def list(self, *, method: str | None = None, owner: str | None = None, after: str = "", most: int = 100) -> Sequence[Credential]:
        found = [
            each
            for id, each in sorted(self._tables.credentials.items())
            if id > after and method in (None, each.method) and owner in (None, each.owner)
        ]
        return [self._tables.with_liveness(each) for each in found[:most]]

    async def find_by_start(self, method: str, start: str) -> Sequence[Credential]:
        found = [each for each in self._tables.credentials.values() if each.method == method and each.start == start != ""]
        imported = sorted((each for each in found if each.lookup != each.id), key=lambda each: (each.revoked_at is not None, each.id))
        return [self._tables.with_liveness(each) for each in imported[:16]]


class MemoryAccounts:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def find(self, name: str) -> Account | None:
        found = self._tables.accounts.get(name)
        return None if found is None else self._tables.with_epoch(found)

    async def find_by_email(self, email: str) -> Account | None:
        name = self._tables.emails.get(email.casefold())
        return None if name is None else await self.find(name)

    async def list(self, *, kind: str | None = None, after: str = "", most: int = 100) -> Sequence[Account]:
        found = [each for name, each in sorted(self._tables.accounts.items()) if name > after and kind in (None, each.kind)]
        return [self._tables.with_epoch(each) for each in found[:most]]


class MemoryJournal:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def read(self, *, after: int = 0, most: int = 1000) -> Sequence[Entry]:
        return [entry for seq, entry in self._tables.journal.items() if seq > after][:most]

    async def latest(self) -> int:
        return max(self._tables.journal, default=0)

    async def last(self, most: int) -> Sequence[Entry]:
        return list(self._tables.journal.values())[-most:] if most > 0 else []

    async def link(self, key: Callable[[bytes], bytes], trust: Callable[[Checkpoint | None], None]) -> Linked:
        rows, last = self._tables.journal, next(iter(self._tables.checkpoints[-1:]), None)
        trust(last)
        seq, end = (last.seq, last.chain) if last is not None else (0, chain.START)
        chain.check_end(
            last,
            held=rows[seq].chain if seq in rows else None,
            unlinked=next((each for each, entry in rows.items() if each <= seq and entry.chain is None), None),
            linked=next((each for each, entry in rows.items() if each > seq and entry.chain is not None), None),
        )
        linked: dict[int, Entry] = {}
        for each, entry in rows.items():
            if each > seq:
                digest = chain.digest(entry.event)
                end = chain.link(end, each, digest)
                linked[each] = replace(entry, digest=digest, chain=end)
        if linked:
            last = Checkpoint(max(linked), end, key(chain.signed_text(max(linked), end)))
            rows.update(linked)
            self._tables.checkpoints.append(last)
        return Linked(len(linked), last)

    async def checkpoints(self) -> Sequence[Checkpoint]:
        return list(self._tables.checkpoints)


class MemoryUses:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def read(self, credential_id: str, *, since: int = 0) -> Sequence[Use]:
        return [use for (id, minute, _), use in sorted(self._tables.uses.items()) if id == credential_id and minute >= since]

    async def last_used(self, credential_ids: Sequence[str]) -> Mapping[str, float]:
        found: dict[str, float] = {}
        for (id, _, _), use in self._tables.uses.items():
            if id in credential_ids:
                found[id] = max(use.last_at, found.get(id, use.last_at))
        return found


class MemoryChanges:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def since(self, seq: int, most: int = 1000) -> Sequence[Change]:
        return [change for number, change in self._tables.changes.items() if number > seq][:most]

    async def latest(self) -> int:
        return self._tables.numbers["changes"]


class MemoryOnce:
    def __init__(self, since: float) -> None:
        self._since = since
        self._until: dict[bytes, float] = {}

    async def spend(self, key: bytes, until: float, now: float) -> bool:
        if self._until.get(key, now) > now:
            return False
        self._until[key] = until
        return True

    async def trusted_since(self) -> float:
        return self._since

    def sweep(self, now: float, most: int) -> int:
        return _drop(self._until, [key for key, until in self._until.items() if until <= now][:most])


class MemoryMeter:
    def __init__(self) -> None:
        self._arrivals: dict[str, int] = {}

    async def take(self, key: str, rate: Rate, now: float) -> Verdict:
        at = int(now * 1_000_000)
        arrival = self._arrival(key, rate, at)
        next_arrival = max(arrival, at) + rate.step
        if next_arrival - at > rate.depth:
            return verdict(rate, arrival, at, allowed=False)
        self._arrivals[key] = next_arrival
        return verdict(rate, next_arrival, at, allowed=True)

    async def look(self, key: str, rate: Rate, now: float) -> Verdict:
        at = int(now * 1_000_000)
        arrival = self._arrival(key, rate, at)
        return verdict(rate, arrival, at, allowed=max(arrival, at) + rate.step - at <= rate.depth)

    def _arrival(self, key: str, rate: Rate, at: int) -> int:
        arrival = self._arrivals.get(key, at)
        if arrival > rate.full(at) + SET_BACK:
            arrival = self._arrivals[key] = rate.full(at)
        return arrival

    async def give_back(self, key: str, rate: Rate, now: float) -> None:
        if key in self._arrivals:
            self._arrivals[key] -= rate.step

    def sweep(self, now: float, most: int) -> int:
        at = int(now * 1_000_000)
        return _drop(self._arrivals, [key for key, arrival in self._arrivals.items() if arrival <= at][:most])
