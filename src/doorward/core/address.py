"""Where a caller is, read one way by limits, allow-lists and the loopback rule.

Asked several times for each request, and callers come again: what was read is remembered, for a bounded number.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

_LONGEST: Final = 64
"""Characters: no address has more, and what is remembered stays small."""
_UNREADABLE: Final = "unreadable"
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


def read_address(text: str | None) -> IPv4Address | IPv6Address | None:
    """None for what is no address. An IPv4 address mapped into IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address:
    a socket that listens on both families shows every IPv4 caller so."""
    return _read(text) if text is not None and len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _read(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def is_loopback(text: str | None) -> bool:
    if text in _LOOPBACK:
        return True
    address = read_address(text)
    return address is not None and address.is_loopback


def counted_as(text: str | None) -> str | None:
    """Under which name an address is limited: itself for IPv4, its /64 for IPv6 (DECISIONS 5).

    None where it is not known: behind a proxy that does not tell it, one caller must not lock out all others.
    What is no address shares one count.
    """
    if text is None:
        return None
    return _count(text) if len(text) <= _LONGEST else _UNREADABLE


@lru_cache(maxsize=4096)
def _count(text: str) -> str:
    address = _read(text)
    if address is None:
        return _UNREADABLE
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))


def failures_key(address: str | None) -> str | None:
    """The meter of failed tries from there (DECISIONS 5); None where it is not known, so that no proxy is locked out."""
    where = counted_as(address)
    return f"failures:{where}" if where is not None else None
