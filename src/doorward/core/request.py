"""What arrived, free of any framework. Built once by a door."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from doorward.core.errors import Refused, Why

HEADER_LIMIT: Final = 8 * 1024
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 section 9.2.1
_LOOPBACK: Final = ("127.", "::1")

Body = Callable[[], Awaitable[bytes]]


class Headers:
    """Header fields by lower-case name. Asking for a field that was sent twice is refused, never guessed."""

    __slots__ = ("_fields",)

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        fields: dict[bytes, bytes | list[bytes]] = {}
        for name, value in raw:
            if len(value) > HEADER_LIMIT:
                raise Refused(Why.HEADER_TOO_LARGE, "A header field is longer than 8 KiB.", note=name[:64].decode("latin-1"))
            known = fields.get(name)
            if known is None:
                fields[name] = value
            elif isinstance(known, list):
                known.append(value)
            else:
                fields[name] = [known, value]
        self._fields = fields

    def one(self, name: bytes) -> str | None:
        """The only value of this field, or None. Raises Refused(SHOWN_TWICE)."""
        value = self._fields.get(name)
        if value is None:
            return None
        if isinstance(value, list):
            raise Refused(Why.SHOWN_TWICE, f"The header field {name.decode('latin-1')} was sent more than once.")
        return value.decode("latin-1")

    def every(self, name: bytes) -> tuple[str, ...]:
        value = self._fields.get(name)
        if value is None:
            return ()
        if isinstance(value, list):
            return tuple(item.decode("latin-1") for item in value)
        return (value.decode("latin-1"),)

    def names(self) -> Iterable[bytes]:
        return self._fields.keys()

    def __contains__(self, name: bytes) -> bool:
        return name in self._fields


@dataclass(frozen=True, eq=False)
class Request:
    """`raw_path` and `query` are as on the wire; `address` is the caller's, after listed proxies were believed.

    `body` gives the whole body (Refused BODY_TOO_LARGE past the cap), or is None where the door cannot see it
    (`/verify` behind a proxy); `has_body` says whether there is one at all.
    `scheme` and `host` are None where a proxy did not tell them.
    """

    method: str
    raw_path: str
    query: str
    headers: Headers
    scheme: str | None
    host: str | None
    address: str | None
    body: Body | None
    has_body: bool
    id: str = ""

    @property
    def target(self) -> str:
        """PATH[?QUERY], as on the wire."""
        return f"{self.raw_path}?{self.query}" if self.query else self.raw_path

    @property
    def unsafe(self) -> bool:
        return self.method not in SAFE_METHODS

    @property
    def loopback(self) -> bool:
        return self.address is not None and self.address.startswith(_LOOPBACK)

    @property
    def origin(self) -> str | None:
        """This request's own origin (RFC 6454 section 6.2), if the door knows it."""
        return f"{self.scheme}://{self.host}".lower() if self.scheme and self.host else None

    def header(self, name: bytes) -> str | None:
        return self.headers.one(name)

    @cached_property
    def _authorization(self) -> tuple[str, str] | None:
        value = self.headers.one(b"authorization")
        if value is None:
            return None
        scheme, _, rest = value.partition(" ")
        return scheme.lower(), rest.strip(" ")

    def authorization(self, scheme: str) -> str | None:
        """What follows this scheme (lower case) in Authorization (RFC 9110 section 11.6.2), or None."""
        shown = self._authorization
        return shown[1] if shown is not None and shown[0] == scheme else None

    def cookie(self, name: str) -> str | None:
        """The only cookie of this name (RFC 6265 section 5.4). Raises Refused(SHOWN_TWICE)."""
        lines = self.headers.every(b"cookie")  # HTTP/2 may split the field: RFC 9113 section 8.2.3
        if not lines:
            return None
        found = [
            value.strip()
            for line in lines
            for key, mark, value in (pair.partition("=") for pair in line.split(";"))
            if mark and key.strip() == name
        ]
        if len(found) > 1:
            raise Refused(Why.SHOWN_TWICE, f"The cookie {name} was sent more than once; clear this site's cookies.")
        return found[0] if found else None
