"""doorward account create|list|show|password|change|end: people."""

import click

from doorward.admin import accounts
from doorward.admin.accounts import AccountOrder, PasswordMaker
from doorward.admin.actor import LOCAL
from doorward.cli.frame import data_dir, data_option, json_option, read_secret, run, tell
from doorward.cli.show import account_line, account_record
from doorward.cli.words import Home, at_home
from doorward.core.account import PERSON, Account
from doorward.core.secret import Secret
from doorward.crypto.hashing_pool import HashingPool
from doorward.crypto.password import OWASP_2025

password_option = click.option("--password-stdin", is_flag=True, help="Read the password from standard input; one newline is stripped.")


@click.group("account", help="People who sign in.")
def command() -> None: ...


def _maker(home: Home) -> PasswordMaker:
    return PasswordMaker(pool=HashingPool(1, 1), params=OWASP_2025, entropy=home.entropy)


def _password(from_stdin: bool) -> Secret | None:
    return read_secret("-", "password") if from_stdin else None


@command.command("create", help="Make an account.")
@click.argument("name")
@click.option("--email", help="May be used to sign in, too.")
@click.option("--scopes", default="", help="What this person may do, words with spaces between.")
@click.option("--roles", default="", help="Roles that routes may ask for.")
@password_option
@click.option("--password-hash-file", metavar="FILE", help="A hash made elsewhere (Argon2, bcrypt, PBKDF2) instead; - is standard input.")
@data_option
@json_option
def create(
    name: str, email: str | None, scopes: str, roles: str, password_stdin: bool, password_hash_file: str | None,
    data: str | None, as_json: bool,
) -> None:  # fmt: skip
    if password_stdin and password_hash_file:
        raise click.UsageError("give a password or a hash, not both")
    order = AccountOrder(
        name=name,
        email=email,
        scopes=frozenset(scopes.split()),
        roles=frozenset(roles.split()),
        password=_password(password_stdin),
        password_hash=read_secret(password_hash_file, "hash").reveal() if password_hash_file else None,
    )

    async def work() -> Account:
        async with at_home(data_dir(data)) as home:
            return await accounts.create(order, store=home.store, maker=_maker(home), actor=LOCAL, now=home.clock())

    account = run(work)
    text = f"the account {account.name} is made"
    if order.password is None and order.password_hash is None:
        text += f"; nobody can sign in with it yet, set a password with: doorward account password {account.name}"
    tell(as_json, account_record(account), text)


@command.command("list", help="All accounts.")
@data_option
@json_option
def list_(data: str | None, as_json: bool) -> None:
    async def work() -> list[Account]:
        async with at_home(data_dir(data)) as home:
            return list(await accounts.every(store=home.store, kind=PERSON))

    found = run(work)
    tell(as_json, {"accounts": [account_record(each) for each in found]}, "\n".join(map(account_line, found)) or "there are no accounts")


@command.command("show", help="One account.")
@click.argument("name")
@data_option
@json_option
def show(name: str, data: str | None, as_json: bool) -> None:
    async def work() -> Account:
        async with at_home(data_dir(data)) as home:
            return await accounts.show(name, store=home.store)

    account = run(work)
    tell(as_json, account_record(account), account_line(account))


@command.command(
    "change", help="Change e-mail, scopes or roles; what is not given stays. A new scope or role ends every session and token."
)
@click.argument("name")
@click.option("--email")
@click.option("--scopes")
@click.option("--roles")
@data_option
@json_option
def change(name: str, email: str | None, scopes: str | None, roles: str | None, data: str | None, as_json: bool) -> None:
    async def work() -> accounts.Changed:
        async with at_home(data_dir(data)) as home:
            return await accounts.change(
                name,
                store=home.store,
                actor=LOCAL,
                now=home.clock(),
                email=email,
                scopes=frozenset(scopes.split()) if scopes is not None else None,
                roles=frozenset(roles.split()) if roles is not None else None,
            )

    changed = run(work)
    told = f"\nit may do more than before: all its sessions and tokens are ended; {name} signs in anew" if changed.ended else ""
    tell(as_json, account_record(changed.account) | {"ended_sessions": changed.ended}, account_line(changed.account) + told)


@command.command("password", help="Set a new password. Ends every session and token of the account.")
@click.argument("name")
@password_option
@data_option
@json_option
def password(name: str, password_stdin: bool, data: str | None, as_json: bool) -> None:
    new = _password(password_stdin) or read_secret("-", "new password")

    async def work() -> None:
        async with at_home(data_dir(data)) as home:
            await accounts.change_password(name, new, store=home.store, maker=_maker(home), actor=LOCAL, now=home.clock())

    run(work)
    tell(as_json, {"name": name, "changed": True}, f"the password of {name} is changed; all its sessions and tokens are ended")


@command.command("end", help="End an account for good, with all its keys, sessions and tokens. Its name is not used again.")
@click.argument("name")
@click.option("--why", default="", help="A reason for the journal.")
@data_option
@json_option
def end(name: str, why: str, data: str | None, as_json: bool) -> None:
    async def work() -> Account:
        async with at_home(data_dir(data)) as home:
            return await accounts.end(name, store=home.store, actor=LOCAL, now=home.clock(), why=why)

    account = run(work)
    tell(as_json, account_record(account), f"the account {account.name} has ended")
