"""ledger/explained.py: what is stored of a refusal, what is not, and how much at most."""

import json
from pathlib import Path

import pytest

from doorward.core.case import Case
from doorward.core.errors import Refused, Why
from doorward.core.gate import ORDER
from doorward.core.policy import parse
from doorward.core.request import Headers, Request
from doorward.core.route import Route
from doorward.ledger import refusals
from doorward.ledger.explained import explained, explained_early
from doorward.ledger.refusals import Refusals, find_refusal
from tests.core.stage import NOW, Shows, Stage, request, shows, stage

SECRET = "SECRET-of-the-caller"


async def refusal(on: Stage, case: Case) -> Refused:
    with pytest.raises(Refused) as caught:
        await on.gate.decide(case)
    return caught.value


async def test_a_missing_scope_is_told_with_what_was_asked_and_held() -> None:
    on = stage(Shows("api_key", scopes=frozenset({"read:pets"})), allow="api_key", scopes=frozenset({"read:pets", "write:pets"}))
    case = on.gate.open(request(headers=shows("api_key")))
    record = explained(case, await refusal(on, case))
    assert record["scopes"] == {"asked": ["read:pets", "write:pets"], "held": ["read:pets"], "missing": ["write:pets"]}
    assert record["policy"] == "api_key"
    assert record["way"] == ["api_key"]
    assert record["proofs"][0]["subject"] == "alice"
    assert dict(record["checks"])["prove"] == "passed"
    assert dict(record["checks"])["check_scopes"] == "refused"
    assert dict(record["checks"])["check_freshness"] == "not reached"


@pytest.mark.parametrize(("shown", "step"), [("bad", "prove"), ("broken", "find"), (None, "find")])
async def test_each_check_is_told_with_how_it_ended(shown: str | None, step: str) -> None:
    on = stage(Shows("api_key"), allow="api_key")
    case = on.gate.open(request(headers=shows(api_key=shown) if shown else []))
    checks = explained(case, await refusal(on, case))["checks"]
    names = [name for name, _ in checks]
    assert names == [each.__name__ for each in ORDER]
    at = names.index(step)
    assert [outcome for _, outcome in checks] == ["passed"] * at + ["refused"] + ["not reached"] * (len(names) - at - 1)


def test_what_the_door_refuses_behind_the_gate_is_told_so() -> None:
    case = Case(request(), NOW)
    assert explained(case, Refused(Why.UNKNOWN))["checks"][-1] == ["the door itself", "refused"]


def test_no_header_value_query_or_body_is_stored() -> None:
    fields = [(b"authorization", SECRET.encode()), (b"cookie", f"a={SECRET}".encode()), (b"x-api-key", SECRET.encode())]
    case = Case(Request("GET", "/pets", f"api_key={SECRET}", Headers(fields), "https", "h", "192.0.2.1", None, has_body=False), NOW)
    case.shown["api_key"] = SECRET
    assert SECRET not in json.dumps(explained(case, Refused(Why.UNKNOWN)))


def test_a_record_is_cut_whatever_is_sent() -> None:
    long = "x" * 100_000
    route = Route(path="/**", allow=parse("api_key"), name=long, scopes=frozenset(f"{number:0128d}" for number in range(500)))
    case = Case(Request(long, f"/{long}", "", Headers([]), "https", "h", "192.0.2.1", None, has_body=False), NOW, route)
    refused = Refused(Why.UNKNOWN, note=long, facts={f"{number}": long for number in range(3)} | {"clock_skew": 1.23456})
    record = explained(case, refused)
    assert len(json.dumps(record)) < 20_480
    assert record["facts"]["clock_skew"] == 1.235


def test_what_could_not_be_read_has_a_record_too(tmp_path: Path) -> None:
    ring = Refusals(tmp_path / "refusals-1.jsonl")
    ring.early("r1", Refused(Why.UNTRUSTED_PROXY), NOW)
    ring.write_ring()
    assert find_refusal(tmp_path, "r1") == explained_early("r1", Refused(Why.UNTRUSTED_PROXY), NOW)


def test_what_waits_for_the_ring_and_the_ring_itself_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "RING_BYTES", 64 * 1024)
    monkeypatch.setattr(refusals, "WAITING_BYTES", 64 * 1024)
    ring = Refusals(tmp_path / "refusals-1.jsonl")
    for number in range(3_000):
        ring.early(f"r{number}", Refused(Why.UNKNOWN, note="n" * 1000), NOW)
        if number % 500 == 499:
            ring.write_ring()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4 * 64 * 1024
    assert find_refusal(tmp_path, "r2999") is not None, "the latest win"
    assert find_refusal(tmp_path, "r0") is None
