"""What must hold of a certificate before it is signed: its names, what it is for, how long it lives. Errors are ValueError."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from doorward.core.spiffe_id import SCHEME, SpiffeId
from doorward.crypto.authority import common_name

_DAY: Final = 86400.0
LONGEST_LIFE: Final = 397 * _DAY
"""What browsers take of a server's certificate (CA/Browser Forum Baseline Requirements, section 6.3.2)."""
SHORTEST_LIFE: Final = 60.0
MOST_NAMES: Final = 100
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PLAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,62}[A-Za-z0-9])?")


class Profile(Enum):
    CLIENT = "client"
    SERVER = "server"
    BOTH = "both"

    @property
    def life(self) -> float:
        """Where none is asked for."""
        return 90 * _DAY if self is Profile.SERVER else 30 * _DAY


@dataclass(frozen=True, slots=True)
class Names:
    """All names of one certificate; `name` is the one it was asked for by."""

    name: str
    common_name: str | None
    uris: tuple[str, ...]
    dns: tuple[str, ...]
    ips: tuple[IPv4Address | IPv6Address, ...]


def names(name: str, dns: Iterable[str], ips: Iterable[str], profile: Profile) -> Names:
    """`name`: a SPIFFE ID, a DNS name (it has a dot, or is localhost), or a plain name."""
    more, addresses = tuple(dns), tuple(ips)
    if len(more) + len(addresses) > MOST_NAMES:
        raise ValueError(f"a certificate has at most {MOST_NAMES} names")
    uris: tuple[str, ...] = ()
    if ":" in name:
        uris = (_workload(name),)
    elif "." in name or name.lower() == "localhost":
        name = dns_name(name)
        more = (name, *more)
    elif not _PLAIN.fullmatch(name):
        raise ValueError(
            "a plain name has 1 to 64 letters, digits, dashes, underscores and spaces, and begins and ends with a letter or digit"
        )
    wild = profile is Profile.SERVER
    found = Names(
        name, common_name(name), uris, tuple(dict.fromkeys(dns_name(each, wildcard=wild) for each in more)), tuple(map(_address, addresses))
    )
    if profile is not Profile.CLIENT and not (found.uris or found.dns or found.ips):
        raise ValueError("callers find a server by a DNS name or an address: give --dns or --ip")
    return found


def dns_name(text: str, *, wildcard: bool = False) -> str:
    """In lower case. RFC 1123 section 2.1: labels of 1 to 63 letters, digits and dashes, 253 characters in all."""
    folded = text.lower() if text.isascii() else text
    if not folded.isascii():
        raise ValueError("write a DNS name in ASCII, other letters as xn--… (RFC 5890)")
    if folded.startswith("*."):
        if not wildcard or folded.count(".") < 2:
            raise ValueError("*. may stand before a name of at least two labels, in a server's certificate only")
        return f"*.{dns_name(folded[2:])}"
    labels = folded.split(".")
    if len(folded) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("a DNS name has labels of 1 to 63 letters, digits and dashes, with dots between, and no dot at its end")
    if labels[-1].isdigit():
        raise ValueError("this looks like an address: give it with --ip")
    return folded


def check_within(found: Names, domains: tuple[str, ...]) -> None:
    """The authority's own bounds: what lies outside of them would not be believed."""
    if not domains:
        return
    asked = [SpiffeId.parse(uri).trust_domain for uri in found.uris] + [each.removeprefix("*.") for each in found.dns]
    for each in asked:
        if not any(each == domain or each.endswith(f".{domain}") for domain in domains):
            raise ValueError(f"{each} lies outside of what this authority may name: {', '.join(domains)}")


def check_life(life: float) -> float:
    if not SHORTEST_LIFE <= life <= LONGEST_LIFE:
        raise ValueError(f"a certificate lives between 1m and {LONGEST_LIFE / _DAY:.0f}d")
    return life


def _workload(text: str) -> str:
    if not text.startswith(SCHEME):
        raise ValueError("a name with a colon is a SPIFFE ID: spiffe://example.org/orders; an address is given with --ip")
    workload = SpiffeId.parse(text)
    if not workload.path:  # X509-SVID section 3.1
        raise ValueError("a workload's SPIFFE ID has a path: spiffe://example.org/orders")
    return text


def _address(text: str) -> IPv4Address | IPv6Address:
    try:
        found = ip_address(text)
    except ValueError:
        raise ValueError(f"{text[:64]!r} is no address; write such as 192.0.2.1 or 2001:db8::1") from None
    if isinstance(found, IPv6Address) and found.scope_id is not None:
        raise ValueError("an address in a certificate has no zone")
    return found
