"""doorward explain: why a request was refused, by its id (`X-Request-Id`, `instance` in the problem document)."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from doorward.cli.frame import Failed, data_dir, data_option, json_option, tell
from doorward.core.clock import moment
from doorward.data_dir import DataDirError
from doorward.ledger.explained import NOT_REACHED
from doorward.ledger.refusals import find_refusal

PATIENCE = 1.5
"""Seconds: a worker writes what it has refused twice a second."""
_MARKS = {"passed": "ok", "refused": "REFUSED", NOT_REACHED: "-"}


@click.command("explain", help="Why a request was refused: what was found, what was proven, the exact reason. For operators only.")
@click.argument("request_id")
@data_option
@json_option
def command(request_id: str, data: str | None, as_json: bool) -> None:
    place = data_dir(data)
    try:
        place.check()
        found = _find(place.path, request_id)
    except DataDirError as reason:
        raise Failed(str(reason), "settings") from None
    except OSError as reason:
        raise Failed(f"what was refused cannot be read: {reason.strerror}; run this as the user of the server") from None
    if found is None:
        raise Failed(
            "no refusal of this request id is known here; only the latest are kept (about 2 MiB a worker), and admitted requests are not",
            "unknown",
        )
    at = found.get("at")
    record = {**found, "at": moment(at) if isinstance(at, int | float) else None}
    tell(as_json, record, "\n".join(f"{name:<8} {_printable(text)}".rstrip() for name, text in _rows(record)))


def _find(folder: Path, request_id: str) -> Mapping[str, Any] | None:
    end = time.monotonic() + PATIENCE
    while (found := find_refusal(folder, request_id)) is None and time.monotonic() < end:
        time.sleep(0.1)
    return found


def _rows(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "request", f"{record.get('request')} at {record.get('at')} from {record.get('address') or 'an unknown address'}"
    if "method" in record:
        yield "asked", f"{record['method']} {record.get('path')} ({record.get('scheme') or 'scheme unknown'})"
        yield "route", f"{record['route']}: {record.get('policy')}" if "route" in record else "none"
        yield "found", _listed(record.get("found"))
        yield "proven", _listed(record.get("proven"))
    for proof in _dicts(record.get("proofs")):
        facts = (f"{name} {_listed(value) if isinstance(value, list) else value}" for name, value in proof.items() if name != "method")
        yield "", f"{proof.get('method')}: {', '.join(facts)}"
    yield "subject", str(record.get("subject") or "nobody")
    yield "refused", f"{record.get('why')}: {record.get('meaning')}"
    yield "note", str(record.get("note") or "none")
    for name in ("scopes", "roles"):
        if isinstance(asked := record.get(name), Mapping):
            yield name, f"asked {_listed(asked.get('asked'))}; held {_listed(asked.get('held'))}; missing {_listed(asked.get('missing'))}"
    for name, value in _mapping(record.get("facts")).items():
        yield "fact", f"{name}: {_fact(name, value)}"
    for name, outcome in _pairs(record.get("checks")):
        yield "check", f"{_MARKS.get(outcome, outcome):<8} {name.replace('_', ' ')}"
    yield "told", str(record.get("code"))


def _fact(name: str, value: object) -> str:
    if name == "clock_skew" and isinstance(value, int | float):
        return f"the caller's clock is {abs(value):.1f} seconds {'ahead' if value > 0 else 'behind'}"
    return repr(value) if isinstance(value, str) else str(value)  # a signing text has several lines


def _listed(names: object) -> str:
    return " ".join(map(str, names)) if isinstance(names, list) and names else "nothing"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _dicts(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _pairs(value: object) -> list[tuple[str, str]]:
    listed = value if isinstance(value, list) else []
    return [(str(each[0]), str(each[1])) for each in listed if isinstance(each, list) and len(each) == 2]


def _printable(text: str) -> str:
    """Callers chose some of it: it may not steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
