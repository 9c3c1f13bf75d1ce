"""doorward check: would the server start here? Everything that a worker does before it answers, short of listening.

The settings and variables, each by its part's own check; the keys in secrets/ and who may read them; the database, if there
is one: opened as a worker opens it, with its signing keys. A database that is not there is not made. Not checked: what
`doorward serve` is given as options (address, port, certificate), and whether the services behind are there.
"""

import os

import click

from doorward.assembly import Parts
from doorward.cli.frame import Failed, data_dir, data_option, json_option, run, tell
from doorward.core.authority import MTLS
from doorward.crypto.seal import SealBroken
from doorward.data_dir import PEPPER, SEALING, DataDir
from doorward.installation import opened
from doorward.options import Options
from doorward.routes_file import never_reached
from doorward.settings import Settings, SettingsError
from doorward.trusted_issuers import TrustedIssuers, fetcher
from doorward.web.client_cert import CertificateOptions
from doorward.web.trust_files import TrustError, TrustFiles


@click.command("check", help="Read settings, keys and (if it is there) the database as a worker would, and say what the server would do.")
@data_option
@json_option
def command(data: str | None, as_json: bool) -> None:
    place = data_dir(data)
    options = run(lambda: read_options(place))
    made = place.database.exists()
    if made:
        run(lambda: would_start(place))
    routes = [
        {
            "path": route.path,
            "methods": sorted(route.methods),
            "allow": str(route.allow or "open_to_anyone"),
            "scopes": sorted(route.scopes),
        }
        for route in options.routes
    ]
    lines = [
        f"{' '.join(sorted(route.methods)) or 'any method':20}  {route.path}  {route.allow or 'open_to_anyone'}" for route in options.routes
    ]
    warnings = [
        f"the route {_named(route.path, route.methods)} never decides: {_named(earlier.path, earlier.methods)} stands before it"
        for route, earlier in never_reached(options.routes)
    ]
    warnings += certificate_warnings(place, options)
    silent = run(lambda: ask_issuers(place, options))
    warnings += [f"no token of {name} can be verified now: {why}" for name, why in silent.items()]
    proxies = ", ".join(options.server.trusted_proxies) or "none: nobody may ask /verify"
    head = [
        f"issuer           {options.server.issuer}",
        f"trusted proxies  {proxies}",
        f"database         {'opened, with its signing keys' if made else 'none yet: the first start makes it'}",
        f"other issuers    {', '.join(plan.issuer.name for plan in options.issuers) or 'none'}",
        f"routes           {len(routes) or 'none: every path is refused'}",
    ]
    answer = {
        "issuer": options.server.issuer,
        "trusted_proxies": list(options.server.trusted_proxies),
        "issuers": [
            {"name": plan.issuer.name, "issuer": plan.issuer.issuer, "error": silent.get(plan.issuer.name)} for plan in options.issuers
        ],
        "database": made,
        "routes": routes,
        "warnings": warnings,
    }
    warned = [f"warning: {each}" for each in warnings]
    tell(as_json, answer, "\n".join(["the settings are understood", *head, *lines, *warned]))


def certificate_warnings(place: DataDir, options: Options) -> list[str]:
    """Of [mtls]. Raises Failed: a file that cannot be read."""
    try:
        trust = TrustFiles.of(place.path, options.mtls).read(options.mtls.speakers)
    except TrustError as reason:
        raise Failed(f"[mtls]: {reason}", "settings") from None
    told = [f"no revocation list of the CA {each} is configured: what it revokes is not known here" for each in trust.without_list]
    asked = any(MTLS in route.asked for route in options.routes)
    if asked and options.server.trusted_proxies and options.certificates == CertificateOptions():
        told.append(
            "listed proxies are believed about certificates in any usual header field; name the one that yours writes: [mtls] proxy_headers"
        )
    return told


def _named(path: str, methods: frozenset[str]) -> str:
    return " ".join([*sorted(methods), path])


async def read_options(place: DataDir) -> Options:
    """Raises DataDirError, SettingsError. The database is not asked."""
    place.check()
    settings = Settings.read(place.settings, os.environ)
    settings.reserve("secrets", PEPPER, SEALING)
    place.keys(PEPPER)
    place.keys(SEALING)
    return Options.read(settings)


async def ask_issuers(place: DataDir, options: Options) -> dict[str, str]:
    """By the name of each that publishes no keys now: why. Raises SettingsError for fixed keys that cannot be read."""
    settings = Settings.read(place.settings, os.environ)
    issuers = TrustedIssuers(options.issuers, fetcher(options.fetch, settings, place.path), place.path, lambda: None)
    try:
        return await issuers.look()
    finally:
        issuers.close()


async def would_start(place: DataDir) -> Options:
    """As a worker begins. Raises DataDirError, SettingsError, Unavailable, Failed: what would stop it."""
    options = await read_options(place)  # first: settings that are wrong leave no database behind
    try:
        async with opened(place, os.environ) as home:
            parts = Parts(home, options)
            try:
                await parts.watch.catch_up()
                await parts.load_keys()
            finally:
                parts.pool.close()
    except SealBroken as reason:
        raise Failed(f"a signing key cannot be opened: {reason}", "unavailable") from None
    except SettingsError:
        raise
    except ValueError as reason:
        raise Failed(f"secrets/: {reason}", "settings") from None
    return options
