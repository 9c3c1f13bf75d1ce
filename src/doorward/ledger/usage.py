"""Who used what, by the minute, without a write per request (PRODUCT 6)."""

from typing import Final

from doorward.core.errors import Refused
from doorward.core.gate import Case
from doorward.core.store import Busy, Store, Tx, Unavailable, Use

MOST: Final = 20_000
"""Different (credential, minute, outcome) kept between two flushes; what comes beyond is counted as dropped."""
ADMITTED: Final = "admitted"


class Usage:
    """An observer of the gate. `flush` writes what has gathered; what cannot be written stays for the next time."""

    def __init__(self) -> None:
        self._gathered: dict[tuple[str, int, str], Use] = {}
        self.dropped = 0

    def __call__(self, case: Case, refused: Refused | None) -> None:
        """Only credentials that were proven are counted: a flood of bad ones gathers nothing here."""
        outcome = ADMITTED if refused is None else refused.code.value
        for proof in case.proofs.values():
            self._add(Use(proof.credential_id, int(case.now // 60), outcome, 1, case.now, case.request.address or ""))

    def _add(self, use: Use) -> None:
        key = (use.credential_id, use.minute, use.outcome)
        known = self._gathered.get(key)
        if known is not None:
            newer = use if use.last_at >= known.last_at else known
            self._gathered[key] = Use(*key, known.count + use.count, newer.last_at, newer.address)
        elif len(self._gathered) < MOST:
            self._gathered[key] = use
        else:
            self.dropped += use.count

    async def flush(self, store: Store) -> int:
        """How many rows were written. Raises nothing for a store that cannot answer: the counts wait."""
        gathered, self._gathered = self._gathered, {}
        if not gathered:
            return 0

        async def write(tx: Tx) -> None:
            await tx.add_uses(gathered.values())

        try:
            await store.write(write)
        except (Busy, Unavailable):
            for use in gathered.values():
                self._add(use)
            return 0
        return len(gathered)
