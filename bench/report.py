"""latest.json, and README.md made of it: so the table tells what was measured, and nothing else."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from bench.row import Figure, Goal, Row

HEAD: Final = """# How fast doorward is

`make bench` measures all of this anew; this page is made by it. The peers run in the same run, in turns with ours, and the ratio
is the median of the rounds' ratios (in brackets: the lowest and the highest): look at ratios, not at seconds.
How each row is measured stands in the head of its file in this folder.
"""
WIDE: Final = 100


def to_json(row: Row) -> dict[str, Any]:
    return {**asdict(row), "verdict": row.verdict}


def from_json(data: Mapping[str, Any]) -> Row:
    theirs, ratio, goal = data["theirs"], data["ratio"], data["goal"]
    return Row(
        key=data["key"],
        what=data["what"],
        unit=data["unit"],
        ours=Figure(**data["ours"]),
        peer=data["peer"],
        theirs=Figure(**theirs) if theirs is not None else None,
        ratio=Figure(**ratio) if ratio is not None else None,
        goal=Goal(**goal) if goal is not None else None,
        aside=data["aside"],
    )


def merge(path: Path, measured: Mapping[str, Sequence[Row]], machine: Mapping[str, str], taken: str) -> dict[str, Any]:
    """What was measured now takes the place of what was; the rest stays, with its own date."""
    whole: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name, rows in measured.items():
        whole[name] = {"taken": taken, "machine": dict(machine), "rows": [to_json(row) for row in rows]}
    path.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", "utf-8")
    return whole


def page(whole: Mapping[str, Any], notes: str, order: Iterable[str]) -> str:
    said = read_notes(notes)
    parts = [HEAD]
    short: list[Row] = []
    for name in (name for name in order if name in whole):
        rows = [from_json(each) for each in whole[name]["rows"]]
        short += [row for row in rows if row.verdict == "short"]
        facts = ", ".join(f"{fact} {value}" for fact, value in sorted(whole[name]["machine"].items()))
        parts += [f"\n## {name.replace('_', ' ')}\n\nMeasured on {whole[name]['taken']}: {facts}.\n\n{table(rows)}"]
    parts.append("\n## What is short, and why\n")
    parts += [f"\n### {row.what}{f' ({row.peer})' if row.peer else ''}\n\n{_note(row.key, said)}\n" for row in short] or ["\nNothing.\n"]
    if general := said.get("general"):
        parts.append(f"\n## Notes\n\n{general}\n")
    return "".join(parts)


def table(rows: Sequence[Row]) -> str:
    lines = ["| what | ours | peer | ratio | goal | |", "|---|---:|---|---:|---:|---|"]
    for row in rows:
        what = row.what + (f" ({row.aside})" if row.aside else "")
        peer = f"{row.peer}: {amount(row.theirs, row.unit)}" if row.theirs is not None else ""
        ratio = f"{row.ratio.value:.2f} [{row.ratio.low:.2f} to {row.ratio.high:.2f}]" if row.ratio is not None else ""
        lines.append(f"| {what} | {amount(row.ours, row.unit)} | {peer} | {ratio} | {goal_text(row)} | {verdict_text(row)} |")
    return "\n".join(lines) + "\n"


def amount(figure: Figure, unit: str) -> str:
    def short(value: float) -> str:
        return f"{value:,.0f}" if value >= WIDE else f"{value:.2f}"

    return f"{short(figure.value)} {unit} [{short(figure.low)} to {short(figure.high)}]"


def goal_text(row: Row) -> str:
    if row.goal is None:
        return ""
    sign = "≤" if row.goal.at_most else "≥"
    unit = "x" if row.ratio is not None else f" {row.unit}".replace(" x", "x")
    hoped = f" (hoped {row.goal.hoped:g})" if row.goal.hoped is not None else ""
    return f"{sign} {row.goal.number:,g}{unit}{hoped}" if row.goal.number < WIDE else f"{sign} {row.goal.number:,.0f}{unit}{hoped}"


def verdict_text(row: Row) -> str:
    if row.verdict == "met" and row.goal is not None and not row.goal.pleased(row.judged):
        return "met, hoped for more"
    return f"**{row.verdict}**" if row.verdict == "short" else row.verdict


def read_notes(text: str) -> dict[str, str]:
    """`## key` and what follows. A key may end in `*`: it stands for all rows that begin so."""
    found = re.split(r"(?m)^## (.+)$", text)
    return {key.strip(): body.strip() for key, body in zip(found[1::2], found[2::2], strict=True)}


def _note(key: str, said: Mapping[str, str]) -> str:
    if key in said:
        return said[key]
    fitting = [name for name in said if name.endswith("*") and key.startswith(name[:-1])]
    return said[max(fitting, key=len)] if fitting else "Not looked into yet."
