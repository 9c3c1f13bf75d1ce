import asyncio
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from bench.__main__ import main
from bench.measurements import MEASUREMENTS, ON_DEMAND
from bench.probe import answered, percentile
from bench.rounds import QUICK, Run, rates
from bench.row import Figure, Goal, Row, alone, compared

from bench import api_keys, ground, jwt_first_sight, jwt_seen, key_rows, methods, report, signatures
from doorward.core.key_text import parse

IN_PROCESS = (jwt_first_sight, jwt_seen, api_keys, ground, methods, signatures)
SPEED = compared("jwt-first-ES256", "JWT verify", "/s", [80, 90, 70], "PyJWT", [100, 100, 100], Goal(number=0.85, hoped=0.9))
SLOWNESS = compared("flood-verify", "p99", "ms", [3.0], "idle", [2.0], Goal(number=2, at_most=True))


def test_the_figure_of_some_rounds_is_their_median_and_tells_their_range() -> None:
    assert Figure.of([3.0, 1.0, 2.0]) == Figure(2.0, 1.0, 3.0)
    with pytest.raises(ValueError, match="at least one round"):
        Figure.of([])


def test_the_ratio_is_taken_round_by_round_so_that_a_slow_moment_cancels_out() -> None:
    row = compared("key", "what", "/s", [100, 10, 100], "peer", [200, 20, 200])
    assert row.ratio == Figure(0.5, 0.5, 0.5)


def test_rounds_that_do_not_pair_up_have_no_ratio() -> None:
    with pytest.raises(ValueError, match="zip"):
        compared("key", "what", "/s", [1, 2], "peer", [1])


def test_a_floor_and_a_ceiling_are_judged_each_its_way() -> None:
    assert SPEED.verdict == "short"
    assert replace(SPEED, goal=Goal(number=0.8)).verdict == "met"
    assert SLOWNESS.verdict == "met"
    assert replace(SLOWNESS, goal=Goal(number=1.4, at_most=True)).verdict == "short"
    assert alone("start", "start", "s", [1.0]).verdict == ""


def test_without_a_peer_our_own_figure_is_judged() -> None:
    assert alone("api-key", "API key verify", "/s", [49_000.0], Goal(number=50_000)).verdict == "short"
    assert alone("start", "start", "s", [0.4], Goal(number=1.5, at_most=True)).verdict == "met"


def test_a_hope_that_is_not_fulfilled_is_told_and_no_shortcoming() -> None:
    row = replace(SPEED, goal=Goal(number=0.7, hoped=0.9))
    assert row.verdict == "met"
    assert report.verdict_text(row) == "met, hoped for more"
    assert report.verdict_text(replace(SPEED, goal=Goal(number=0.7, hoped=0.75))) == "met"


def test_the_table_tells_both_figures_the_ratio_the_goal_and_the_verdict() -> None:
    table = report.table([SPEED, SLOWNESS, alone("memory", "memory", "MB", [51.0], Goal(number=90, at_most=True))])
    assert (
        "| JWT verify | 80.00 /s [70.00 to 90.00] | PyJWT: 100 /s [100 to 100] | 0.80 [0.70 to 0.90] | ≥ 0.85x (hoped 0.9) | **short** |"
        in table
    )
    assert "| ≤ 2x | met |" in table
    assert "| memory | 51.00 MB [51.00 to 51.00] |  |  | ≤ 90 MB | met |" in table


def test_rows_survive_the_file(tmp_path: Path) -> None:
    report.merge(tmp_path / "latest.json", {"one": [SPEED]}, {"cores": "2"}, "2026-01-01")
    whole = report.merge(tmp_path / "latest.json", {"two": [SLOWNESS]}, {"cores": "2"}, "2026-02-02")
    assert whole == json.loads((tmp_path / "latest.json").read_text())
    assert [report.from_json(row) for name in ("one", "two") for row in whole[name]["rows"]] == [SPEED, SLOWNESS]
    assert (whole["one"]["taken"], whole["two"]["taken"]) == ("2026-01-01", "2026-02-02")


def test_the_page_explains_what_is_short_by_the_note_that_fits_best(tmp_path: Path) -> None:
    said = {"jwt-*": "Tokens.", "jwt-first-*": "First sight.", "flood-verify": "Never shown: it is met.", "general": "All of one core."}
    notes = "".join(f"## {key}\n\n{text}\n\n" for key, text in said.items())
    whole = report.merge(tmp_path / "latest.json", {"one": [SPEED, SLOWNESS]}, {"cores": "2"}, "2026-01-01")
    page = report.page(whole, notes, ["one", "never measured"])
    assert "### JWT verify (PyJWT)\n\nFirst sight.\n" in page
    assert "Never shown" not in page
    assert "All of one core." in page
    assert "Not looked into yet." in report.page(whole, "", ["one"])


def test_percentiles_are_of_the_nearest_rank() -> None:
    assert percentile([float(number) for number in range(100)], 0.99) == 99
    assert percentile([5.0], 0.99) == 5
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2


async def test_a_probe_reads_a_whole_answer_and_no_more() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n")
    reader.feed_eof()
    assert [await answered(reader), await answered(reader)] == [401, 200]
    with pytest.raises(ConnectionError):
        await answered(reader)


async def test_rounds_are_taken_in_turns_and_the_first_is_thrown_away() -> None:
    turns: list[str] = []
    clock = iter(float(number) for number in range(100))

    def subject(name: str) -> Run:
        async def run() -> int:
            turns.append(name)
            return 10

        return run

    found = await rates({"a": lambda: subject("a"), "b": lambda: subject("b")}, 2, lambda: next(clock))
    assert turns == ["a", "b"] * 3
    assert found == {"a": [10.0, 10.0], "b": [10.0, 10.0]}


def test_key_rows_are_in_order_and_the_real_keys_among_them_are_keys(tmp_path: Path) -> None:
    real: list[str] = []
    rows = list(key_rows._rows(10_000, random.Random(1), real))  # noqa: S311 - the same rows in every run
    lookups = [str(row[1]) for row in rows]
    assert lookups == sorted(lookups)
    assert len(set(lookups)) == len(lookups)
    assert all(parse(text).id in lookups for text in real[:50])


@pytest.mark.filterwarnings("ignore")  # what peers say about themselves
async def test_every_in_process_row_can_be_measured() -> None:
    rows: list[Row] = [row for part in IN_PROCESS for row in await part.measure(replace(QUICK, rounds=1, batch=50))]
    assert all(row.ours.value > 0 for row in rows)
    assert len({row.key for row in rows}) == len(rows)
    assert {
        "jwt-first-RS256",
        "jwt-first-ES256-Authlib",
        "jwt-seen-EdDSA",
        "api-key-1000",
        "ground-meter",
        "method-dpop-Authlib",
        "signature-P-256-check",
    } <= {row.key for row in rows}


def test_a_quick_look_prints_and_writes_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(*_: object) -> None:
        pytest.fail("a quick look wrote")

    monkeypatch.setattr("bench.__main__.keep", keep)
    assert main(["--quick", "--only", "ground"]) == 0
    assert "rates taken" in capsys.readouterr().out


def test_a_measurement_that_fails_is_told_and_the_others_go_on(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(effort: object) -> list[Row]:
        raise RuntimeError("no wrk")

    monkeypatch.setitem(MEASUREMENTS, "start", broken)
    assert main(["--quick", "--only", "start", "--only", "ground"]) == 1
    said = capsys.readouterr().out
    assert "could not be measured: RuntimeError: no wrk" in said
    assert "rates taken" in said


def test_every_row_that_the_page_shows_as_short_has_a_note() -> None:
    here = Path(report.__file__).parent
    whole, notes = json.loads((here / "latest.json").read_text("utf-8")), (here / "notes.md").read_text("utf-8")
    assert "Not looked into yet." not in report.page(whole, notes, [*MEASUREMENTS, *ON_DEMAND])


def test_the_page_is_the_one_that_the_figures_make() -> None:
    here = Path(report.__file__).parent
    whole, notes = json.loads((here / "latest.json").read_text("utf-8")), (here / "notes.md").read_text("utf-8")
    assert (here / "README.md").read_text("utf-8") == report.page(whole, notes, [*MEASUREMENTS, *ON_DEMAND])
