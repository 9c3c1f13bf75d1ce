"""Which forwarded header field is believed, and from whom: address, scheme and host of the caller.

Only the direct peer counts: is it in `trusted_proxies`, its X-Forwarded-For, -Proto, -Host or Forwarded (RFC 7239) are
read; else they are the caller's own and mean nothing. If both families are there, they must agree: a proxy that writes
one hands a caller's other through.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

from doorward.core.address import read_address
from doorward.core.credential import Network
from doorward.core.errors import Refused, Why
from doorward.core.presented import Presented
from doorward.core.request import Headers
from doorward.web.asgi import Scope
from doorward.web.client_cert import Certificates
from doorward.web.forwarded import MOST_HOPS, parse_address, parse_forwarded

UNIX: Final = "unix"
"""The word in `trusted_proxies` for peers of a Unix socket, which have no address."""
_HOST: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_FAMILY: Final = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")
_REMEMBERED: Final = 4096
_LONGEST: Final = 256
"""Characters of a telling that is remembered: the caller himself may have written most of a longer one."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the far end. None: a listed proxy did not tell it."""

    address: str | None
    scheme: str | None
    host: str | None


class Proxies:
    """The listed proxies: CIDR networks, or `unix`. Raises ValueError for what is neither. `certificates`: which client
    certificate they are believed to have seen."""

    def __init__(self, trusted: Iterable[str], certificates: Certificates | None = None) -> None:
        self.certificates = certificates or Certificates()
        listed = tuple(trusted)
        self._unix = UNIX in listed
        self._networks: tuple[Network, ...] = tuple(ip_network(each) for each in listed if each != UNIX)
        self._known: dict[str, bool] = {}
        self._read: dict[tuple[tuple[str, ...], str | None, str | None], Caller] = {}

    def trusts(self, peer: str | None) -> bool:
        if peer is None:
            return self._unix
        known = self._known.get(peer)
        if known is None:
            known = self._listed(peer)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[peer] = known
        return known

    def _listed(self, peer: str) -> bool:
        address = read_address(peer)
        return address is not None and any(address in network for network in self._networks)

    def caller(self, headers: Headers, peer: str | None, scheme: str) -> Caller:
        """What is believed of a request that came straight from `peer`. Raises Refused(BAD_REQUEST, SHOWN_TWICE)."""
        if self.trusts(peer) and self._tells(headers):
            return self.told(headers)
        return Caller(peer, _SCHEMES.get(scheme), read_host(headers.one(b"host")))

    def certificate(self, scope: Scope, headers: Headers, peer: str | None) -> Presented | None:
        """What the caller showed: of a listed proxy that tells of a caller, its word; else what the connection showed. Raises
        Refused(MALFORMED, SHOWN_TWICE)."""
        if self.trusts(peer) and (self._tells(headers) or self.certificates.tells(headers)):
            return self.certificates.told(headers)
        return self.certificates.shown(scope)

    @staticmethod
    def _tells(headers: Headers) -> bool:
        return b"forwarded" in headers or any(name in headers for name in _FAMILY)

    def told(self, headers: Headers) -> Caller:
        """What a listed proxy tells of the caller, and nothing else: what it leaves out stays unknown (DECISIONS 14)."""
        shown = (headers.every(b"x-forwarded-for"), headers.one(b"x-forwarded-proto"), headers.one(b"x-forwarded-host"))
        own = self._read.get(shown)
        if own is None:
            own = Caller(self._farthest(shown[0]), _scheme(shown[1]), read_host(shown[2]))
            if sum(map(len, (*shown[0], shown[1] or "", shown[2] or ""))) <= _LONGEST:
                if len(self._read) >= _REMEMBERED:
                    self._read.clear()
                self._read[shown] = own
        if b"forwarded" not in headers:
            return own
        other = self._standard(headers.every(b"forwarded"))
        if not any(name in headers for name in _FAMILY):
            return other
        pairs = ((own.address, other.address), (own.scheme, other.scheme), (own.host, other.host))
        if any(one is not None and two is not None and one != two for one, two in pairs):
            raise Refused(Why.BAD_REQUEST, "Forwarded and X-Forwarded-* do not agree.")
        return own

    def _farthest(self, values: tuple[str, ...]) -> str | None:
        """The rightmost address that is no listed proxy: all left of it is the caller's own word."""
        if not values:
            return None
        hops = ",".join(values).rsplit(",", MOST_HOPS)
        address = None
        for hop in reversed(hops[-MOST_HOPS:]):
            address = parse_address(hop)
            if address is None or not self.trusts(address):
                break
        return address

    def _standard(self, values: tuple[str, ...]) -> Caller:
        element: dict[str, str] = {}
        address = None
        for element in reversed(parse_forwarded(values)):
            address = parse_address(element["for"]) if "for" in element else None
            if address is None or not self.trusts(address):
                break
        return Caller(address, _scheme(element.get("proto")), read_host(element.get("host")))


def _scheme(text: str | None) -> str | None:
    if not text:
        return None
    scheme = _SCHEMES.get(text.lower())
    if scheme is None:
        raise Refused(Why.BAD_REQUEST, "A proxy told a scheme that is neither http nor https.")
    return scheme


def read_host(text: str | None) -> str | None:
    """HOST[:PORT] (RFC 9110 section 7.2). Raises Refused(BAD_REQUEST)."""
    if not text:
        return None
    if _HOST.fullmatch(text) is None:
        raise Refused(Why.BAD_REQUEST, "The host is not understood.")
    return text
