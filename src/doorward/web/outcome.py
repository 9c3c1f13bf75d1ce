"""What became of a request: for the counters, the usage, the log line and the ring that `explain` reads."""

from collections.abc import Callable
from typing import NamedTuple

from doorward.core.case import Case
from doorward.core.errors import Refused


class Outcome(NamedTuple):
    """`case` is None when the request could not even be read. `status` is the answer's; `seconds` the gate's time.

    `refused` holds private notes: for operators only.
    """

    request_id: str
    case: Case | None
    refused: Refused | None
    status: int
    at: float
    seconds: float

    @property
    def method(self) -> str:
        """The authentication methods that admitted, joined by `+`; or those that were shown; or nothing."""
        if self.case is None:
            return ""
        return "+".join(self.case.proofs or self.case.shown)


Observe = Callable[[Outcome], None]


def ignore(outcome: Outcome) -> None:
    """Observes nothing."""
