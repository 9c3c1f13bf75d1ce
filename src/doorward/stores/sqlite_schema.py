"""Migrations: forward only, in one transaction, under the write lock."""

import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from doorward.core.clock import Clock
from doorward.core.store import Unavailable
from doorward.stores.sqlite_file import connect, unavailable
from doorward.stores.sqlite_lock import WriteLock

_MADE = "CREATE TABLE IF NOT EXISTS migrations (number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at REAL NOT NULL) STRICT"


def migrate(path: Path, clock: Clock) -> bool:
    """Brings the database to this code's schema; true if there was none before.

    Raises Unavailable, also for a database newer than the code."""
    known, made = migrations(), False
    try:
        db = connect(path, busy=5.0)
        try:
            if _version(db) == known[-1][0]:
                return False
            lock = WriteLock(path)
            try:
                with lock:
                    made = _apply(db, known, clock)
            finally:
                lock.close()
        finally:
            db.close()
    except (sqlite3.Error, OSError) as reason:
        raise unavailable(reason, path) from reason
    if _newest(path) > known[-1][0]:
        raise Unavailable(f"{path.name} was written by a newer doorward; run that version or a later one")
    return made


def migrations() -> list[tuple[int, str, str]]:
    """Number, name and text of each, in order."""
    folder = resources.files("doorward.stores.sql") / "schema"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [(int(file.name[:4]), file.name, file.read_text("utf-8")) for file in files]


def _newest(path: Path) -> int:
    db = connect(path, busy=5.0)
    try:
        return _version(db)
    finally:
        db.close()


def _version(db: sqlite3.Connection) -> int:
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone() is None:
        return 0
    version: int = db.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()[0]
    return version


def _apply(db: sqlite3.Connection, known: list[tuple[int, str, str]], clock: Clock) -> bool:
    """True if this is a new database."""
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute(_MADE)
        version = _version(db)
        for number, name, text in known:
            if number > version:
                for statement in statements(text):
                    db.execute(statement)
                db.execute("INSERT INTO migrations VALUES (?, ?, ?)", (number, name, clock()))
        db.execute("COMMIT")
        return version == 0
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def statements(text: str) -> Iterator[str]:
    """One by one: `executescript` would commit first."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise ValueError(f"this statement does not end: {statement[:80]!r}")
