"""Many API keys in a database, laid in by SQL: a few real ones, evenly spread among others that only take their place.

A row takes the same room either way; a real key costs 20 µs of Python to make, a mute one nearly nothing. The real ones
are more than the pages that any cache holds, and are asked for in random order: what a reader pays is what he would pay
if all were real.
"""

import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from doorward.core.credential import Credential
from doorward.core.key_text import DIGITS, ID_DIGITS, check_digits
from doorward.crypto.digest import Peppers
from doorward.stores.sql import credentials
from doorward.stores.sqlite_file import placeholders

PEPPERS: Final = Peppers({"bench": bytes(range(32))}, "bench")
_REAL: Final = 100_000
_BUCKETS: Final = len(DIGITS) ** 2
_TO_DIGITS: Final = bytes(DIGITS[number % len(DIGITS)].encode()[0] for number in range(256))


def fill(path: Path, count: int, seed: int = 7) -> list[str]:
    """Adds `count` keys to a database that has its schema; gives the real ones, shuffled."""
    chance = random.Random(seed)  # noqa: S311 - the same rows in every run
    real: list[str] = []
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -262144")
        indices = db.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'credentials' AND sql <> ''"
        ).fetchall()
        for name, _ in indices:
            db.execute(f"DROP INDEX {name}")
        db.execute("BEGIN")
        db.executemany(placeholders(credentials.ADD).partition(" ON CONFLICT")[0], _rows(count, chance, real))
        for _, statement in indices:
            db.execute(statement)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()
    chance.shuffle(real)
    return real


def _rows(count: int, chance: random.Random, real: list[str]) -> Iterator[tuple[object, ...]]:
    """In the order of their lookups, so that the table is written from left to right."""
    every = max(1, count // _REAL)
    template = list(credentials.row_of(_credential()))
    now, number = time.time(), 0
    for bucket, size in enumerate(_sizes(count)):
        first, second = divmod(bucket, len(DIGITS))
        head, tails = DIGITS[first] + DIGITS[second], ID_DIGITS - 2
        noise = chance.randbytes(size * tails).translate(_TO_DIGITS).decode()
        secrets = chance.randbytes(size * 32)
        ids = sorted({head + noise[at : at + tails] for at in range(0, size * tails, tails)})
        for at, id in enumerate(ids):
            verifier = secrets[at * 32 : at * 32 + 32]
            if number % every == 0:
                text = _key(id, chance)
                real.append(text)
                verifier = PEPPERS.mac(text.encode())
            row = template.copy()
            row[1], row[2], row[3], row[5], row[6] = id, id, verifier, f"app-{number % 100_003}", now
            yield tuple(row)
            number += 1


def _sizes(count: int) -> list[int]:
    return [count // _BUCKETS + (number < count % _BUCKETS) for number in range(_BUCKETS)]


def _key(id: str, chance: random.Random) -> str:
    before = f"sk_live_{id}{chance.randbytes(43).translate(_TO_DIGITS).decode()}"
    return before + check_digits(before)


def _credential() -> Credential:
    return Credential(
        id="0",
        method="api_key",
        lookup="0",
        verifier=bytes(32),
        owner="app",
        created_at=0.0,
        key_id=PEPPERS.current,
        name="a key for measuring",
        scopes=frozenset({"read:pets", "write:pets"}),
        kind="secret",
        start="sk_live_0000",
        last4="0000",
    )
