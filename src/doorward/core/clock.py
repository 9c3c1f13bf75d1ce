"""Time as an argument. All times are seconds since the epoch, UTC, as float; all spans are seconds."""

import re
from collections.abc import Callable
from typing import Final

Clock = Callable[[], float]
Entropy = Callable[[int], bytes]
"""`entropy(n)` gives n random bytes; `os.urandom` outside of tests."""

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SPAN: Final = re.compile(r"([0-9]{1,9})(ms|s|m|h|d|w)")


def span(text: str) -> float:
    """Seconds of "10s", "5m", "24h", "30d", "2w", "250ms"; a bare "0" is nought.

    Raises ValueError with a sentence that says what is understood.
    """
    if text == "0":
        return 0.0
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a length of time; write a whole number and a unit, such as 10s, 5m, 24h, 30d")
    return int(match[1]) * _UNITS[match[2]]
