"""Who used what, by the minute, without a write per request (PRODUCT 6)."""

from dataclasses import dataclass
from typing import Final

from doorward.core.case import Case
from doorward.core.errors import Refused
from doorward.core.policy import OAUTH
from doorward.core.proof import Proof
from doorward.core.store import Busy, Store, Tx, Unavailable, Use

MOST: Final = 20_000
"""Different (credential, minute, outcome) kept between two flushes; what comes beyond is counted as dropped."""
ADMITTED: Final = "admitted"
ISSUED: Final = "issued"


_Key = tuple[str, int, str]
"""Credential, minute, outcome."""


@dataclass(slots=True)
class _Count:
    count: int
    last_at: float
    address: str


class Usage:
    """An observer of the gate. `flush` writes what has gathered; what cannot be written stays for the next time."""

    def __init__(self) -> None:
        self._gathered: dict[_Key, _Count] = {}
        self.dropped = 0

    def __call__(self, case: Case, refused: Refused | None) -> None:
        """Only credentials that were proven are counted: a flood of bad ones gathers nothing here."""
        outcome = ADMITTED if refused is None else refused.code.value
        for proof in case.proofs.values():
            self._add((_used(proof), int(case.now // 60), outcome), 1, case.now, case.request.address or "")

    def issued(self, client: str, at: float, address: str) -> None:
        """A token was given to this client (Kind.TOKEN_GIVEN)."""
        self._add((client, int(at // 60), ISSUED), 1, at, address)

    def _add(self, key: _Key, count: int, at: float, address: str) -> None:
        known = self._gathered.get(key)
        if known is not None:
            known.count += count
            if at >= known.last_at:
                known.last_at, known.address = at, address
        elif len(self._gathered) < MOST:
            self._gathered[key] = _Count(count, at, address)
        else:
            self.dropped += count

    async def flush(self, store: Store) -> int:
        """How many rows were written. Raises nothing for a store that cannot answer: the counts wait."""
        gathered, self._gathered = self._gathered, {}
        if not gathered:
            return 0

        async def write(tx: Tx) -> None:
            await tx.add_uses([Use(*key, each.count, each.last_at, each.address) for key, each in gathered.items()])

        try:
            await store.write(write)
        except (Busy, Unavailable):
            for key, each in gathered.items():
                self._add(key, each.count, each.last_at, each.address)
            return 0
        return len(gathered)


def _used(proof: Proof) -> str:
    """Tokens are counted by their grant, or by the client that has them without one: each lives for minutes, and a row for
    each would be a write for each."""
    if proof.method not in OAUTH:
        return proof.credential_id
    return str(proof.claims.get("gid") or proof.client or proof.credential_id)
