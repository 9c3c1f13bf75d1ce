"""JSON in which no member may appear twice (RFC 8725 section 2.6, RFC 7515 section 4: two readers must not read two things)."""

import json
from collections.abc import Callable
from typing import Final

from doorward.core.errors import Refused, Why


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member appears twice")
    return members


def _refuse_constant(text: str) -> object:
    raise ValueError(f"{text} is not JSON")  # RFC 8259 section 6


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse_constant)
_scan: Final[Callable[[str, int], tuple[object, int]]] = _DECODER.scan_once  # type: ignore[attr-defined]  # typeshed leaves it out


def read_object(data: bytes) -> dict[str, object]:
    """A JSON object. Raises Refused(MALFORMED): not UTF-8, not JSON, not an object, a member twice, nested too deep."""
    try:
        text = data.decode()
        read, end = _scan(text, 0) if text.startswith("{") else (None, -1)
        if end != len(text):
            read = _DECODER.decode(text)  # white space around it, or something that should not be there
    except (ValueError, RecursionError, StopIteration) as reason:  # the scanner's word for a value that is not there
        raise Refused(Why.MALFORMED, note=f"JSON: {reason.__class__.__name__}") from None
    if type(read) is not dict:
        raise Refused(Why.MALFORMED, note="JSON, but not an object")
    return read
