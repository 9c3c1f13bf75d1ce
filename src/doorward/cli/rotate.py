"""doorward rotate signing-keys|pepper|sealing-key: new keys, while everything goes on."""

import os

import click

from doorward.cli.frame import data_dir, data_option, json_option, run, tell
from doorward.cli.show import when
from doorward.cli.words import at_home
from doorward.core.clock import moment
from doorward.core.signing import SigningKey
from doorward.data_dir import PEPPER, SEALING, DataDir
from doorward.ledger import reseal
from doorward.ledger.signing_keys import SigningKeys
from doorward.options import Options

ELSEWHERE = "Running workers take it within a second. If secrets/ is copied to other machines, copy it now."


@click.group("rotate", help="New signing keys, pepper or sealing key; the old ones stay for what they protect.")
def command() -> None: ...


@command.command("signing-keys", help="Publish a new signing key; it signs once verifiers have had time to fetch it.")
@click.option("--now", "at_once", is_flag=True, help="It signs at once (after a leak); verifiers elsewhere may not know it yet.")
@data_option
@json_option
def signing_keys(at_once: bool, data: str | None, as_json: bool) -> None:
    async def work() -> SigningKey:
        async with at_home(data_dir(data)) as home:
            keys = SigningKeys(home.store, home.sealer, home.entropy, Options.read(home.settings).signing)
            return await keys.rotate(home.clock(), "local operator", at_once=at_once)

    key = run(work)
    tell(as_json, {"kid": key.kid, "alg": key.alg, "active_at": moment(key.active_at)}, f"{key.kid} signs from {when(key.active_at)}")


def _added(place: DataDir, name: str) -> str:
    place.check()
    place.keys(name)
    return place.add_key(name, os.urandom)


@command.command("pepper", help="A new pepper for what is made from now on.")
@data_option
@json_option
def pepper(data: str | None, as_json: bool) -> None:
    async def work() -> str:
        return _added(data_dir(data), PEPPER)

    id = run(work)
    tell(as_json, {"id": id}, f"the pepper {id} is current. {ELSEWHERE}")


@command.command("sealing-key", help="A new sealing key; what is sealed at rest is sealed anew under it.")
@data_option
@json_option
def sealing_key(data: str | None, as_json: bool) -> None:
    async def work() -> tuple[str, int]:
        place = data_dir(data)
        with place.alone():  # adding the key and sealing anew under it: nobody adds another in between
            id = _added(place, SEALING)
            async with at_home(place) as home:
                return id, await reseal.reseal(home.store, home.sealer, actor="local operator", now=home.clock())

    id, count = run(work)
    tell(as_json, {"id": id, "resealed": count}, f"the sealing key {id} is current, {count} secrets are sealed anew. {ELSEWHERE}")
