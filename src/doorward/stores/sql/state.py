"""Marks that are spent once, and rates (GCRA in microseconds, `core.limit`). One statement each: no read, check, write."""

from typing import Final

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS once (key BLOB NOT NULL PRIMARY KEY, until REAL NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS meter (key TEXT NOT NULL PRIMARY KEY, arrival INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS facts (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
)

SPEND: Final = """INSERT INTO once (key, until) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE once.until <= $3 RETURNING 1"""

TAKE: Final = """INSERT INTO meter (key, arrival) VALUES ($1, $2 + $3)
ON CONFLICT (key) DO UPDATE SET arrival = CASE
    WHEN meter.arrival > $6 THEN $5 WHEN meter.arrival > $2 THEN meter.arrival + $3 ELSE $2 + $3 END
WHERE meter.arrival <= $2 + $4 - $3 OR meter.arrival > $6 RETURNING arrival"""
"""key, now, step, depth, full, set back. No row, or one later than now + depth: refused."""
LOOK: Final = "SELECT arrival FROM meter WHERE key = $1"
SET_BACK: Final = "UPDATE meter SET arrival = $2 WHERE key = $1 AND arrival > $3"
"""key, full, set back."""
GIVE_BACK: Final = "UPDATE meter SET arrival = arrival - $2 WHERE key = $1 RETURNING arrival"

# Without an index on their ends, which every request would pay for, expired rows are found by walking the keys.
WALK: Final = {
    "once": "SELECT max(key) FROM (SELECT key FROM once WHERE key > $1 ORDER BY key LIMIT $2)",
    "meter": "SELECT max(key) FROM (SELECT key FROM meter WHERE key > $1 ORDER BY key LIMIT $2)",
}
SWEEP: Final = {
    "once": "DELETE FROM once WHERE key > $1 AND key <= $2 AND until <= $3",
    "meter": "DELETE FROM meter WHERE key > $1 AND key <= $2 AND arrival <= $3",
}
