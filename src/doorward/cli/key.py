"""doorward key list|show|rotate|revoke|import|pattern: API keys, HMAC keys, keys of message signatures; `create` in key_create.py."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from doorward.admin import key_import, key_rotation, keys
from doorward.admin.actor import LOCAL
from doorward.admin.key_csv import ImportOrder
from doorward.admin.signature_keys import shown_public
from doorward.cli.frame import Failed, data_dir, data_option, json_option, read_secret, run, tell
from doorward.cli.key_create import create, kept, maker, out_option, public_option, read_public_half
from doorward.cli.show import key_line, key_record, when
from doorward.cli.words import SPAN, at_home
from doorward.core import key_text
from doorward.core.clock import moment
from doorward.core.credential import Credential
from doorward.crypto.imported_key import FORMS
from doorward.data_dir import DataDir, DataDirError


@click.group("key", help="API keys, HMAC keys and keys of message signatures.")
def command() -> None: ...


command.add_command(create)


@command.command("list", help="All keys, without their secrets.")
@click.option("--owner", help="Only those of this owner.")
@click.option("--hmac", "method", flag_value=keys.HMAC, help="Only HMAC keys.")
@click.option("--rfc9421", "method", flag_value=keys.HTTP_SIGNATURE, help="Only keys of message signatures.")
@click.option("--ending", type=SPAN, help="Only those that live and end within this time, such as 14d.")
@data_option
@json_option
def list_(owner: str | None, method: str | None, ending: float | None, data: str | None, as_json: bool) -> None:
    async def work() -> list[tuple[Credential, float | None]]:
        async with at_home(data_dir(data)) as home:
            found = await keys.every(store=home.store, owner=owner, method=method)
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
    public = shown_public(key) if key.method == keys.HTTP_SIGNATURE else {}
    notes = [f"{name}: {value}" for name, value in keys.metadata(key).items()] + list(public.values())
    tell(as_json, key_record(key) | public | {"callers": _rows(callers)}, "\n".join([key_line(key), *notes, *_caller_lines(callers)]))


@command.command("rotate", help="A second key beside the first, which then ends by itself.")
@click.argument("id")
@click.option("--overlap", type=SPAN, default="24h", show_default=True, help="How long both work.")
@public_option
@out_option
@data_option
@json_option
def rotate(id: str, overlap: float, public_key: str | None, out: Path | None, data: str | None, as_json: bool) -> None:
    public = read_public_half(public_key)

    async def work() -> key_rotation.Rotation:
        async with at_home(data_dir(data)) as home:
            return await key_rotation.rotate(
                id, store=home.store, maker=maker(home), actor=LOCAL, now=home.clock(), overlap=overlap, public=public
            )

    with kept(out) as keep:
        done = run(work)
        shown, told = keep(done.new, brought=public is not None)
    answer = {"id": done.new.id, **shown, "replaces": done.old.id, "old_ends_at": moment(done.ends_at)}
    lines = [*told, f"the old key {done.old.id} works until {when(done.ends_at)}", *_caller_lines(done.callers)]
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
