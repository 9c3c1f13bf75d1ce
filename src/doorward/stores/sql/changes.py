"""What every worker must know, with its ordered `seq` (DECISIONS 30)."""

from typing import Final

from doorward.core.event import Change, Topic
from doorward.stores.sql import Row

ANNOUNCE: Final = "INSERT INTO changes (topic, id, at, until) VALUES ($1, $2, $3, $4) RETURNING seq"
SINCE: Final = "SELECT seq, topic, id, at, until FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2"
LATEST_ON_SQLITE: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'changes'"
"""The highest that was ever given, also when its row was swept."""
SWEEP: Final = "DELETE FROM changes WHERE seq IN (SELECT seq FROM changes WHERE until < $1 ORDER BY until LIMIT $2) RETURNING 1"


def change_of(row: Row) -> Change:
    seq, topic, id, at, until = row
    return Change(topic=Topic(topic), id=id, at=at, until=until, seq=seq)


def row_of(change: Change) -> Row:
    """The parameters of `ANNOUNCE`."""
    return change.topic.value, change.id, change.at, change.until
