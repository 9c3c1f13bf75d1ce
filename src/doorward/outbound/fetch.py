"""The one fetcher: whatever others make us ask for goes through here (PRODUCT 4 "What clients make us fetch").

A URL is read strictly (`target`), its name resolved once, every address checked (`reach`), and the connection made to an address that was
checked, so a name that answers otherwise a second later gains nothing. Redirects are told, not followed. Size, time (looking up the name
included) and what runs at once are bounded; an answer counts only with status 200, the media type that was asked for, and unpacked.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doorward.outbound.exchange import Answer, Asked, exchange
from doorward.outbound.reach import Address, Resolve, SystemResolver, check_all, read_networks
from doorward.outbound.refusal import Failure, FetchError
from doorward.outbound.target import Target, read_target

__all__ = ["Failure", "FetchError", "FetchOptions", "Fetched", "Fetcher"]

MOST: Final = 256 * 1024
_MOST_ADDRESSES: Final = 4
_AT_ONCE: Final = 16
_AT_ONCE_EACH: Final = 2
_WAITING: Final = 64
_MAX_AGE: Final = re.compile(r'(?:^|[,\s])max-age="?([0-9]{1,9})(?![0-9])', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """`allow`: networks (CIDR) that may be asked though they are not public, and by plain http. `ca_bundle`: a PEM file that replaces the
    system's certificate authorities; a relative path is of the data directory. `seconds`: for one fetch, all in all."""

    allow: tuple[str, ...] = ()
    ca_bundle: str | None = None
    seconds: float = 5.0

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        read_networks(self.allow)
        if not 0.1 <= self.seconds <= 60:
            raise ValueError("seconds: 100ms to 60s")


@dataclass(frozen=True, slots=True)
class Fetched:
    """`max_age`: for how long it may be kept by its own word (RFC 9111 section 5.2.2.1); None: it does not say."""

    body: bytes
    content_type: str
    max_age: float | None


class Fetcher:
    """One for each event loop. `base`: the directory of a relative `ca_bundle`."""

    def __init__(self, options: FetchOptions | None = None, *, base: Path | None = None, resolve: Resolve | None = None) -> None:
        """Raises ValueError: the certificate authorities cannot be read."""
        self._options = options or FetchOptions()
        self._allow = read_networks(self._options.allow)
        self._system = SystemResolver()
        self._resolve = resolve or self._system
        bundle = self._options.ca_bundle
        self._bundle = (base or Path()) / bundle if bundle is not None else None
        self._tls = _context(self._bundle) if self._bundle is not None else None
        self._all = asyncio.Semaphore(_AT_ONCE)
        self._each: dict[str, _Each] = {}
        self._waiting = 0

    async def get(self, url: str, *, accept: str = "application/json", most: int = MOST) -> Fetched:
        """`accept`: the media type; +json counts as JSON. `most`: bytes. Raises FetchError, within `[fetch] seconds`."""
        fields = (("Accept", accept), ("Accept-Encoding", "identity"), ("User-Agent", "doorward"))
        answer = await self._ask(url, Asked("GET", fields, b"", most))
        if answer.status in (301, 302, 303, 307, 308):
            raise FetchError(Failure.REDIRECTED, str(answer.status))
        if answer.status != 200:
            raise FetchError(Failure.BAD_STATUS, str(answer.status))
        if answer.fields.get("content-encoding", "identity").lower() != "identity":
            raise FetchError(Failure.ENCODED)
        kind = answer.fields.get("content-type", "").partition(";")[0].strip().lower()
        if kind != accept and not (accept == "application/json" and kind.startswith("application/") and kind.endswith("+json")):
            raise FetchError(Failure.BAD_TYPE)
        age = _MAX_AGE.search(answer.fields.get("cache-control", ""))
        return Fetched(answer.body, kind, float(age[1]) if age else None)

    async def _ask(self, url: str, asked: Asked) -> Answer:
        target = read_target(url)
        try:
            async with asyncio.timeout(self._options.seconds), self._turn(target.host):
                texts: Sequence[str] = [str(target.address)] if target.address else await self._resolve(target.host, target.port)
                return await self._try_each(target, check_all(texts, self._allow, target.secure), asked)
        except TimeoutError:
            raise FetchError(Failure.TOO_SLOW, target.host) from None
        except OSError:
            raise FetchError(Failure.UNREACHABLE, target.host) from None

    async def _try_each(self, target: Target, addresses: list[Address], asked: Asked) -> Answer:
        """The next address only where no connection was made; each gets its share of the time."""
        tls, (*others, last) = self._context() if target.secure else None, addresses[:_MOST_ADDRESSES]
        seconds = self._options.seconds / (1 + len(others))
        for address in others:
            try:
                return await exchange(target, address, asked, tls, seconds)
            except OSError:
                continue
        return await exchange(target, last, asked, tls, seconds)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = _context(None)  # the system's hundred certificates: read when first needed
        return self._tls

    @asynccontextmanager
    async def _turn(self, host: str) -> AsyncIterator[None]:
        """Few at once, fewer of one host; past a bound nobody waits."""
        if self._waiting >= _WAITING:
            raise FetchError(Failure.BUSY, host)
        each = self._each.setdefault(host, _Each())
        self._waiting += 1
        each.asking += 1
        try:
            async with each.turn, self._all:
                yield
        finally:
            self._waiting -= 1
            each.asking -= 1
            if not each.asking:
                self._each.pop(host, None)

    def close(self) -> None:
        self._system.close()


class _Each:
    """What is asked of one host: so many at once, and how many ask in all."""

    def __init__(self) -> None:
        self.turn, self.asking = asyncio.Semaphore(_AT_ONCE_EACH), 0


def _context(bundle: Path | None) -> ssl.SSLContext:
    """TLS 1.2 and up, names checked. Not `create_default_context`, which obeys SSLKEYLOGFILE. Raises ValueError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if bundle is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(bundle)
    except (OSError, ssl.SSLError):
        raise ValueError(f"ca_bundle: {bundle} cannot be read as PEM certificates") from None
    return context
