"""What /metrics shows: this worker's counters, and how they are told to the worker that is asked.

Names of labels and their values come from closed lists of ours, never from a request: nothing secret, nothing endless.
Each worker writes its lines into a file of its own; whoever is asked shows all files of living workers, with the label
`worker`, so that no count goes backwards (docs/adr/0006).
"""

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from doorward.web.outcome import Outcome

BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_MOST_SERIES: Final = 2_000
_HELP: Final = {
    "doorward_requests_total": ("counter", "Decisions by authentication method, public answer and private reason."),
    "doorward_decision_seconds": ("histogram", "Time from a request's arrival to its decision."),
    "process_resident_memory_bytes": ("gauge", "Memory of the worker."),
}

Gauges = Mapping[str, tuple[str, Callable[[], float]]]
"""Name -> its help, and how to read it."""


class Metrics:
    """An observer of outcomes. `folder`: where workers leave their lines for each other; None: this worker alone."""

    def __init__(self, gauges: Gauges | None = None, folder: Path | None = None, worker: int | None = None) -> None:
        self._gauges, self._folder, self._worker = gauges or {}, folder, os.getpid() if worker is None else worker
        self._counts: dict[tuple[str, str, str], int] = {}
        self._decided: dict[str, list[int]] = {"admitted": [0] * (len(BUCKETS) + 1), "refused": [0] * (len(BUCKETS) + 1)}
        self._seconds = {"admitted": 0.0, "refused": 0.0}

    def __call__(self, outcome: Outcome) -> None:
        refused = outcome.refused
        key = (outcome.method, refused.code.value if refused else "admitted", refused.why.name.lower() if refused else "")
        if key not in self._counts and len(self._counts) >= _MOST_SERIES:
            key = ("", key[1], key[2])
        self._counts[key] = self._counts.get(key, 0) + 1
        kind = "refused" if refused else "admitted"
        seconds = max(0.0, outcome.seconds)
        self._decided[kind][bisect_left(BUCKETS, seconds)] += 1
        self._seconds[kind] += seconds

    def lines(self) -> list[str]:
        """NAME{labels} value, without the worker's label."""
        found = [
            f'doorward_requests_total{{method="{method}",outcome="{outcome}",why="{why}"}} {count}'
            for (method, outcome, why), count in self._counts.items()
        ]
        for kind, counts in self._decided.items():
            total = 0
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                total += count
                found.append(f'doorward_decision_seconds_bucket{{kind="{kind}",le="{bound}"}} {total}')
            found.append(f'doorward_decision_seconds_sum{{kind="{kind}"}} {self._seconds[kind]:.6f}')
            found.append(f'doorward_decision_seconds_count{{kind="{kind}"}} {total}')
        found.append(f"process_resident_memory_bytes{{}} {resident_bytes()}")
        found += [f"{name}{{}} {read():.6g}" for name, (_, read) in self._gauges.items()]
        return found

    def share(self) -> None:
        """Leaves this worker's lines for the others; to be called about once a second."""
        if self._folder is None:
            return
        target = self._folder / f"{self._worker}.metrics"
        passing = target.with_suffix(".new")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            passing.write_text("\n".join(self.lines()), "utf-8")
            passing.replace(target)
        except OSError:
            return  # a full disk costs figures, never requests

    def text(self) -> str:
        """The Prometheus exposition, version 0.0.4: own lines fresh, the others' as they left them."""
        workers = {self._worker: self.lines(), **self._others()}
        known = {**_HELP, **{name: ("gauge", about) for name, (about, _) in self._gauges.items()}}
        told: list[str] = []
        for name, (kind, about) in known.items():
            told += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
            told += _labelled(name, workers)
        return "\n".join(told) + "\n"

    def _others(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        if self._folder is None:
            return found
        for path in sorted(self._folder.glob("*.metrics")):
            if path.stem == str(self._worker) or not path.stem.isdecimal():
                continue
            if not Path(f"/proc/{path.stem}").exists() and Path("/proc/self").exists():
                path.unlink(missing_ok=True)
                continue
            try:
                found[int(path.stem)] = path.read_text("utf-8").split("\n")
            except OSError:
                continue  # gone between the two looks
        return found


def _labelled(name: str, workers: Mapping[int, Iterable[str]]) -> list[str]:
    told = []
    for worker, lines in workers.items():
        for line in lines:
            series, mark, rest = line.partition("{")
            if mark and series.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") == name:
                told.append(f'{series}{{worker="{worker}"{"" if rest.startswith("}") else ","}{rest}')
    return told


def resident_bytes() -> int:
    """Of this process; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
