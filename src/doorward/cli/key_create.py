"""doorward key create: API keys, HMAC keys, and keys of HTTP message signatures (`--keypair`, `--public-key`, `--alg hmac-sha256`)."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import click

from doorward.admin import keys
from doorward.admin.actor import LOCAL
from doorward.admin.keys import KeyMaker, KeyOptions, KeyOrder, NewKey
from doorward.admin.signature_keys import shown_public
from doorward.cli.frame import Failed, data_dir, data_option, json_option, read_secret, run, tell
from doorward.cli.show import key_line, key_record
from doorward.cli.words import RATE, SPAN, Home, at_home
from doorward.core import key_text
from doorward.core.limit import Rate
from doorward.crypto.signature_algorithms import ALGORITHMS, HMAC

ONCE: Final = "This is shown once and kept nowhere; store it now."
public_option = click.option(
    "--public-key", metavar="FILE", help="Your own public key, PEM or JWK; - is standard input. Ours is then none."
)
out_option = click.option("--out", type=click.Path(path_type=Path), help="Write the private key or secret there (0600), not to the screen.")


def maker(home: Home) -> KeyMaker:
    options = home.settings.options("keys", KeyOptions)
    return KeyMaker(peppers=home.peppers, sealer=home.sealer, entropy=home.entropy, options=options)


@click.command("create", help="Make a key and show it, once.")
@click.option("--name", help="What you call it; its id if not given.")
@click.option("--owner", help="An account, a service, or any text; it dies with an account or service. Without this it stands for itself.")
@click.option("--scopes", default="", help="What it may do, words with spaces between.")
@click.option("--prefix", help="sk secret (the default), pk publishable, rk restricted, or 2 to 12 letters of your own; of API keys only.")
@click.option("--env", type=click.Choice(key_text.ENVS), default="live", show_default=True, help="Test keys are refused on live routes.")
@click.option("--expires", type=SPAN, help="How long it lives, such as 30d.")
@click.option("--not-before", type=SPAN, help="From when on it works, counted from now, such as 1h.")
@click.option("--allow-ip", "networks", multiple=True, metavar="CIDR", help="Only from here; may be given again.")
@click.option("--origin", "origins", multiple=True, metavar="ORIGIN", help="Only from pages of this origin (publishable keys).")
@click.option("--methods", default="", help='Only with these HTTP methods, such as "GET HEAD".')
@click.option("--rate", type=RATE, help="Its own limit, such as 100/m.")
@click.option("--meta", "metadata", multiple=True, metavar="NAME=VALUE", help="A note of your own on it, no secret; may be given again.")
@click.option("--hmac", "signs", is_flag=True, help="A key that signs requests instead of being sent.")
@click.option("--keypair", is_flag=True, help="A key pair for message signatures (RFC 9421): only its public half is kept here.")
@click.option("--alg", type=click.Choice(ALGORITHMS), help=f"Of message signatures; ed25519 without it. {HMAC} has a shared secret.")
@public_option
@out_option
@data_option
@json_option
def create(
    name: str | None, owner: str | None, scopes: str, prefix: str | None, env: str, expires: float | None, not_before: float | None,
    networks: tuple[str, ...], origins: tuple[str, ...], methods: str, rate: Rate | None,
    metadata: tuple[str, ...], signs: bool, keypair: bool, alg: str | None, public_key: str | None, out: Path | None,
    data: str | None, as_json: bool,
) -> None:  # fmt: skip
    method = _method(signs, keypair, alg, public_key, prefix)
    notes, public = _notes(metadata), read_public_half(public_key)

    async def work() -> NewKey:
        async with at_home(data_dir(data)) as home:
            now = home.clock()
            order = KeyOrder(
                name=name, owner=owner, scopes=frozenset(scopes.split()), prefix=prefix or keys.PREFIX, env=env, lifetime=expires,
                not_before=now + not_before if not_before else None, methods=tuple(methods.replace(",", " ").split()),
                networks=networks, origins=origins, rate=rate, data=notes, alg=alg or "", public=public,
            )  # fmt: skip
            return await keys.create(order, store=home.store, maker=maker(home), actor=LOCAL, now=now, method=method)

    with kept(out) as keep:
        new = run(work)
        shown, lines = keep(new, brought=public is not None)
    tell(as_json, {"id": new.id, **shown, **key_record(new.credential)}, "\n".join((*lines, key_line(new.credential))))


def _method(signs: bool, keypair: bool, alg: str | None, public_key: str | None, prefix: str | None) -> str:
    of_messages = keypair or alg is not None or public_key is not None
    if signs and of_messages:
        raise click.UsageError(f"--hmac makes a key of the method hmac; --alg {HMAC} one of message signatures (RFC 9421)")
    if keypair and alg == HMAC:
        raise click.UsageError(f"leave --keypair out: {HMAC} has a shared secret")
    if keypair and public_key is not None:
        raise click.UsageError("leave --keypair out: with --public-key you have made the pair yourself")
    if (signs or of_messages) and prefix is not None:
        raise click.UsageError("--prefix: a key that signs has none, its secret is never sent")
    return keys.HTTP_SIGNATURE if of_messages else keys.HMAC if signs else keys.API_KEY


def _notes(written: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in written:
        name, mark, value = each.partition("=")
        if not mark or not name or name in found:
            raise click.UsageError(f"--meta {each[:40]}: write NAME=VALUE, each name once")
        found[name] = value
    return found


def read_public_half(file: str | None) -> bytes | None:
    return read_secret(file, "public key").reveal().encode() if file is not None else None


class _Keep:
    """What is told of a new key: in JSON, and in lines. With a file the secret part goes there."""

    def __init__(self, descriptor: int | None, out: Path | None) -> None:
        self._descriptor, self._out = descriptor, out

    def __call__(self, new: NewKey, *, brought: bool) -> tuple[dict[str, object], list[str]]:
        method, secret = new.credential.method, new.key
        name = {keys.HMAC: "secret", keys.API_KEY: "key"}.get(method) or ("secret" if new.credential.kind == HMAC else "private_key")
        public = shown_public(new.credential) if method == keys.HTTP_SIGNATURE else {}
        told: dict[str, object] = {"alg": new.credential.kind, **public} if method == keys.HTTP_SIGNATURE else {}
        lines = [f"id      {new.id}"] if name != "key" else []
        lines += [f"alg     {new.credential.kind}"] if told else []
        if self._descriptor is not None:
            if brought:
                raise Failed("--out: there is no secret part of a key whose public half was brought", "mistake")
            os.write(self._descriptor, secret.reveal().encode() + b"\n" * (name != "private_key"))
            return told | {"out": str(self._out)}, [*lines, f"{name} in {self._out}"]
        if brought:
            return told, lines
        shown = f"\n{secret.reveal()}" if name == "private_key" else f" {secret.reveal()}"
        return told | {name: secret}, [*lines, f"{name:<{7 if lines else 3}}{shown}", ONCE]


@contextmanager
def kept(out: Path | None) -> Iterator[_Keep]:
    """The file is made before the key: a key whose secret cannot be written is none."""
    if out is None:
        yield _Keep(None, None)
        return
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as reason:
        _cannot(out, reason)
    try:
        yield _Keep(descriptor, out)
        os.fsync(descriptor)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _cannot(out: Path, reason: OSError) -> NoReturn:
    raise Failed(f"{out} cannot be written: {reason.strerror}") from None
