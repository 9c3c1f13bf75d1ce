"""Which addresses may be asked: public ones, and those that the operator lists.

The lists are the IANA special-purpose registries (RFC 6890 and its updates), written out since `ipaddress` tells another story with each
Python. Of IPv6 only global unicast (2000::/3) is public, so IPv4 in IPv6 clothes (::ffff:0:0/96, ::/96, NAT64 64:ff9b::/96) is not;
6to4 and Teredo, which are, are taken out.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from doorward.outbound.refusal import Failure, FetchError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""All addresses of a name, as text. Raises FetchError(NO_ADDRESS), OSError."""

_GLOBAL: Final = IPv6Network("2000::/3")
_SPECIAL: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # "this network", RFC 791
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
        "127.0.0.0/8",
        "168.63.129.16/32",  # answers every virtual machine of one cloud with its secrets
        "169.254.0.0/16",  # link-local, and the metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # protocol assignments, Teredo (RFC 4380) among them
        "2001:db8::/32",
        "2002::/16",  # 6to4, RFC 3056: any IPv4 address within
        "3fff::/20",
    )
)


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Raises ValueError with the mend."""
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text))
        except ValueError:
            raise ValueError(f"allow: {text!r} is not a network; write such as 127.0.0.1/32 or 10.1.0.0/16") from None
    return tuple(networks)


def is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address not in _GLOBAL or address.scope_id is not None):
        return False
    return not is_listed(address, _SPECIAL)


def is_listed(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def check_all(texts: Sequence[str], allow: Sequence[Network], secure: bool) -> list[Address]:
    """Every address of a name, or FetchError: one that may not be asked condemns the name."""
    addresses: list[Address] = []
    for text in texts:
        try:
            addresses.append(ip_address(text))
        except ValueError:
            raise FetchError(Failure.NO_ADDRESS) from None
    if not addresses:
        raise FetchError(Failure.NO_ADDRESS)
    for address in addresses:
        if is_listed(address, allow):
            continue
        if not is_public(address):
            raise FetchError(Failure.NOT_PUBLIC, str(address))
        if not secure:
            raise FetchError(Failure.NOT_HTTPS)
    return list(dict.fromkeys(addresses))


class SystemResolver:
    """The machine's own, in threads of its own: names that nobody answers for may hold up each other, never anything else."""

    threads: Final = 4
    most: Final = 32

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        if self._asked >= self.most:
            raise FetchError(Failure.BUSY, "names are being looked up")
        self._pool = self._pool or ThreadPoolExecutor(self.threads, thread_name_prefix="doorward-resolve")
        self._asked += 1
        asked = self._pool.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        loop = asyncio.get_running_loop()
        asked.add_done_callback(lambda _: self._tell(loop))
        try:
            found = await asyncio.wrap_future(asked)
        except OSError:
            raise FetchError(Failure.NO_ADDRESS) from None
        return [str(each[4][0]) for each in found]

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        """Counted until the thread is free, however long ago the asker has gone."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(self._done)

    def _done(self) -> None:
        self._asked -= 1

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
