import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from doorward.core.errors import Refused, Why
from doorward.core.store import Unavailable
from doorward.web.health import Check, Health, HealthOptions, holds, store_answers
from doorward.web.metrics import Metrics, resident_bytes
from doorward.web.outcome import Outcome
from tests.web.door import NOW, Told, call


def health(checks: dict[str, Check] | None = None, metrics: Metrics | None = None, **options: Any) -> Health:
    return Health(checks or {}, metrics or Metrics(), HealthOptions(**options))


def outcome(why: Why | None = None, seconds: float = 0.0003) -> Outcome:
    return Outcome("id", None, Refused(why, note="secret") if why else None, 200, NOW, seconds)


async def full() -> str | None:
    raise Unavailable("the disk is full")


async def test_a_process_that_runs_is_healthy_whatever_its_parts_say() -> None:
    told = await call(health({"store": full}), "/healthz")
    assert (told.status, json.loads(told.body)) == (200, {"status": "ok"})


async def test_ready_when_every_part_is() -> None:
    told = await call(health({"watch": holds(lambda: True, "it lags")}), "/readyz")
    assert (told.status, json.loads(told.body)) == (200, {"status": "ready"})


async def test_not_ready_says_which_part_and_why_to_listed_peers_only() -> None:
    checks = {"store": full, "watch": holds(lambda: False, "changes were not read for 2 s"), "keys": holds(lambda: True, "")}
    told = await call(health(checks), "/readyz")
    assert told.status == 503
    assert json.loads(told.body)["reasons"] == {"store": "the disk is full", "watch": "changes were not read for 2 s"}
    told = await call(health(checks), "/readyz", peer="192.0.2.1")
    assert (told.status, json.loads(told.body)) == (503, {"status": "not ready"})


async def test_a_part_that_hangs_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.web.health._PATIENCE", 0.01)

    async def hang() -> str | None:
        await asyncio.sleep(60)
        return None

    assert (await call(health({"store": hang}), "/readyz")).status == 503


async def test_figures_are_for_listed_peers() -> None:
    assert (await call(health(), "/metrics", peer="192.0.2.1")).status == 403
    assert (await call(health(allow=("192.0.2.0/24",)), "/metrics", peer="192.0.2.1")).status == 200


async def test_head_has_no_content_and_other_methods_are_refused() -> None:
    told = await call(health(), "/healthz", "HEAD")
    assert (told.status, told.body) == (200, b"")
    assert (await call(health(), "/healthz", "POST")).status == 405


async def metrics_text(metrics: Metrics) -> str:
    told: Told = await call(health(metrics=metrics), "/metrics")
    assert told.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    return told.body.decode()


async def test_decisions_are_counted_by_method_answer_and_reason() -> None:
    metrics = Metrics({"doorward_revocation_lag_seconds": ("How old the last change was when it was read.", lambda: 0.25)}, worker=7)
    for why in (None, None, Why.UNKNOWN):
        metrics(outcome(why))
    text = await metrics_text(metrics)
    assert 'doorward_requests_total{worker="7",method="",outcome="admitted",why=""} 2' in text
    assert 'doorward_requests_total{worker="7",method="",outcome="invalid_credential",why="unknown"} 1' in text
    assert 'doorward_decision_seconds_bucket{worker="7",kind="admitted",le="0.00025"} 0' in text
    assert 'doorward_decision_seconds_bucket{worker="7",kind="admitted",le="0.0005"} 2' in text
    assert 'doorward_decision_seconds_bucket{worker="7",kind="admitted",le="+Inf"} 2' in text
    assert 'doorward_decision_seconds_count{worker="7",kind="refused"} 1' in text
    assert 'doorward_revocation_lag_seconds{worker="7"} 0.25' in text
    assert "secret" not in text
    for name in ("doorward_requests_total", "doorward_decision_seconds", "process_resident_memory_bytes"):
        assert text.count(f"# TYPE {name} ") == 1


async def test_any_worker_shows_all_living_ones(tmp_path: Path) -> None:
    one, two = Metrics(folder=tmp_path / "m"), Metrics(folder=tmp_path / "m", worker=1)  # process 1 always lives
    two(outcome())
    two.share()
    (tmp_path / "m" / "999999999.metrics").write_text('doorward_requests_total{method="gone"} 1')
    (tmp_path / "m" / "odd.metrics").write_text("x")
    one(outcome())
    text = await metrics_text(one)
    assert 'doorward_requests_total{worker="1",method="",outcome="admitted",why=""} 1' in text
    assert text.count("doorward_requests_total{") == 2
    assert not (tmp_path / "m" / "999999999.metrics").exists()


def test_a_folder_that_cannot_be_written_costs_figures_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    Metrics(folder=tmp_path / "file").share()


def test_a_clock_that_jumps_back_is_no_error() -> None:
    metrics = Metrics()
    metrics(outcome(seconds=-5.0))
    assert 'doorward_decision_seconds_bucket{kind="admitted",le="0.0001"} 1' in metrics.lines()


def test_memory_is_told() -> None:
    assert resident_bytes() > 1_000_000


async def test_the_store_is_asked() -> None:
    class Broken:
        class changes:  # noqa: N801 - stands for the port
            @staticmethod
            async def latest() -> int:
                raise Unavailable("gone")

    broken: Any = Broken()
    told = await call(health({"store": store_answers(broken)}), "/readyz")
    assert json.loads(told.body)["reasons"] == {"store": "gone"}
