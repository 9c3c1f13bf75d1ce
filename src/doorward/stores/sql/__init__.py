"""One set of statements for both databases, a file a noun. Placeholders are PostgreSQL's: $1, $2.

`Rows` runs one statement inside a write. On SQLite it never suspends.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

Row = tuple[Any, ...]
Rows = Callable[..., Awaitable[Sequence[Row]]]
"""`await rows(statement, *parameters)` gives all rows, also those of RETURNING."""
