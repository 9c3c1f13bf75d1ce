"""Use counts by credential, minute and outcome."""

from typing import Final

from doorward.core.store import Use
from doorward.stores.sql import Row

ADD: Final = """INSERT INTO uses (credential_id, minute, outcome, count, last_at, address) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (credential_id, minute, outcome) DO UPDATE SET
    count = uses.count + excluded.count,
    address = CASE WHEN excluded.address <> '' AND excluded.last_at >= uses.last_at THEN excluded.address ELSE uses.address END,
    last_at = CASE WHEN excluded.last_at > uses.last_at THEN excluded.last_at ELSE uses.last_at END"""
READ: Final = """SELECT credential_id, minute, outcome, count, last_at, address FROM uses
WHERE credential_id = $1 AND minute >= $2 ORDER BY minute, outcome"""
LAST: Final = """SELECT max(last_at) FROM uses WHERE credential_id = $1
AND minute = (SELECT max(minute) FROM uses WHERE credential_id = $1)"""


def use_of(row: Row) -> Use:
    return Use(*row)


def row_of(use: Use) -> Row:
    """The parameters of `ADD`."""
    return use.credential_id, use.minute, use.outcome, use.count, use.last_at, use.address
