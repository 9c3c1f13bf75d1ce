"""doorward key create|list|show|rotate|revoke|import|pattern: API keys and HMAC keys."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from doorward.admin import key_import, key_rotation, keys
from doorward.admin.actor import LOCAL
from doorward.admin.key_csv import ImportOrder
from doorward.admin.keys import KeyMaker, KeyOptions, KeyOrder
from doorward.cli.frame import Failed, data_dir, data_option, json_option, read_secret, run, tell
from doorward.cli.show import key_line, key_record, when
from doorward.cli.words import RATE, SPAN, Home, at_home
from doorward.core import key_text
from doorward.core.clock import moment
from doorward.core.credential import Credential
from doorward.core.limit import Rate
from doorward.crypto.imported_key import FORMS
from doorward.data_dir import DataDir, DataDirError

ONCE = "This is shown once and kept nowhere; store it now."


@click.group("key", help="API keys and HMAC keys.")
def command() -> None: ...


def maker(home: Home) -> KeyMaker:
    options = home.settings.options("keys", KeyOptions)
    return KeyMaker(peppers=home.peppers, sealer=home.sealer, entropy=home.entropy, options=options)


@command.command("create", help="Make a key and show it, once.")
@click.option("--name", required=True, help="What you call it.")
@click.option("--owner", required=True, help="An account, a service, or any text; the key dies with an account or service.")
@click.option("--scopes", default="", help="What it may do, words with spaces between.")
@click.option("--prefix", help="sk secret (the default), pk publishable, rk restricted, or 2 to 12 letters of your own; not of HMAC keys.")
@click.option("--env", type=click.Choice(key_text.ENVS), default="live", show_default=True, help="Test keys are refused on live routes.")
@click.option("--expires", type=SPAN, help="How long it lives, such as 30d.")
@click.option("--not-before", type=SPAN, help="From when on it works, counted from now, such as 1h.")
@click.option("--allow-ip", "networks", multiple=True, metavar="CIDR", help="Only from here; may be given again.")
@click.option("--origin", "origins", multiple=True, metavar="ORIGIN", help="Only from pages of this origin (publishable keys).")
@click.option("--methods", default="", help='Only with these HTTP methods, such as "GET HEAD".')
@click.option("--rate", type=RATE, help="Its own limit, such as 100/m.")
@click.option("--meta", "metadata", multiple=True, metavar="NAME=VALUE", help="A note of your own on it, no secret; may be given again.")
@click.option("--hmac", "signs", is_flag=True, help="A key that signs requests instead of being sent.")
@data_option
@json_option
def create(
    name: str, owner: str, scopes: str, prefix: str | None, env: str, expires: float | None, not_before: float | None,
    networks: tuple[str, ...], origins: tuple[str, ...], methods: str, rate: Rate | None,
    metadata: tuple[str, ...], signs: bool, data: str | None, as_json: bool,
) -> None:  # fmt: skip
    if signs and prefix is not None:
        raise click.UsageError("--prefix: an HMAC key has none, its secret is never sent")
    notes = _notes(metadata)

    async def work() -> keys.NewKey:
        async with at_home(data_dir(data)) as home:
            now = home.clock()
            order = KeyOrder(
                name=name, owner=owner, scopes=frozenset(scopes.split()), prefix=prefix or keys.PREFIX, env=env, lifetime=expires,
                not_before=now + not_before if not_before else None, methods=tuple(methods.replace(",", " ").split()),
                networks=networks, origins=origins, rate=rate, data=notes,
            )  # fmt: skip
            method = keys.HMAC if signs else keys.API_KEY
            return await keys.create(order, store=home.store, maker=maker(home), actor=LOCAL, now=now, method=method)

    new = run(work)
    shown = {"secret" if signs else "key": new.key}
    text = f"{'id     ' if signs else 'key'} {new.id if signs else new.key.reveal()}"
    if signs:
        text += f"\nsecret  {new.key.reveal()}"
    tell(as_json, {"id": new.id, **shown, **key_record(new.credential)}, f"{text}\n{key_line(new.credential)}\n{ONCE}")


def _notes(written: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in written:
        name, mark, value = each.partition("=")
        if not mark or not name or name in found:
            raise click.UsageError(f"--meta {each[:40]}: write NAME=VALUE, each name once")
        found[name] = value
    return found


@command.command("list", help="All keys, without their secrets.")
@click.option("--owner", help="Only those of this owner.")
@click.option("--hmac", "signs", is_flag=True, help="Only HMAC keys.")
@click.option("--ending", type=SPAN, help="Only those that live and end within this time, such as 14d.")
@data_option
@json_option
def list_(owner: str | None, signs: bool, ending: float | None, data: str | None, as_json: bool) -> None:
    async def work() -> list[tuple[Credential, float | None]]:
        async with at_home(data_dir(data)) as home:
            found = await keys.every(store=home.store, owner=owner, method=keys.HMAC if signs else None)
            if ending is not None:
                found = [key for key in found if keys.ends_within(key, home.clock(), ending)]
            used: dict[str, float] = {}
            for start in range(0, len(found), 500):
                used |= await home.store.uses.last_used([key.id for key in found[start : start + 500]])
            return [(key, used.get(key.id)) for key in found]

    rows = run(work)
    lines = [f"{key_line(key)}  last used {when(used)}" for key, used in rows]
    tell(as_json, {"keys": [key_record(key) | {"last_used": moment(used)} for key, used in rows]}, "\n".join(lines) or "there are no keys")


@command.command("show", help="One key, without its secret, and who used it in the last day.")
@click.argument("id")
@data_option
@json_option
def show(id: str, data: str | None, as_json: bool) -> None:
    async def work() -> tuple[Credential, list[key_rotation.Caller]]:
        async with at_home(data_dir(data)) as home:
            key = await keys.show(id, store=home.store)
            return key, list(await key_rotation.callers(key.id, store=home.store, now=home.clock()))

    key, callers = run(work)
    notes = [f"{name}: {value}" for name, value in keys.metadata(key).items()]
    tell(as_json, key_record(key) | {"callers": _rows(callers)}, "\n".join([key_line(key), *notes, *_caller_lines(callers)]))


@command.command("rotate", help="A second key beside the first, which then ends by itself.")
@click.argument("id")
@click.option("--overlap", type=SPAN, default="24h", show_default=True, help="How long both work.")
@data_option
@json_option
def rotate(id: str, overlap: float, data: str | None, as_json: bool) -> None:
    async def work() -> key_rotation.Rotation:
        async with at_home(data_dir(data)) as home:
            return await key_rotation.rotate(id, store=home.store, maker=maker(home), actor=LOCAL, now=home.clock(), overlap=overlap)

    done = run(work)
    shown = "secret" if done.new.credential.method == keys.HMAC else "key"
    answer = {"id": done.new.id, shown: done.new.key, "replaces": done.old.id, "old_ends_at": moment(done.ends_at)}
    lines = [
        f"{shown} {done.new.key.reveal()}",
        ONCE,
        f"the old key {done.old.id} works until {when(done.ends_at)}",
        *_caller_lines(done.callers),
    ]
    tell(as_json, answer | {"callers": _rows(done.callers)}, "\n".join(lines))


@command.command("revoke", help="End a key at once, for every worker.")
@click.argument("id")
@click.option("--why", default="", help="A reason for the journal.")
@data_option
@json_option
def revoke(id: str, why: str, data: str | None, as_json: bool) -> None:
    async def work() -> Credential:
        async with at_home(data_dir(data)) as home:
            return await keys.revoke(id, store=home.store, actor=LOCAL, now=home.clock(), why=why)

    key = run(work)
    tell(as_json, {"id": key.id, "revoked_at": moment(key.revoked_at)}, f"the key {key.id} is revoked")


@command.command("import", help="Existing keys by their stored hashes: CSV with id,name,owner,hash,start,scopes,expires.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(list(FORMS)), required=True, help="How the hashes were made and written.")
@click.option("--pepper-file", metavar="FILE", help="For hmac forms: the key they were made with, as it is; - is standard input.")
@click.option("--env", type=click.Choice(key_text.ENVS), default="live", show_default=True)
@data_option
@json_option
def import_(file: Path, form: str, pepper_file: str | None, env: str, data: str | None, as_json: bool) -> None:
    def lines() -> Iterator[str]:
        with file.open(encoding="utf-8", errors="strict", newline="") as opened:
            yield from opened

    place = data_dir(data)
    pepper_id = _keep_pepper(place, pepper_file) if pepper_file else ""

    async def work(progress: Callable[[int], None]) -> key_import.Imported:
        async with at_home(place) as home:
            return await key_import.import_keys(
                lines,
                ImportOrder(form=form, env=env, pepper_id=pepper_id),
                store=home.store,
                actor=LOCAL,
                options=maker(home).options,
                entropy=home.entropy,
                now=home.clock(),
                progress=progress,
            )

    with click.progressbar(length=2 * _count_lines(file), label="importing", file=sys.stderr) as bar:
        seen = 0

        def progress(done: int) -> None:
            nonlocal seen
            bar.update(done - seen)
            seen = done

        try:
            found = run(lambda: work(progress))
        except UnicodeDecodeError:
            raise Failed(f"{file.name} is not UTF-8") from None
    tell(as_json, {"added": found.added, "known": found.known}, _imported(found))


def _imported(found: key_import.Imported) -> str:
    added = "1 key added" if found.added == 1 else f"{found.added} keys added"
    return f"{added}, {found.known} {'was' if found.known == 1 else 'were'} there already"


def _keep_pepper(place: DataDir, source: str) -> str:
    pepper = read_secret(source, "pepper").reveal().encode()
    if not 1 <= len(pepper) <= 1024:
        raise Failed("the pepper of imported hashes has 1 to 1024 bytes")
    try:
        place.check()
        return place.keep_imported_pepper(pepper)
    except DataDirError as reason:
        raise Failed(str(reason), "settings") from None


def _count_lines(file: Path) -> int:
    with file.open("rb") as opened:
        return max(1, sum(1 for _ in opened) - 1)


@command.command("pattern", help="The regular expression that finds keys in text, also as scanner rules.")
@click.option("--as", "form", type=click.Choice(["regex", "gitleaks", "trufflehog"]), default="regex", show_default=True)
@json_option
def pattern(form: str, as_json: bool) -> None:
    text = {"regex": lambda: key_text.PATTERN, "gitleaks": key_text.gitleaks_rule, "trufflehog": key_text.trufflehog_rule}[form]()
    tell(as_json, {"form": form, "text": text}, text)


def _rows(callers: Sequence[key_rotation.Caller]) -> list[dict[str, object]]:
    return [{"address": each.address, "count": each.count, "last_at": moment(each.last_at)} for each in callers]


def _caller_lines(callers: Sequence[key_rotation.Caller]) -> list[str]:
    if not callers:
        return ["nobody used it in the last day"]
    return [f"still used from {each.address or 'an unknown address'}: {each.count} times, last {when(each.last_at)}" for each in callers]
