"""[server] and [limits]: what concerns the whole server, checked at start (fail closed)."""

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final
from urllib.parse import urlsplit

from doorward.core.limit import Rate
from doorward.web.original import Style

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_STYLES: Final = tuple(style.value for style in Style)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """`issuer`: the URL that callers reach this server by, the `iss` of its tokens (RFC 8414 section 2).
    `trusted_proxies`: CIDR networks (or `unix`) that may ask /verify and are believed about the caller.
    `proxy_style`: nginx, forwarded or envoy narrows which header family is read. `insecure_http`: plain HTTP from
    other machines is let in; for a network that is closed by other means."""

    issuer: str = "http://127.0.0.1:8000"
    trusted_proxies: tuple[str, ...] = ()
    proxy_style: str | None = None
    insecure_http: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        parts = urlsplit(self.issuer)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError(f"issuer {self.issuer!r} must be a URL such as https://door.example, without query or fragment")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not self.insecure_http:
            raise ValueError(f"issuer {self.issuer!r} must be https; plain http is for this machine (localhost) only")
        for network in self.trusted_proxies:
            if network != "unix":
                try:
                    ip_network(network)
                except ValueError:
                    raise ValueError(f"trusted_proxies: {network!r} is not a network; write such as 127.0.0.1/32 or 10.0.0.0/8") from None
        if self.proxy_style is not None and self.proxy_style not in _STYLES:
            raise ValueError(f"proxy_style {self.proxy_style!r} is none of {', '.join(_STYLES)}")

    @property
    def style(self) -> Style | None:
        return Style(self.proxy_style) if self.proxy_style is not None else None

    @property
    def on_loopback_http(self) -> bool:
        return urlsplit(self.issuer).scheme == "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions:
    """`failures`: wrong passwords per address and per account. `address`, `principal`: all requests of one, on all routes."""

    failures: Rate | None = Rate(20, 60)  # noqa: RUF009 - a frozen value
    address: Rate | None = None
    principal: Rate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HashingOptions:
    """Password hashing: `threads` at work (0: one a core, at most 4), `queue` waiting; past it 503 with Retry-After."""

    threads: int = 0
    queue: int = 32

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        if not 0 <= self.threads <= 64:
            raise ValueError("threads: 1 to 64, or 0 for one a core")
        if not 0 <= self.queue <= 10_000:
            raise ValueError("queue: 0 to 10000 sign-ins may wait")
