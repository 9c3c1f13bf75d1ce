"""doorward check: would the server start with these settings?"""

import os

import click

from doorward.assembly import Options
from doorward.cli.frame import data_dir, data_option, json_option, run, tell
from doorward.data_dir import PEPPER, SEALING, DataDir
from doorward.settings import Settings


@click.command("check", help="Read the settings and keys as the server would, and say what it would do.")
@data_option
@json_option
def command(data: str | None, as_json: bool) -> None:
    place = data_dir(data)

    options = run(lambda: read_options(place))
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
    proxies = ", ".join(options.server.trusted_proxies) or "none: nobody may ask /verify"
    head = [
        f"issuer           {options.server.issuer}",
        f"trusted proxies  {proxies}",
        f"routes           {len(routes) or 'none: every path is refused'}",
    ]
    answer = {"issuer": options.server.issuer, "trusted_proxies": list(options.server.trusted_proxies), "routes": routes}
    tell(as_json, answer, "\n".join(["the settings are understood", *head, *lines]))


async def read_options(place: DataDir) -> Options:
    """Raises DataDirError, SettingsError: what would stop the server."""
    place.check()
    settings = Settings.read(place.settings, os.environ)
    settings.reserve("secrets", PEPPER, SEALING)
    place.keys(PEPPER)
    place.keys(SEALING)
    return Options.read(settings)
