"""Rates as arithmetic (GCRA). The counters live in a store (`core.store.Meter`)."""

import re
from dataclasses import dataclass
from typing import Final

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SET_BACK: Final = 60_000_000
"""Microseconds. A theoretical arrival time that is further ahead than its rate allows, and by this much, was written
before the clock was set back: it then counts as `Rate.full`. Less than this is a request that was long on its way."""
_RATE: Final = re.compile(r"([1-9][0-9]{0,8})/(s|m|h|d)")


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` requests in each `seconds`, all of which may come at once after a pause."""

    count: int
    seconds: int

    def __post_init__(self) -> None:
        if not 0 < self.count <= self.seconds * 1_000_000:
            raise ValueError(f"a rate of {self.count} in {self.seconds} s is not kept; it is at least one, and at most 1000000 a second")

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Of "100/m", "5/s", "1000/h", "10000/d". Raises ValueError."""
        match = _RATE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:40]!r} is not a rate; write a number, a slash and s, m, h or d, such as 100/m")
        return cls(int(match[1]), _SECONDS[match[2]])

    def __str__(self) -> str:
        return f"{self.count}/{next(unit for unit, seconds in _SECONDS.items() if seconds == self.seconds)}"

    @property
    def step(self) -> int:
        """Microseconds that one request costs (the emission interval T of GCRA)."""
        return self.seconds * 1_000_000 // self.count

    @property
    def depth(self) -> int:
        """Microseconds by which the theoretical arrival time may run ahead of now."""
        return self.step * self.count

    def full(self, now: int) -> int:
        """An arrival time at which nothing may follow, and no taking leads to."""
        return now + self.depth + 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the meter said: `remaining` requests may follow at once; the whole rate is back after `reset` seconds."""

    allowed: bool
    rate: Rate
    remaining: int
    reset: float
    retry_after: float = 0.0


def verdict(rate: Rate, arrival: int, now: int, *, allowed: bool) -> Verdict:
    """The verdict at `now` when the stored theoretical arrival time is `arrival` (both microseconds)."""
    ahead = max(0, arrival - now)
    remaining = max(0, (rate.depth - ahead) // rate.step)
    wait = 0 if allowed else max(0, ahead + rate.step - rate.depth)
    return Verdict(allowed, rate, remaining, ahead / 1_000_000, wait / 1_000_000)
