"""doorward cert ca|issue|register|revoke|list|show|crl: the local certificate authority, and the certificates that are known."""

import os
from pathlib import Path
from typing import Final

import click

from doorward.admin import authority, certificates
from doorward.admin.actor import LOCAL
from doorward.admin.authority import AuthorityOrder
from doorward.admin.certificates import CertificateMaker, CertificateOrder, NewCertificate
from doorward.cli.frame import Failed, data_dir, data_option, json_option, run, tell
from doorward.cli.show import authority_line, authority_record, certificate_line, certificate_record
from doorward.cli.words import SPAN, Home, at_home
from doorward.core.authority import Authority, RevocationList
from doorward.core.clock import moment
from doorward.core.credential import Credential
from doorward.crypto.certificate_reading import LARGEST, to_pem
from doorward.durable import write_new
from doorward.pki.crl import Publisher
from doorward.pki.profile import Profile
from doorward.pki.registered import RegisteredFile
from doorward.server_options import ServerOptions

CERT: Final = "cert.pem"
KEY: Final = "key.pem"
CA: Final = "ca.pem"

scopes_option = click.option(
    "--scopes",
    help="What it may do, words with spaces between. Without this: what the service may that is called so; else nothing by itself, "
    "and no limit to what is shown beside it.",
)


@click.group("cert", help="Certificates: the local authority, what it issues, and those of others that are known.")
def command() -> None: ...


@command.command("ca", help="Make the local certificate authority, or show the one that there is. It is never replaced.")
@click.option("--name", help="What it is called in its certificate.")
@click.option("--life", type=SPAN, help="How long it lives; 3650d if not given.")
@click.option("--domain", "domains", multiple=True, help="It may name only this domain and what lies below it; may be given again.")
@click.option("--export", is_flag=True, help="Print the certificate itself, PEM. Its key never leaves the store.")
@data_option
@json_option
def ca(name: str | None, life: float | None, domains: tuple[str, ...], export: bool, data: str | None, as_json: bool) -> None:
    place = data_dir(data)
    order = AuthorityOrder(name=name, life=authority.LIFE if life is None else life, domains=domains)
    asked = order != AuthorityOrder()

    async def work() -> tuple[Authority, bool]:
        async with at_home(place) as home:
            make = authority.create if asked else authority.ensure
            made = await make(order, store=home.store, sealer=home.sealer, entropy=home.entropy, actor=LOCAL, clock=home.clock)
            found, first = (made, True) if isinstance(made, Authority) else made
            place.keep_ca(to_pem(found.certificate))
            return found, first

    found, first = run(work)
    pem = to_pem(found.certificate)
    answer = {**authority_record(found), "certificate": str(place.ca), "pem": pem, "created": first}
    tell(as_json, answer, pem.rstrip() if export else f"{authority_line(found)}\n{place.ca}")


@command.command("issue", help="A certificate and its key, in files of a folder.")
@click.option("--name", required=True, help="spiffe://example.org/orders, orders.example.org, or a plain name.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for cert.pem, key.pem and ca.pem.")
@click.option("--profile", type=click.Choice([each.value for each in Profile]), default="client", show_default=True, help="What it is for.")
@click.option("--dns", multiple=True, help="A further DNS name; may be given again.")
@click.option("--ip", "ips", multiple=True, help="An address; may be given again.")
@click.option("--life", type=SPAN, help="How long it lives, such as 24h; 30d if not given, 90d of a server.")
@click.option("--days", type=click.IntRange(1, 397), help="The same in days.")
@click.option("--owner", help="An account, a service, a client, or any text; it dies with an account. The name if not given.")
@scopes_option
@click.option("--csr", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A request whose key it is for; no key is made.")
@data_option
@json_option
def issue(
    name: str, out: Path, profile: str, dns: tuple[str, ...], ips: tuple[str, ...], life: float | None, days: int | None,
    owner: str | None, scopes: str | None, csr: Path | None, data: str | None, as_json: bool,
) -> None:  # fmt: skip
    if life is not None and days is not None:
        raise click.UsageError("give --life or --days, not both")
    names = (CERT, CA) if csr is not None else (CERT, KEY, CA)
    _check_free(out, names)
    order = CertificateOrder(
        name=name, profile=Profile(profile), dns=dns, ips=ips, life=days * 86400.0 if days is not None else life, owner=owner,
        scopes=_words(scopes), request=None if csr is None else _read(csr),
    )  # fmt: skip

    async def work() -> NewCertificate:
        async with at_home(data_dir(data)) as home:
            return await certificates.issue(order, store=home.store, maker=_maker(home), actor=LOCAL, now=home.clock())

    new = run(work)
    _write(out, new)
    paths = {"cert": str(out / CERT), "key": None if new.key is None else str(out / KEY), "ca": str(out / CA)}
    answer = {**certificate_record(new.credential), **paths}
    tell(as_json, answer, "\n".join([certificate_line(new.credential), *(path for path in paths.values() if path)]))


@command.command("register", help="Make a foreign or self-signed certificate known, by its thumbprint.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--owner", required=True, help="Who calls with it: an account, a service, a client, or any text.")
@click.option("--name", help="What you call it.")
@scopes_option
@data_option
@json_option
def register(file: Path, owner: str, name: str | None, scopes: str | None, data: str | None, as_json: bool) -> None:
    pem = _read(file)

    async def work() -> Credential:
        async with at_home(data_dir(data)) as home:
            made = await certificates.register(
                pem, owner=owner, name=name, scopes=_words(scopes), store=home.store, entropy=home.entropy, actor=LOCAL, now=home.clock()
            )
            await RegisteredFile(home.store, home.data.registered, home.clock).write()  # for the handshakes of a running server
            return made

    found = run(work)
    tell(as_json, certificate_record(found), certificate_line(found))


@command.command("revoke", help="End a certificate at once, for every worker, and list it as revoked.")
@click.argument("serial")
@click.option("--why", default="", help="A reason for the journal.")
@data_option
@json_option
def revoke(serial: str, why: str, data: str | None, as_json: bool) -> None:
    async def work() -> certificates.RevokedNow:
        async with at_home(data_dir(data)) as home:
            return await certificates.revoke(serial, store=home.store, sealer=home.sealer, actor=LOCAL, clock=home.clock, why=why)

    done = run(work)
    answer = {"serial": done.credential.data["serial"], "id": done.credential.id, "revoked_at": moment(done.credential.revoked_at)}
    listed = f"; list number {done.number} holds it" if done.number is not None else ""
    tell(as_json, answer | {"crl_number": done.number}, f"the certificate {done.credential.id} is revoked{listed}")


@command.command("list", help="All certificates that are known.")
@click.option("--owner", help="Only those of this owner.")
@data_option
@json_option
def list_(owner: str | None, data: str | None, as_json: bool) -> None:
    async def work() -> list[Credential]:
        async with at_home(data_dir(data)) as home:
            return list(await certificates.every(store=home.store, owner=owner))

    found = run(work)
    lines = "\n".join(map(certificate_line, found)) or "there are no certificates"
    tell(as_json, {"certificates": [certificate_record(each) for each in found]}, lines)


@command.command("show", help="One certificate, by its serial number, id or thumbprint.")
@click.argument("serial")
@click.option("--pem", is_flag=True, help="Print the certificate itself.")
@data_option
@json_option
def show(serial: str, pem: bool, data: str | None, as_json: bool) -> None:
    async def work() -> Credential:
        async with at_home(data_dir(data)) as home:
            return await certificates.show(serial, store=home.store)

    found = run(work)
    text = to_pem(found.verifier)
    tell(as_json, certificate_record(found) | {"pem": text}, text.rstrip() if pem else certificate_line(found))


@command.command("crl", help="The list of revoked certificates, as it is served at /ca/crl.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it here, in DER.")
@data_option
@json_option
def crl(out: Path | None, data: str | None, as_json: bool) -> None:
    async def work() -> RevocationList:
        async with at_home(data_dir(data)) as home:
            await authority.show(store=home.store)
            _, published = await Publisher(home.store, home.sealer, home.clock).publish()
            assert published is not None, "there is an authority"  # noqa: S101
            return published

    found = run(work)
    if out is not None:
        try:
            out.write_bytes(found.der)
        except OSError as reason:
            raise Failed(f"{out} cannot be written: {reason.strerror}") from None
    answer = {
        "number": found.number,
        "this_update": moment(found.this_update),
        "next_update": moment(found.next_update),
        "out": None if out is None else str(out),
    }
    tell(as_json, answer, f"list number {found.number}, good until {moment(found.next_update)}" + (f", in {out}" if out else ""))


def _maker(home: Home) -> CertificateMaker:
    issuer = home.settings.options("server", ServerOptions).issuer
    return CertificateMaker(sealer=home.sealer, entropy=home.entropy, address=issuer)


def _words(scopes: str | None) -> frozenset[str] | None:
    return None if scopes is None else frozenset(scopes.split())


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST + 1)
    except OSError as reason:
        raise Failed(f"{file} cannot be read: {reason.strerror}") from None


def _check_free(out: Path, names: tuple[str, ...]) -> None:
    """Before anything is issued: no key is ever written over."""
    for name in names:
        if os.path.lexists(out / name):
            raise Failed(f"{out / name} is there already and is not written over; give another folder with --out")
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as reason:
        raise Failed(f"{out} cannot be made: {reason.strerror}") from None


def _write(out: Path, new: NewCertificate) -> None:
    files = [(CERT, new.chain, 0o644), (CA, new.ca, 0o644)]
    if new.key is not None:
        files.insert(0, (KEY, new.key.reveal(), 0o600))
    for name, text, mode in files:
        try:
            written, reason = write_new(out / name, text, mode), "it is there already"
        except OSError as error:
            written, reason = False, error.strerror or str(error)
        if not written:
            mend = f"end it with: doorward cert revoke {new.credential.id}"
            raise Failed(f"the certificate was issued, but {out / name} cannot be written: {reason}; {mend}")
