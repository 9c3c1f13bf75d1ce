"""doorward client create|list|show|change|rotate-secret|revoke: applications that ask for tokens."""

from collections.abc import Sequence
from typing import Any

import click

from doorward.admin import clients
from doorward.admin.actor import LOCAL
from doorward.admin.client_metadata import AUTH_METHODS, CLIENT_CREDENTIALS, TOKENS, ClientOrder
from doorward.cli.client_words import client_line, client_record, client_text, in_options, proof_of, proof_options, secret_records, way_of
from doorward.cli.frame import data_dir, data_option, json_option, run, tell
from doorward.cli.show import when
from doorward.cli.words import SPAN, Home, at_home
from doorward.core.client import Client
from doorward.core.clock import moment
from doorward.core.credential import Credential
from doorward.outbound.fetch import FetchOptions
from doorward.outbound.reach import Network, read_networks

_ONCE = "This is shown once and kept nowhere; store it now."


@click.group("client", help="Applications that ask for tokens (OAuth).")
def command() -> None: ...


def _maker(home: Home) -> clients.SecretMaker:
    return clients.SecretMaker(peppers=home.peppers, entropy=home.entropy)


def _allowed(home: Home) -> tuple[Network, ...]:
    return read_networks(home.settings.options("fetch", FetchOptions).allow)


@command.command("create", help="Make a client and show its id and its secret, once.")
@click.argument("name")
@click.option("--grant", "grants", multiple=True, help=f"What it may ask by; {CLIENT_CREDENTIALS} if none is said. May be repeated.")
@click.option("--scopes", default="", help="What it may ask for, and gets without asking; words with spaces between.")
@click.option("--auth", type=click.Choice(AUTH_METHODS), help="How it proves itself; a secret, either way, if nothing is said.")
@proof_options
@click.option("--token", type=click.Choice(TOKENS), default="jwt", show_default=True, help="The form of its access tokens.")
@click.option("--audience", "audiences", multiple=True, help="Whom its tokens are for; this server's own, if none is said.")
@click.option("--access-life", type=SPAN, help="How long its access tokens live, such as 5m.")
@click.option("--certificate-bound", is_flag=True, help="Its tokens work beside the certificate only that it showed (RFC 8705).")
@click.option("--dpop-bound", is_flag=True, help="Its tokens work with proof of a key only (RFC 9449).")
@data_option
@json_option
def create(
    name: str, grants: tuple[str, ...], scopes: str, auth: str | None, jwks: str | None, jwks_uri: str | None,
    certificates: tuple[str, ...], token: str, audiences: tuple[str, ...], access_life: float | None, certificate_bound: bool,
    dpop_bound: bool, data: str | None, as_json: bool, **names: str | None,
) -> None:  # fmt: skip
    proof = proof_of(jwks, jwks_uri, certificates, names)
    order = ClientOrder(
        name=name,
        grants=grants or (CLIENT_CREDENTIALS,),
        scopes=frozenset(scopes.split()),
        auth=way_of(auth, certificates, proof),
        token=token,
        audiences=audiences,
        access_life=access_life,
        certificate_bound=certificate_bound,
        dpop_bound=dpop_bound,
        **proof,
    )

    async def work() -> clients.NewClient:
        async with at_home(data_dir(data)) as home:
            return await clients.create(order, store=home.store, maker=_maker(home), actor=LOCAL, now=home.clock(), allow=_allowed(home))

    with in_options(jwks, certificates):
        new = run(work)
    answer = client_record(new.client) | ({} if new.secret is None else {"client_secret": new.secret})
    text = f"client_id      {new.client.id}"
    tell(as_json, answer, text if new.secret is None else f"{text}\nclient_secret  {new.secret.reveal()}\n{_ONCE}")


@command.command("list", help="All clients.")
@data_option
@json_option
def list_(data: str | None, as_json: bool) -> None:
    async def work() -> Sequence[Client]:
        async with at_home(data_dir(data)) as home:
            return await clients.every(store=home.store)

    found = run(work)
    tell(as_json, {"clients": [client_record(each) for each in found]}, "\n".join(map(client_line, found)) or "there are no clients")


@command.command("show", help="One client, and the secrets that work now.")
@click.argument("id")
@data_option
@json_option
def show(id: str, data: str | None, as_json: bool) -> None:
    async def work() -> tuple[Client, Sequence[Credential]]:
        async with at_home(data_dir(data)) as home:
            client = await clients.show(id, store=home.store)
            return client, await clients.secrets(client, store=home.store, now=home.clock())

    client, secrets = run(work)
    tell(as_json, client_record(client) | {"secrets": secret_records(secrets)}, client_text(client, secrets))


@command.command("change", help="Change what was said at its making; what is not given stays. Tokens that live keep what they have.")
@click.argument("id")
@click.option("--name", help="What it is called.")
@click.option("--scopes")
@proof_options
@click.option("--token", type=click.Choice(TOKENS))
@click.option("--audience", "audiences", multiple=True)
@click.option("--access-life", type=SPAN)
@click.option("--certificate-bound/--no-certificate-bound", default=None)
@click.option("--dpop-bound/--no-dpop-bound", default=None)
@data_option
@json_option
def change(
    id: str, name: str | None, scopes: str | None, jwks: str | None, jwks_uri: str | None, certificates: tuple[str, ...],
    token: str | None, audiences: tuple[str, ...], access_life: float | None, certificate_bound: bool | None,
    dpop_bound: bool | None, data: str | None, as_json: bool, **names: str | None,
) -> None:  # fmt: skip
    said: dict[str, Any] = {
        "name": name,
        "scopes": None if scopes is None else frozenset(scopes.split()),
        "token": token,
        "audiences": audiences or None,
        "access_life": access_life,
        "certificate_bound": certificate_bound,
        "dpop_bound": dpop_bound,
    }
    changes = {field: value for field, value in said.items() if value is not None}
    if proof := proof_of(jwks, jwks_uri, certificates, names):
        changes |= {"jwks": None, "jwks_uri": None, "tls_subject": None} | proof
    if not changes:
        raise click.UsageError("nothing to change: give what shall be another, such as --name or --scopes")

    async def work() -> Client:
        async with at_home(data_dir(data)) as home:
            return await clients.change(id, changes, store=home.store, actor=LOCAL, now=home.clock(), allow=_allowed(home))

    with in_options(jwks, certificates):
        client = run(work)
    tell(as_json, client_record(client), client_line(client))


@command.command("rotate-secret", help="Make a second secret; the one before works beside it for a while, any older one ends.")
@click.argument("id")
@click.option("--overlap", type=SPAN, default=clients.OVERLAP, help="How long the one before still works. [default: 24h]")
@click.option("--now", "at_once", is_flag=True, help="It ends now: for a secret that has leaked.")
@data_option
@json_option
def rotate_secret(id: str, overlap: float, at_once: bool, data: str | None, as_json: bool) -> None:
    async def work() -> clients.NewSecret:
        async with at_home(data_dir(data)) as home:
            return await clients.rotate_secret(
                id, store=home.store, maker=_maker(home), actor=LOCAL, now=home.clock(), overlap=0 if at_once else overlap
            )

    new = run(work)
    told = "the one before has ended" if new.old_ends_at is None else f"the one before works until {when(new.old_ends_at)}"
    answer = {"client_id": new.client.id, "client_secret": new.secret, "old_secret_ends_at": moment(new.old_ends_at)}
    tell(as_json, answer, f"client_secret  {new.secret.reveal()}\n{_ONCE}\n{told}")


@command.command("revoke", help="End a client for good, with its secrets, its keys, and every token that was given to it.")
@click.argument("id")
@click.option("--why", default="", help="A reason for the journal.")
@data_option
@json_option
def revoke(id: str, why: str, data: str | None, as_json: bool) -> None:
    async def work() -> Client:
        async with at_home(data_dir(data)) as home:
            return await clients.end(id, store=home.store, actor=LOCAL, now=home.clock(), why=why)

    client = run(work)
    tell(as_json, client_record(client), f"the client {client.id} ({client.name}) has ended")
