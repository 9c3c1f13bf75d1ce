"""The ledger's revocations, as an operator uses them without knowing how long each token was made to live."""

from doorward.core.revoked import LONGEST_LIFE
from doorward.core.store import Store
from doorward.ledger.revoke import Revoke

__all__ = ["LONGEST_LIFE", "taking_back"]


def taking_back(store: Store) -> Revoke:
    return Revoke(store, LONGEST_LIFE)
