"""The ledger's revocations, as an operator uses them without knowing how long each token was made to live."""

from typing import Final

from doorward.core.store import Store
from doorward.ledger.revoke import Revoke

LONGEST_LIFE: Final = 90 * 86400.0
"""Workers remember a revocation for so long: no self-contained token lives longer."""


def taking_back(store: Store) -> Revoke:
    return Revoke(store, LONGEST_LIFE)
