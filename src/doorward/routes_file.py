"""[[route]] tables -> core.route.Routes."""

from dataclasses import dataclass, fields

from doorward.core.limit import Rate
from doorward.core.policy import OAUTH, AllOf, AnyOf, By, Policy, parse
from doorward.core.route import Route, Routes
from doorward.settings import Place, Settings, SettingsError, mentioned, placed

OPEN = "open_to_anyone"


@dataclass(frozen=True)
class WrittenRoute:
    """A route as it is written; the meaning of each name stands at `core.route.Route`."""

    path: str = ""
    allow: str = ""
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


def read_allow(text: str, installed: frozenset[str]) -> Policy | None:
    """A policy, or None for `open_to_anyone`. Raises ValueError for what is not understood or not there."""
    if text.strip() == OPEN:
        return None
    policy = parse(text)
    check_installed(policy, installed)
    return policy


def check_installed(policy: Policy, installed: frozenset[str]) -> None:
    """Raises ValueError: a policy may only name what this server can prove and bind."""
    match policy:
        case By("oauth"):
            if installed.isdisjoint(OAUTH):
                raise ValueError("no method of `oauth` is built into this version")
        case By(method):
            if method not in installed:
                raise ValueError(f"the method {method!r} is not built into this version; built in are {', '.join(sorted(installed))}")
        case AllOf(factors, _):
            for factor in factors:
                check_installed(factor, installed)
        case AnyOf(branches):
            for branch in branches:
                check_installed(branch, installed)


def read_routes(settings: Settings, installed: frozenset[str]) -> Routes:
    """Raises SettingsError with the line. A route without `allow` does not load (DECISIONS 3)."""
    return Routes([_route(settings, place, table, installed) for place, table in settings.each("route")])


def _route(settings: Settings, place: Place, table: dict[str, object], installed: frozenset[str]) -> Route:
    given = settings.fields(WrittenRoute, table, place)
    written = WrittenRoute(**given)  # type: ignore[arg-type]  # converted by the fields' own types
    if not written.path:
        raise SettingsError(f"{place([])}: a route needs a path")
    if not written.allow:
        raise SettingsError(f'{place([])}: a route needs `allow`; write a policy such as "api_key or jwt", or "{OPEN}"')
    if written.env not in ("live", "test"):
        raise SettingsError(f"{place(['env'])}: env is live or test, not {written.env!r}")
    try:
        allow = read_allow(written.allow, installed)
    except ValueError as reason:
        raise SettingsError(f"{place(['allow'])}: {reason}") from None
    rest = {field.name: getattr(written, field.name) for field in fields(WrittenRoute) if field.name not in ("allow", "methods")}
    try:
        return Route(allow=allow, methods=frozenset(method.upper() for method in written.methods), **rest)
    except ValueError as reason:
        raise SettingsError(placed(place(mentioned(reason, table)), reason)) from None


def never_reached(routes: Routes) -> list[tuple[Route, Route]]:
    """Each route that no request can come to, with the earlier one that answers all of them."""
    found = []
    for number, route in enumerate(listed := list(routes)):
        for earlier in listed[:number]:
            if _has_methods_of(earlier, route) and _has_path_of(earlier, route):
                found.append((route, earlier))
                break
    return found


def _has_methods_of(earlier: Route, route: Route) -> bool:
    return not earlier.methods or (bool(route.methods) and all(earlier.answers(method) for method in route.methods))


def _has_path_of(earlier: Route, route: Route) -> bool:
    """The same path, or one below `/plain/**`. Says less than is true where patterns lie across each other."""
    if earlier.pattern.pattern == route.pattern.pattern:
        return True
    above = earlier.path.rstrip("/").removesuffix("/**")
    return earlier.path.rstrip("/").endswith("/**") and "*" not in above and f"{route.path}/".startswith(f"{above}/")
