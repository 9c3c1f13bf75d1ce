"""Each check with its outcome, as it happens, and the table at the end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

COLUMNS: Final = ("used", "forged", "refused", "revoked")
"""Used for real; forged once; genuine and still refused (scope, replay, CSRF, limit …); revoked and refused."""


@dataclass
class Tally:
    """`say` is told of each check."""

    say: Callable[[str], None]
    rows: dict[str, dict[str, list[bool]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def note(self, row: str, column: str, what: str, *, passed: bool, seen: str = "") -> None:
        self.rows.setdefault(row, {name: [] for name in COLUMNS})[column].append(passed)
        self.say(f"  {'ok  ' if passed else 'FAIL'} {row}: {what}" + ("" if passed else f" (saw {seen})"))
        if not passed:
            self.failures.append(f"{row}: {what}: saw {seen}")

    @property
    def passed(self) -> int:
        return sum(outcome for row in self.rows.values() for outcomes in row.values() for outcome in outcomes)

    def table(self) -> str:
        width = max(len(row) for row in self.rows) if self.rows else 0
        lines = [f"{'':{width}}  " + "  ".join(f"{name:>8}" for name in COLUMNS)]
        for row, columns in self.rows.items():
            cells = (f"{sum(columns[name])}/{len(columns[name])}" if columns[name] else "-" for name in COLUMNS)
            lines.append(f"{row:{width}}  " + "  ".join(f"{cell:>8}" for cell in cells))
        return "\n".join(lines)

    def summary(self) -> str:
        return f"{self.passed} passed, {len(self.failures)} failed"

    def as_json(self) -> dict[str, object]:
        return {"rows": {row: {name: [sum(o), len(o)] for name, o in columns.items()} for row, columns in self.rows.items()},
                "passed": self.passed, "failed": len(self.failures), "failures": self.failures}  # fmt: skip
