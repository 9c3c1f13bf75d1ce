"""Rounds, interleaved: A B C, A B C, …; so a neighbour who takes the machine for a while takes it from all of them."""

import gc
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Run = Callable[[], Awaitable[int]]
"""Does its work and gives how often."""
Prepare = Callable[[], Run]
"""Makes what a round needs, outside of the clock."""


@dataclass(frozen=True, slots=True)
class Effort:
    """`rounds` in a measurement, `seconds` of a round over HTTP, `batch`: operations of an in-process round."""

    rounds: int = 9
    seconds: float = 2.0
    batch: int = 2000
    quick: bool = False


QUICK = Effort(rounds=2, seconds=0.3, batch=100, quick=True)


async def rates(subjects: Mapping[str, Prepare], rounds: int, clock: Callable[[], float] = time.process_time) -> dict[str, list[float]]:
    """Operations a second of CPU time (or of another clock), by subject, a figure a round. One round before is thrown away."""
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds + 1):
        for name, prepare in subjects.items():
            run = prepare()
            gc.collect()
            gc.freeze()  # what other subjects hold is not walked again and again
            began = clock()
            times = await run()
            taken = clock() - began
            gc.unfreeze()
            if number:
                found[name].append(times / taken)
    return found
