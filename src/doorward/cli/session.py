"""doorward session list|revoke: who is signed in."""

import click

from doorward.admin import sessions
from doorward.admin.actor import LOCAL
from doorward.cli.frame import data_dir, data_option, json_option, run, tell
from doorward.cli.show import when
from doorward.cli.words import at_home
from doorward.core.clock import moment
from doorward.core.credential import Credential


@click.group("session", help="Sessions of people.")
def command() -> None: ...


def _record(session: Credential) -> dict[str, object]:
    return {
        "id": session.id,
        "owner": session.owner,
        "created_at": moment(session.created_at),
        "seen_at": moment(session.seen_at),
        "expires_at": moment(session.expires_at),
        "device": session.data.get("device", ""),
        "address": session.data.get("address", ""),
    }


@command.command("list", help="Those that live.")
@click.option("--owner", help="Only those of this account.")
@data_option
@json_option
def list_(owner: str | None, data: str | None, as_json: bool) -> None:
    async def work() -> list[Credential]:
        async with at_home(data_dir(data)) as home:
            return list(await sessions.every(store=home.store, now=home.clock(), owner=owner))

    found = run(work)
    lines = [
        f"{each.id}  {each.owner}  since {when(each.created_at)}  {each.data.get('address', '')}  {each.data.get('device', '')}"
        for each in found
    ]
    tell(as_json, {"sessions": [_record(each) for each in found]}, "\n".join(lines) or "nobody has a session")


@command.command("revoke", help="End one session, or with --owner every session and token of an account.")
@click.argument("id", required=False)
@click.option("--owner", help="All of this account.")
@click.option("--why", default="", help="A reason for the journal.")
@data_option
@json_option
def revoke(id: str | None, owner: str | None, why: str, data: str | None, as_json: bool) -> None:
    if (id is None) == (owner is None):
        raise click.UsageError("give a session's id, or --owner")

    async def work() -> None:
        async with at_home(data_dir(data)) as home:
            if id is not None:
                await sessions.revoke(id, store=home.store, actor=LOCAL, now=home.clock(), why=why)
            elif owner is not None:
                await sessions.revoke_all(owner, store=home.store, actor=LOCAL, now=home.clock(), why=why)

    run(work)
    what = f"the session {id} has ended" if id else f"every session and token of {owner} has ended"
    tell(as_json, {"id": id, "owner": owner, "revoked": True}, what)
