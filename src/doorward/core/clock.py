"""Time as an argument. All times are seconds since the epoch, UTC, as float; all spans are seconds."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

Clock = Callable[[], float]
Entropy = Callable[[int], bytes]
"""`entropy(n)` gives n random bytes; `os.urandom` outside of tests."""


class Drawn:
    """Entropy drawn 4 KiB at a time, for what must be unlike any other but need not be secret, such as request ids: asking
    the system for each is a twentieth of a request. Made in the process that uses it."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy, self._drawn, self._at = entropy, b"", 0

    def __call__(self, count: int) -> bytes:
        if self._at + count > len(self._drawn):
            self._drawn, self._at = self._entropy(max(4096, count)), 0
        found = self._drawn[self._at : self._at + count]
        self._at += count
        return found


_LAST: Final = 253402300799.0
"""The last second of the year 9999: RFC 3339 writes none after it."""
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


def moment(at: float | None) -> str | None:
    """A time as people and programs are told it: RFC 3339 (ISO 8601), UTC, to the second."""
    return datetime.fromtimestamp(min(at, _LAST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None
