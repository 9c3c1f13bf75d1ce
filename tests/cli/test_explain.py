"""cli/explain.py: the operator learns what the caller may not."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from doorward.app import Doorward
from doorward.cli import explain
from doorward.core.errors import Refused, Why
from doorward.ledger.refusals import Refusals
from doorward.server import Server
from doorward.stores.memory import MemoryStore
from tests.cli.conftest import Ask, Run
from tests.ledger.test_refusals import case


def refuse(home: Path, key: str) -> str:
    """The id of a request with this key, refused by the server over the same data directory."""

    async def ask() -> str:
        server = Server(Doorward(home))
        await server.start()
        transport = httpx.ASGITransport(server, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as web:
            answer = await web.post("/auth/logout", headers={"Authorization": f"Bearer {key}"})
        await server.stop()
        assert answer.status_code == 401
        return str(answer.headers["x-request-id"])

    return asyncio.run(ask())


def test_a_refusal_is_explained_by_its_request_id(home: Path, ask: Ask, run: Run) -> None:
    id = refuse(home, "eyJhbGciOiJub25lIn0.e30.AAAA")
    told = ask("explain", id)
    assert (told["request"], told["code"], told["proven"]) == (id, "invalid_credential", [])
    assert told["at"].endswith("Z")
    text = run("explain", id).stdout
    assert f"refused  {told['why']}: {told['meaning']}" in text
    assert "POST /auth/logout" in text
    assert "eyJ" not in text + json.dumps(told)


def test_an_unknown_id_ends_with_one_and_says_why(home: Path, run: Run) -> None:
    for id in ("nothing", "", "\x00", "x" * 300):
        result = run("explain", id)
        assert result.exit_code == 1
        assert "only the latest are kept" in result.stderr


def test_what_a_caller_wrote_steers_no_terminal(home: Path, run: Run) -> None:
    ring = Refusals(home / "refusals-1.jsonl")
    ring(case("r1"), Refused(Why.UNKNOWN, note="no key \x1b[2J here"))
    asyncio.run(ring.flush(MemoryStore(lambda: 0.0), 0.0))
    text = run("explain", "r1").stdout
    assert "no key ?[2J here" in text
    assert "\x1b" not in text


def test_a_wrong_clock_and_the_expected_signing_text_are_told(home: Path, run: Run, ask: Ask) -> None:
    ring = Refusals(home / "refusals-1.jsonl")
    ring(case("r1"), Refused(Why.STALE, facts={"clock_skew": -400.0, "window": 300.0}))
    ring(case("r2"), Refused(Why.UNKNOWN, facts={"signing_text": "GET\n/pets\n1\n"}))
    ring.write_ring()
    assert "the caller's clock is 400.0 seconds behind" in run("explain", "r1").stdout
    assert ask("explain", "r1")["facts"] == {"clock_skew": -400.0, "window": 300.0}
    assert r"signing_text: 'GET\n/pets\n1\n'" in run("explain", "r2").stdout


def test_a_request_that_could_not_be_read_is_explained(home: Path, run: Run) -> None:
    ring = Refusals(home / "refusals-1.jsonl")
    ring.early("r1", Refused(Why.UNTRUSTED_PROXY), 1.0)
    ring.write_ring()
    assert "the peer is not a listed proxy" in run("explain", "r1").stdout


def test_a_ring_that_somebody_scribbled_in_breaks_nothing(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "PATIENCE", 0.0)
    for text in (
        "{",
        "[]",
        "1",
        '{"request": "r1", "checks": 3, "proofs": [1], "facts": [], "scopes": "x", "found": {}, "method": []}',
        "",
    ):
        (home / "refusals-1.jsonl").write_text(text + "\n")
        assert run("explain", "r1").exit_code in (0, 1)
