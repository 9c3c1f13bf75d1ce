"""doorward service create|list|end: programs that sign in by id and secret."""

import click

from doorward.admin import accounts, services
from doorward.admin.actor import LOCAL
from doorward.admin.mistake import NotThere
from doorward.cli.frame import data_dir, data_option, json_option, run, tell
from doorward.cli.show import account_line, account_record
from doorward.cli.words import at_home
from doorward.core.account import SERVICE, Account


@click.group("service", help="Programs that sign in with an id and a generated secret.")
def command() -> None: ...


@command.command("create", help="Make a service and show its secret, once.")
@click.argument("name")
@click.option("--scopes", default="", help="What it may do, words with spaces between.")
@click.option("--roles", default="", help="Roles that routes may ask for.")
@data_option
@json_option
def create(name: str, scopes: str, roles: str, data: str | None, as_json: bool) -> None:
    async def work() -> services.NewService:
        async with at_home(data_dir(data)) as home:
            return await services.create(
                name,
                frozenset(scopes.split()),
                roles=frozenset(roles.split()),
                store=home.store,
                peppers=home.peppers,
                entropy=home.entropy,
                actor=LOCAL,
                now=home.clock(),
            )

    new = run(work)
    answer = {"id": new.id, "secret": new.secret, **account_record(new.account)}
    tell(as_json, answer, f"id      {new.id}\nsecret  {new.secret.reveal()}\nThis is shown once and kept nowhere; store it now.")


@command.command("list", help="All services.")
@data_option
@json_option
def list_(data: str | None, as_json: bool) -> None:
    async def work() -> list[Account]:
        async with at_home(data_dir(data)) as home:
            return list(await accounts.every(store=home.store, kind=SERVICE))

    found = run(work)
    tell(as_json, {"services": [account_record(each) for each in found]}, "\n".join(map(account_line, found)) or "there are no services")


@command.command("end", help="End a service for good, by its id or its name.")
@click.argument("id")
@click.option("--why", default="", help="A reason for the journal.")
@data_option
@json_option
def end(id: str, why: str, data: str | None, as_json: bool) -> None:
    async def work() -> Account:
        async with at_home(data_dir(data)) as home:
            credential = await home.store.credentials.get(id)
            name = credential.owner if credential is not None else id
            if (await accounts.show(name, store=home.store)).kind != SERVICE:
                raise NotThere(f"{id} is no service")
            return await accounts.end(name, store=home.store, actor=LOCAL, now=home.clock(), why=why)

    account = run(work)
    tell(as_json, account_record(account), f"the service {account.name} has ended")
