"""doorward demo: a pet store behind every method, tried from outside."""

import json
import sys

import click

from doorward.cli.frame import Failed, json_option
from doorward.lab import demo
from doorward.lab.place import PlaceError


@click.command("demo", help="Try every method on a pet store over HTTPS: used, forged, refused, revoked.")
@json_option
def command(as_json: bool) -> None:
    try:
        tally = demo.run(lambda line: click.echo(line, err=as_json))
    except PlaceError as reason:
        raise Failed(str(reason)) from None
    if as_json:
        click.echo(json.dumps(tally.as_json()))
    else:
        click.echo("\n" + tally.table() + "\n\n" + "\n".join(tally.failures) + ("\n" if tally.failures else "") + tally.summary())
    sys.exit(1 if tally.failures else 0)
