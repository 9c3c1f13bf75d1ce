"""What was signed, for `explain` (DECISIONS 25): what it says, without what may be a secret.

Of the query the names, and of each value how long it is, so that one which was changed on the way is found; of header fields the
value of those alone that are known to hold no secret.
"""

from typing import Final

LONGEST: Final = 4096
_PLAIN: Final = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "content-digest", "content-encoding", "content-language", "content-length"),
        *("content-type", "date", "digest", "host", "repr-digest", "user-agent", "@method", "@authority", "@scheme", "@path"),
        "@signature-params",
    }
)
_TARGETS: Final = frozenset({"@target-uri", "@request-target", "@query"})


def told(base: str) -> str:
    return "\n".join(_line(line) for line in base.split("\n"))[:LONGEST]


def _line(line: str) -> str:
    """`"name";params: value`: a component's name holds no quote, and its parameters may hold names that are the caller's own."""
    name = line[1:].partition('"')[0]
    end = _end_of_identifier(line)
    if name in _PLAIN:
        return line
    return f"{line[:end]}{without_values(line[end:])}" if name in _TARGETS else f"{line[:end]}…"


def _end_of_identifier(line: str) -> int:
    """After the first `: ` outside of a string."""
    quoted = escaped = False
    for at, letter in enumerate(line):
        if escaped:
            escaped = False
        elif letter == '"':
            quoted = not quoted
        elif letter == "\\":
            escaped = quoted
        elif letter == ":" and not quoted:
            return at + 2
    return len(line)


def without_values(target: str) -> str:
    """`/pets?key=…(43)&…(3)`: which of them is a secret nobody can tell."""
    path, mark, query = target.partition("?")
    parts = (part.partition("=") for part in query.split("&"))
    names = "&".join(f"{name}=…({len(value)})" if equals else f"…({len(name)})" for name, equals, value in parts)
    return f"{path}?{names}" if mark and query else target
