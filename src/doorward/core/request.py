"""What arrived, free of any framework. Built once by a door."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, NamedTuple

from doorward.core.address import is_loopback
from doorward.core.errors import Refused, Why
from doorward.core.presented import Presented

HEADER_LIMIT: Final = 8 * 1024
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 section 9.2.1
_DEFAULT_PORT: Final = {"http": ":80", "https": ":443"}

_TOKEN_SCHEMES: Final = ("bearer", "dpop")

Body = Callable[[], Awaitable[bytes]]


class Headers:
    """Header fields by lower-case name. Asking for a field that was sent twice is refused, never guessed."""

    __slots__ = ("_fields",)

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        listed = raw if isinstance(raw, list) else list(raw)
        fields: dict[bytes, bytes | list[bytes]] = dict(listed)
        if len(fields) != len(listed) or max(map(len, fields.values()), default=0) > HEADER_LIMIT:
            fields = self._gathered(listed)
        self._fields = fields

    @staticmethod
    def _gathered(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes | list[bytes]]:
        """Where a field was sent twice, or is too long."""
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
        return fields

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

    @property
    def raw(self) -> Mapping[bytes, bytes | list[bytes]]:
        """As they came; a list where a field was sent more than once."""
        return self._fields

    def names(self) -> Iterable[bytes]:
        return self._fields.keys()

    def __contains__(self, name: bytes) -> bool:
        return name in self._fields


class Request(NamedTuple):
    """`raw_path` and `query` are as on the wire; `address` is the caller's, after listed proxies were believed. A tuple, since
    one is made for each request.

    `body` gives the whole body (Refused BODY_TOO_LARGE past the cap), or is None where the door cannot see it
    (`/verify` behind a proxy); `has_body` says whether there is one at all.
    `scheme`, `host` and `address` are None where a proxy did not tell them; `told_by` is the listed proxy that told the
    rest, None where the caller came straight to the door. `spared`: the address is a listed proxy's own. `certificate` is
    what the caller showed to whoever ended TLS: our own listener, or a listed proxy.
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
    told_by: str | None = None
    spared: bool = False
    certificate: Presented | None = None

    @property
    def target(self) -> str:
        """PATH[?QUERY], as on the wire."""
        return f"{self.raw_path}?{self.query}" if self.query else self.raw_path

    @property
    def unsafe(self) -> bool:
        """A WebSocket is opened by a GET, and by a page of any origin: with a cookie it counts as unsafe (RFC 6455 section 10.2)."""
        return self.method not in SAFE_METHODS or b"sec-websocket-version" in self.headers

    @property
    def announces(self) -> str | None:
        """The method that a CORS preflight asks for: OPTIONS with Origin and Access-Control-Request-Method (Fetch standard)."""
        if self.method != "OPTIONS" or b"origin" not in self.headers:
            return None
        return self.header(b"access-control-request-method")

    @property
    def counted(self) -> str | None:
        """The address that limits count by: never a listed proxy's own, behind which is everybody (DECISIONS 5)."""
        return None if self.spared else self.address

    @property
    def loopback(self) -> bool:
        return is_loopback(self.address)

    @property
    def origin(self) -> str | None:
        """This request's own origin (RFC 6454 section 6.2), if the door knows it."""
        if not self.scheme or not self.host:
            return None
        scheme, host = self.scheme.lower(), self.host.lower()
        return f"{scheme}://{host.removesuffix(_DEFAULT_PORT.get(scheme, ''))}"

    def header(self, name: bytes) -> str | None:
        return self.headers.one(name)

    def authorization(self, scheme: str) -> str | None:
        """What follows this scheme (lower case) in Authorization (RFC 9110 section 11.6.2), or None."""
        value = self.headers.one(b"authorization")
        if value is None:
            return None
        shown, _, rest = value.partition(" ")
        return rest.strip(" ") if shown.lower() == scheme else None

    @property
    def token(self) -> str | None:
        """An access token in Authorization, as Bearer (RFC 6750 section 2.1) or as DPoP (RFC 9449 section 7.1)."""
        value = self.headers.one(b"authorization")
        if value is None:
            return None
        scheme, _, rest = value.partition(" ")
        return rest.strip(" ") if scheme.lower() in _TOKEN_SCHEMES else None

    def cookie(self, name: str) -> str | None:
        """The only cookie of this name (RFC 6265 section 5.4). Raises Refused(SHOWN_TWICE)."""
        found = self._cookies(name)
        if len(found) > 1:
            raise Refused(Why.SHOWN_TWICE, f"The cookie {name} was sent more than once; clear this site's cookies.")
        return found[0] if found else None

    def has_cookie(self, name: str) -> bool:
        """Whether one of this name was sent, or more, and not empty."""
        return any(self._cookies(name))

    def _cookies(self, name: str) -> list[str]:
        return [
            value.strip(" \t")
            for line in self.headers.every(b"cookie")  # HTTP/2 may split the field: RFC 9113 section 8.2.3
            for key, mark, value in (pair.partition("=") for pair in line.split(";"))
            if mark and key.strip(" \t") == name  # only what a browser strips, else `__Host-` is no promise
        ]
