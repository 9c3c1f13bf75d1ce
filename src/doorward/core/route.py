"""Which policy holds for which request. The first matching route decides; no match is refused (DECISIONS 3)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from doorward.core.errors import Refused, Why
from doorward.core.limit import Rate
from doorward.core.policy import Alternative, Policy, alternatives

_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~!$&'()+,=:@ -]+")


def path_pattern(text: str) -> re.Pattern[str]:
    """`*` stands for one segment, `**` for any number of them, also none. Raises ValueError."""
    if not text.startswith("/"):
        raise ValueError(f"the path {text!r} must start with a slash")
    parts = text[1:].split("/") if text != "/" else [""]
    pattern = ""
    for number, part in enumerate(parts):
        if part == "**":
            pattern += r"(?:/[^/]+)*/?" if number == len(parts) - 1 else r"(?:/[^/]+)*"
        elif part == "*":
            pattern += r"/[^/]+"
        elif not part and number == len(parts) - 1:
            pattern += "/"
        elif _SEGMENT.fullmatch(part) and part not in (".", ".."):
            pattern += "/" + re.escape(part)
        else:
            raise ValueError(f"the path segment {part!r} in {text!r} is not understood; use plain text, `*` or `**`")
    return re.compile(pattern)


@dataclass(frozen=True, kw_only=True)
class Route:
    """`allow` None means `open_to_anyone`. `methods` empty means every HTTP method. `scopes` empty asks for none.

    `env` is the only environment whose keys are accepted; `audience` what a token must be for (None: our issuer).
    `fresh_within` in seconds: the sign-in may not be older. `preflight`: CORS preflights pass without a credential.
    `cover`: what a message signature must cover. `origin`: the public origin of the service behind a proxy that
    does not tell it. `name` is the audience of the identity token that goes to the service behind.
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
    allow_query_key: bool = False
    name: str = ""
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)
    ways: tuple[Alternative, ...] = field(init=False, repr=False, compare=False)
    asked: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ways = alternatives(self.allow) if self.allow is not None else ()
        object.__setattr__(self, "pattern", path_pattern(self.path))
        object.__setattr__(self, "ways", ways)
        object.__setattr__(self, "asked", tuple(dict.fromkeys(method for way in ways for method in way.methods)))
        if not self.name:
            object.__setattr__(self, "name", self.path)


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
            if (not route.methods or method in route.methods) and route.pattern.fullmatch(path):
                return route
        raise Refused(Why.NO_ROUTE, "No route is configured for this path and method.")
