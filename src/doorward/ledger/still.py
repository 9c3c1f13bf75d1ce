"""Is what was proven before a transaction still so within it? A password may be changed while somebody signs in with the old one."""

from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.store import Tx


async def check_still(tx: Tx, proven: Credential) -> None:
    """Raises Refused: BUSY if another verifier took its place since (sign in again), REVOKED if it ended."""
    current = await tx.credential(proven.id)
    if current is None or current.revoked_at is not None:
        raise Refused(Why.REVOKED, note="the password ended during the sign-in")
    if current.verifier != proven.verifier:
        raise Refused(Why.BUSY, "The password was changed meanwhile; sign in again.", retry_after=1.0)
