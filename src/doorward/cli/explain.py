"""doorward explain: why a request was refused, by its id (`X-Request-Id`, `instance` in the problem document)."""

from collections.abc import Mapping

import click

from doorward.cli.frame import Failed, data_dir, data_option, json_option, tell
from doorward.core.clock import moment
from doorward.data_dir import DataDirError
from doorward.ledger.refusals import find_refusal


@click.command("explain", help="Why a request was refused: what was found, what was proven, the exact reason. For operators only.")
@click.argument("request_id")
@data_option
@json_option
def command(request_id: str, data: str | None, as_json: bool) -> None:
    place = data_dir(data)
    try:
        place.check()
        found = find_refusal(place.path, request_id)
    except DataDirError as reason:
        raise Failed(str(reason), "settings") from None
    except OSError as reason:
        raise Failed(f"what was refused cannot be read: {reason.strerror}; run this as the user of the server") from None
    if found is None:
        raise Failed(
            "no refusal of this request id is known here; only the latest are kept, and one is written some seconds after it was answered",
            "unknown",
        )
    at = found.get("at")
    record = found | {"at": moment(at) if isinstance(at, int | float) else None}
    tell(as_json, record, _text(record))


def _text(record: Mapping[str, object]) -> str:
    rows = {
        "request": f"{record.get('request')} at {record.get('at')} from {record.get('address') or 'an unknown address'}",
        "asked": f"{record.get('method')} {record.get('path')}",
        "route": record.get("route") or "none",
        "found": _listed(record.get("found")),
        "proven": _listed(record.get("proven")),
        "subject": record.get("subject") or "nobody",
        "refused": f"{record.get('why')}: {record.get('meaning')}",
        "note": record.get("note") or "none",
        "told": record.get("code"),
    }
    return "\n".join(f"{name:<8} {_printable(str(value))}" for name, value in rows.items())


def _listed(names: object) -> str:
    return " ".join(map(str, names)) if isinstance(names, list) and names else "nothing"


def _printable(text: str) -> str:
    """Callers chose some of it: it may not steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
