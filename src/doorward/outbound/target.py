"""A URL that others name, read strictly: what two readers could take for two hosts is no URL here.

Taken       https://host[:port]/path?query in ASCII; host a DNS name, an IPv4 address in dotted decimal, or [IPv6]
Refused     userinfo, fragment, backslash, blanks, percent-encoded or non-ASCII hosts, a dot at the end, zone ids, and numbers that
            some readers take for an IPv4 address (0x7f.1, 127.1, 2130706433, 0177.0.0.1; WHATWG URL "ends in a number")
Source      RFC 3986 section 3, RFC 1123 section 2.1
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from doorward.outbound.refusal import Failure, FetchError

LONGEST: Final = 2048
_URL: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9.-]{1,253}))"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?)"
)
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """`host` is what the certificate must be for; `address` is set where the URL holds one."""

    secure: bool
    host: str
    port: int
    path: str
    address: IPv4Address | IPv6Address | None

    @property
    def field(self) -> str:
        """The Host header field (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def read_target(url: str) -> Target:
    """Raises FetchError(BAD_URL)."""
    match = _URL.fullmatch(url) if len(url) <= LONGEST else None
    if match is None:
        raise FetchError(Failure.BAD_URL)
    secure = match["scheme"] == "https"
    port = int(match["port"]) if match["port"] is not None else 443 if secure else 80
    if not 0 < port < 65536:
        raise FetchError(Failure.BAD_URL, "port")
    host, address = _six(match["six"]) if match["six"] is not None else _name(match["name"].lower())
    rest = match["rest"]
    return Target(secure, host, port, rest if rest.startswith("/") else f"/{rest}", address)


def _six(text: str) -> tuple[str, IPv6Address]:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise FetchError(Failure.BAD_URL, "IPv6 address") from None
    return str(address), address


def _name(text: str) -> tuple[str, IPv4Address | None]:
    labels = text.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise FetchError(Failure.BAD_URL, "host name")
    if not _NUMBER.fullmatch(labels[-1]):
        return text, None
    try:
        address = ip_address(text)
    except ValueError:
        raise FetchError(Failure.BAD_URL, "an IPv4 address is written in dotted decimal") from None
    if not isinstance(address, IPv4Address):
        raise FetchError(Failure.BAD_URL, "host name")
    return text, address
