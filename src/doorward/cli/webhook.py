"""doorward webhook add|list|show|rotate|revoke: the senders whose webhooks are taken."""

import click

from doorward.admin import webhooks
from doorward.admin.actor import LOCAL
from doorward.admin.webhooks import NewSecret, SenderOrder
from doorward.cli.frame import data_dir, data_option, json_option, read_secret, run, tell
from doorward.cli.key_create import ONCE
from doorward.cli.show import when
from doorward.cli.words import RATE, SPAN, at_home
from doorward.core.clock import moment
from doorward.core.credential import Credential
from doorward.core.limit import Rate
from doorward.webhooks import FORM_NAMES

secret_option = click.option(
    "--secret-file", metavar="FILE", help="The sender's secret; - is standard input. Without it one is made and shown, once."
)


@click.group("webhook", help="Senders whose webhooks are taken.")
def command() -> None: ...


@command.command("add", help="Register a sender: the NAME that a route's `webhook` says.")
@click.argument("name")
@click.option("--form", type=click.Choice(FORM_NAMES), required=True, help="How it signs.")
@click.option("--owner", default="", help="Who calls, for the application: an account, a service, or any text; else NAME.")
@click.option("--scopes", default="", help="What it may do, words with spaces between.")
@click.option("--allow-ip", "networks", multiple=True, metavar="CIDR", help="Only from here; may be given again.")
@click.option("--rate", type=RATE, help="Its own limit, such as 100/m.")
@secret_option
@data_option
@json_option
def add(
    name: str, form: str, owner: str, scopes: str, networks: tuple[str, ...], rate: Rate | None,
    secret_file: str | None, data: str | None, as_json: bool,
) -> None:  # fmt: skip
    secret = read_secret(secret_file, "secret") if secret_file is not None else None
    order = SenderOrder(
        name=name, form=form, owner=owner, scopes=frozenset(scopes.split()) if scopes else None, networks=networks, rate=rate
    )

    async def work() -> NewSecret:
        async with at_home(data_dir(data)) as home:
            return await webhooks.add(
                order, secret, store=home.store, sealer=home.sealer, entropy=home.entropy, actor=LOCAL, now=home.clock()
            )

    _tell_new(run(work), as_json)


@command.command("list", help="All senders, without their secrets.")
@data_option
@json_option
def list_(data: str | None, as_json: bool) -> None:
    async def work() -> list[Credential]:
        async with at_home(data_dir(data)) as home:
            return list(await webhooks.every(store=home.store))

    found = run(work)
    tell(as_json, {"senders": [_record(each) for each in found]}, "\n".join(map(_line, found)) or "there are no senders")


@command.command("show", help="One sender, without its secrets, and until when a replaced secret still works.")
@click.argument("name")
@data_option
@json_option
def show(name: str, data: str | None, as_json: bool) -> None:
    async def work() -> tuple[Credential, float | None]:
        async with at_home(data_dir(data)) as home:
            sender = await webhooks.show(name, store=home.store)
            return sender, webhooks.old_until(sender, home.sealer, home.clock())

    sender, until = run(work)
    old = [f"the secret before works until {when(until)}"] if until is not None else []
    tell(as_json, _record(sender) | {"old_secret_until": moment(until)}, "\n".join([_line(sender), *old]))


@command.command("rotate", help="Another secret beside the present one, which then ends by itself.")
@click.argument("name")
@click.option("--overlap", type=SPAN, default="24h", show_default=True, help="How long both work.")
@secret_option
@data_option
@json_option
def rotate(name: str, overlap: float, secret_file: str | None, data: str | None, as_json: bool) -> None:
    secret = read_secret(secret_file, "secret") if secret_file is not None else None

    async def work() -> NewSecret:
        async with at_home(data_dir(data)) as home:
            return await webhooks.rotate(
                name, secret, store=home.store, sealer=home.sealer, entropy=home.entropy, actor=LOCAL, now=home.clock(), overlap=overlap
            )

    _tell_new(run(work), as_json)


@command.command("revoke", help="End a sender at once, for every worker.")
@click.argument("name")
@click.option("--why", default="", help="A reason for the journal.")
@data_option
@json_option
def revoke(name: str, why: str, data: str | None, as_json: bool) -> None:
    async def work() -> Credential:
        async with at_home(data_dir(data)) as home:
            return await webhooks.revoke(name, store=home.store, actor=LOCAL, now=home.clock(), why=why)

    sender = run(work)
    tell(as_json, {"name": sender.name, "revoked_at": moment(sender.revoked_at)}, f"the sender {sender.name} is revoked")


def _tell_new(new: NewSecret, as_json: bool) -> None:
    answer = _record(new.credential) | {"old_secret_until": moment(new.old_until)}
    lines = [_line(new.credential)]
    if new.secret is not None:
        answer |= {"secret": new.secret}
        lines = [f"secret  {new.secret.reveal()}", *lines, ONCE]
    if new.old_until is not None:
        lines.append(f"the secret before works until {when(new.old_until)}")
    tell(as_json, answer, "\n".join(lines))


def _record(sender: Credential) -> dict[str, object]:
    return {
        "id": sender.id,
        "name": sender.name,
        "form": sender.data.get("form", ""),
        "owner": sender.owner,
        "scopes": sorted(sender.scopes) if sender.scopes is not None else None,
        "allow_ip": [str(each) for each in sender.limits.networks],
        "rate": str(sender.limits.rate) if sender.limits.rate else None,
        "created_at": moment(sender.created_at),
        "revoked_at": moment(sender.revoked_at),
    }


def _line(sender: Credential) -> str:
    state = "revoked" if sender.revoked_at or sender.ended_at else "lives"
    scopes = " ".join(sorted(sender.scopes or ())) or "no scopes"
    return f"{sender.name}  {sender.data.get('form', '')}  owner {sender.owner}  [{scopes}]  {state}"
