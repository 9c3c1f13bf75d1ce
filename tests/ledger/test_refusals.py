"""ledger/refusals.py: a flood of refusals becomes a row a minute, and a bounded ring that holds no credential."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doorward.core.case import Case
from doorward.core.errors import Refused, Why
from doorward.core.event import Kind
from doorward.core.request import Headers, Request
from doorward.ledger import refusals
from doorward.ledger.refusals import Refusals, drop_old_rings, find_refusal
from doorward.stores.memory import MemoryStore

NOW = 1_790_000_040.0


def case(id: str = "r1", address: str = "10.0.0.1", at: float = NOW, query: str = "") -> Case:
    headers = Headers([(b"authorization", b"Bearer sk_live_SECRET"), (b"cookie", b"doorward=SECRET")])
    return Case(Request("GET", "/pets", query, headers, "https", "h", address, None, has_body=False, id=id), at)


async def test_a_flood_becomes_one_row_a_source_reason_and_minute() -> None:
    store, seen = MemoryStore(lambda: NOW), Refusals(None)
    for number in range(10_000):
        seen(case(address=f"10.0.0.{number % 2}"), Refused(Why.UNKNOWN))
    assert await seen.flush(store, NOW) == 0, "the minute is not over"
    assert await seen.flush(store, NOW + 60) == 2
    rows = [entry.event for entry in await store.journal.read()]
    assert {(row.kind, row.subject, row.why, row.data["count"]) for row in rows} == {
        (Kind.REFUSED, "10.0.0.0", "UNKNOWN", "5000"),
        (Kind.REFUSED, "10.0.0.1", "UNKNOWN", "5000"),
    }
    assert await seen.flush(store, NOW + 120) == 0


async def test_a_flood_from_everywhere_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "MOST_SOURCES", 5)
    store, seen = MemoryStore(lambda: NOW), Refusals(None)
    for number in range(100):
        seen(case(address=f"10.0.0.{number}"), Refused(Why.UNKNOWN))
    assert await seen.flush(store, NOW + 60) == 6
    counts = {entry.event.subject: int(entry.event.data["count"]) for entry in await store.journal.read()}
    assert counts[""] == 95


async def test_the_ring_finds_a_refusal_by_its_request_and_holds_no_credential(tmp_path: Path) -> None:
    seen = Refusals(tmp_path / "refusals-1.jsonl")
    seen(case("r1", query="api_key=SECRET"), Refused(Why.UNKNOWN, note="no such key id"))
    seen(case("r2"), Refused(Why.LACKS_SCOPE))
    await seen.flush(MemoryStore(lambda: NOW), NOW)
    found = find_refusal(tmp_path, "r1")
    assert found is not None
    assert (found["why"], found["note"], found["path"]) == ("UNKNOWN", "no such key id", "/pets")
    assert find_refusal(tmp_path, "r3") is None
    assert "SECRET" not in (tmp_path / "refusals-1.jsonl").read_text()
    assert (tmp_path / "refusals-1.jsonl").stat().st_mode & 0o777 == 0o600


async def test_the_ring_is_bounded_and_survives_a_torn_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "RING_BYTES", 2000)
    seen, store = Refusals(tmp_path / "refusals-1.jsonl"), MemoryStore(lambda: NOW)
    for number in range(100):
        seen(case(f"r{number}"), Refused(Why.UNKNOWN))
        await seen.flush(store, NOW)
    with (tmp_path / "refusals-1.jsonl").open("a") as file:
        file.write('{"request": "torn')
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 6000
    assert find_refusal(tmp_path, "r99") is not None
    assert find_refusal(tmp_path, "r0") is None


async def test_a_ring_that_cannot_be_written_costs_no_request(tmp_path: Path) -> None:
    seen = Refusals(tmp_path / "no such folder" / "refusals-1.jsonl")
    seen(case(), Refused(Why.UNKNOWN))
    await seen.flush(MemoryStore(lambda: NOW), NOW)
    assert seen.dropped == 1


def test_every_line_is_json(tmp_path: Path) -> None:
    seen = Refusals(tmp_path / "refusals-1.jsonl")
    seen(case(), Refused(Why.UNKNOWN))
    assert [json.loads(line)["code"] for line in seen._waiting] == ["invalid_credential"]


def test_rings_of_processes_that_are_gone_are_dropped_but_for_the_newest(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for age in range(5):
        path = tmp_path / f"refusals-{gone.pid}.{age}"
        path.touch()
        os.utime(path, (NOW - age, NOW - age))
    mine, other = tmp_path / f"refusals-{os.getpid()}.jsonl", tmp_path / "refusals-notes.txt"
    for path in (mine, other):
        path.touch()
        os.utime(path, (1, 1))
    drop_old_rings(tmp_path, keep=2)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"refusals-{gone.pid}.0", f"refusals-{gone.pid}.1", mine.name, other.name}
