"""Which policy holds for which request. The first matching route decides; no match is refused (DECISIONS 3)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from doorward.core.errors import Refused, Why
from doorward.core.limit import Rate
from doorward.core.policy import Alternative, Policy, alternatives

_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~!$&'()+,=:@ -]+")
_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token, RFC 9110 sections 5.6.2 and 9.1
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]{0,252})|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")
_SENDER: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_COVER: Final = re.compile(r"@(?:method|target-uri|authority|scheme|request-target|path|query)|[!#$%&'*+.^_`|~0-9a-z-]{1,64}")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")  # RFC 6749 section 3.3
WEBHOOK: Final = "webhook"


def path_pattern(text: str) -> re.Pattern[str]:
    """`*` stands for one segment, `**` for any number of them, also none. Raises ValueError.

    A slash at the end makes no other path: a service that reads `/admin/` as `/admin` must not be reached past its route.
    """
    if not text.startswith("/"):
        raise ValueError(f"the path {text!r} must start with a slash")
    parts = text.strip("/").split("/") if text.strip("/") else []
    if "//" in text:
        raise ValueError(f"the path {text!r} has an empty segment")
    runs: list[str] = [""]
    for part in parts:
        if part == "**":
            runs.append("")
        elif part == "*":
            runs[-1] += r"/[^/]+"
        elif _SEGMENT.fullmatch(part) and part not in (".", ".."):
            runs[-1] += "/" + re.escape(part)
        else:
            raise ValueError(f"the path segment {part!r} in {text!r} is not understood; use plain text, `*` or `**`")
    first, *later = runs
    if not later:
        return re.compile(first + "/?")
    # The first fit of a run between two `**` is as good as any, so it is not tried again: matching stays linear.
    between = "".join(rf"(?>(?:/[^/]+)*?{run}(?=/|\Z))" for run in later[:-1] if run)
    return re.compile(rf"{first}{between}(?:/[^/]+)*{later[-1]}/?")


@dataclass(frozen=True, kw_only=True)
class Route:
    """`allow` None means `open_to_anyone`. `methods` empty means every HTTP method; GET answers HEAD too. `scopes` empty asks for none.

    `env` is the only environment whose keys are accepted; `audience` what a token must be for (None: our issuer).
    `fresh_within` in seconds: the sign-in may not be older. `preflight`: CORS preflights pass without a credential.
    `name` is the audience of the identity token that goes to the service behind. `cover`: what a message signature must cover;
    `origin`: the public origin of the service, which signatures and DPoP proofs name, before what a proxy tells; `webhook`: the sender
    whose secret signs what comes here. `allow_query_key`: API keys are taken from `?api_key=` too.
    """

    path: str
    allow: Policy | None
    methods: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    rate: Rate | None = None
    fresh_within: float | None = None
    audience: str | None = None
    env: str = "live"
    preflight: bool = False
    cover: tuple[str, ...] = ()
    origin: str | None = None
    webhook: str = ""
    allow_query_key: bool = False
    name: str = ""
    meter: str = field(init=False, repr=False, compare=False)
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)
    ways: tuple[Alternative, ...] = field(init=False, repr=False, compare=False)
    asked: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.allow is None and (self.scopes or self.roles or self.fresh_within is not None):
            raise ValueError(f"the route {self.path!r} is open to anyone, so it cannot ask for scopes, roles or fresh_within")
        if strange := sorted(method for method in self.methods if not _METHOD.fullmatch(method)):
            raise ValueError(f"methods: {strange[0]!r} is no HTTP method; write words such as GET or POST")
        if strange := sorted(scope for scope in self.scopes if not _SCOPE.fullmatch(scope)):
            raise ValueError(
                f'scopes: {strange[0]!r} is none; a scope has 1 to 128 printable ASCII characters, without space, quote (") and backslash'
            )
        if self.audience is not None and not self.audience.strip():
            raise ValueError("audience: write whom a token must be for, or leave it out: then it is the issuer")
        if self.origin is not None and not _ORIGIN.fullmatch(self.origin):
            raise ValueError("origin is a scheme and a host, as callers write them: https://api.example.org")
        if strange := sorted(word for word in self.cover if not _COVER.fullmatch(word)):
            raise ValueError(
                f"cover: {strange[0]!r} cannot be covered; write @method, @target-uri, @authority, @scheme, @path, @query, "
                "@request-target, nonce, created, or header fields in lower case"
            )
        if lower := sorted(method for method in self.methods if method != method.upper()):
            raise ValueError(f"methods: HTTP methods are written in capitals: {lower[0]!r} matches nothing")  # RFC 9110 section 9.1
        _check_sender(self)
        ways = _widest(alternatives(self.allow)) if self.allow is not None else ()
        object.__setattr__(self, "pattern", path_pattern(self.path))
        object.__setattr__(self, "ways", ways)
        object.__setattr__(self, "asked", tuple(dict.fromkeys(method for way in ways for method in way.methods)))
        if not self.name:
            object.__setattr__(self, "name", self.path)
        # A service's routes may share its name, and a library's the path: each keeps its own count.
        object.__setattr__(self, "meter", " ".join((self.name, self.path, *sorted(self.methods), str(self.rate))))

    def answers(self, method: str) -> bool:
        return not self.methods or method in self.methods or (method == "HEAD" and "GET" in self.methods)  # RFC 9110 section 9.3.2


def _check_sender(route: Route) -> None:
    asks = route.allow is not None and any(WEBHOOK in way.methods for way in alternatives(route.allow))
    if asks and not route.webhook:
        raise ValueError(f'webhook: the route {route.path!r} allows webhooks and names no sender; write webhook = "NAME"')
    if route.webhook and not asks:
        raise ValueError(f"webhook: the route {route.path!r} names a sender and does not allow the method webhook")
    if route.webhook and not _SENDER.fullmatch(route.webhook):
        raise ValueError("webhook: the name of a sender has 1 to 64 letters, digits, dots, dashes and underscores")


def _widest(ways: tuple[Alternative, ...]) -> tuple[Alternative, ...]:
    """`oauth or jwt`: where tokens of any issuer are taken, none is refused for not being ours."""
    free = {(way.methods, way.bonds) for way in ways if not way.ours}
    return tuple(way for way in ways if not way.ours or (way.methods, way.bonds) not in free)


class Routes:
    """An ordered list; `match` gives the first that fits."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = tuple(routes)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    def match(self, method: str, path: str) -> Route:
        """Raises Refused(NO_ROUTE)."""
        for route in self._routes:
            if route.answers(method) and route.pattern.fullmatch(path):
                return route
        raise Refused(Why.NO_ROUTE, "No route is configured for this path and method.")
