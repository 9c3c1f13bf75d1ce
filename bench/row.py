"""What a measurement gives: rows, each with our figure, perhaps a peer's, perhaps a goal, and the verdict between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of several rounds, and their range."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, rounds: Sequence[float]) -> "Figure":
        """Raises ValueError for no rounds at all."""
        if not rounds:
            raise ValueError("a figure needs at least one round")
        return cls(median(rounds), min(rounds), max(rounds))


def ratio_of(ours: Sequence[float], theirs: Sequence[float]) -> Figure:
    """Round by round: what slowed the machine for a while slowed both, and cancels out."""
    return Figure.of([one / other for one, other in zip(ours, theirs, strict=True)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """`number` is a floor, or with `at_most` a ceiling; of the ratio to the peer where the row has one, else of our figure.

    `hoped`: what would please, and is told, but does not make a row short.
    """

    number: float
    at_most: bool = False
    hoped: float | None = None

    def reached(self, value: float) -> bool:
        return value <= self.number if self.at_most else value >= self.number

    def pleased(self, value: float) -> bool:
        return self.hoped is None or (value <= self.hoped if self.at_most else value >= self.hoped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`key` names the row for its note in notes.md. `unit` is of both figures; `aside` is said after the row's name."""

    key: str
    what: str
    unit: str
    ours: Figure
    peer: str = ""
    theirs: Figure | None = None
    ratio: Figure | None = None
    goal: Goal | None = None
    aside: str = ""

    @property
    def judged(self) -> float:
        return self.ratio.value if self.ratio is not None else self.ours.value

    @property
    def verdict(self) -> str:
        """ "met", "short", or "" where there is no goal."""
        if self.goal is None:
            return ""
        return "met" if self.goal.reached(self.judged) else "short"


def compared(
    key: str, what: str, unit: str, ours: Sequence[float], peer: str, theirs: Sequence[float], goal: Goal | None = None, aside: str = ""
) -> Row:
    return Row(
        key=key,
        what=what,
        unit=unit,
        ours=Figure.of(ours),
        peer=peer,
        theirs=Figure.of(theirs),
        ratio=ratio_of(ours, theirs),
        goal=goal,
        aside=aside,
    )


def alone(key: str, what: str, unit: str, ours: Sequence[float], goal: Goal | None = None, aside: str = "") -> Row:
    return Row(key=key, what=what, unit=unit, ours=Figure.of(ours), goal=goal, aside=aside)
