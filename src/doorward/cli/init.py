"""doorward init: a data directory, its keys, its database and its first signing key."""

import os

import click

from doorward.cli.frame import data_dir, data_option, json_option, run, tell
from doorward.core.event import Event, Kind
from doorward.core.store import Tx
from doorward.data_dir import DataDir
from doorward.installation import opened
from doorward.ledger.signing_keys import SigningKeys, SigningOptions

NEXT = """\
doorward is laid out in {path}

What comes next
  the first operator   doorward account create YOU --email YOU@EXAMPLE.ORG --scopes "admin:keys" --password-stdin{data}
  the first key        doorward key create --name first --owner YOU --scopes "read:pets"{data}
  the first route      write a [[route]] into {path}/doorward.toml: what no route matches is refused
  the server           doorward serve{data}

Whoever can read this folder is the local operator and may do everything. Back it up, secrets/ too: without them
nothing that they protect can be read again."""


@click.command("init", help="Lay out a data directory. Run again, it changes nothing that is there.")
@data_option
@json_option
def command(data: str | None, as_json: bool) -> None:
    place = data_dir(data)
    new = run(lambda: lay_out(place))
    flag = f" --data {data}" if data else ""
    text = NEXT.format(path=place.path, data=flag) if new else f"{place.path} was laid out before; nothing was changed"
    tell(as_json, {"data": str(place.path), "new": new}, text)


async def lay_out(place: DataDir) -> bool:
    """True for the one call that did it."""
    with place.alone():
        place.create(os.urandom)
        async with opened(place, os.environ) as home:
            now = home.clock()
            key = await SigningKeys(home.store, home.sealer, home.entropy, SigningOptions()).first(now, "init")
            if key is None:
                return False

            async def note(tx: Tx) -> None:
                await tx.record(Event(kind=Kind.INSTALLED, subject="doorward", actor="local operator", at=now))

            await home.store.write(note)
            return True
