"""doorward audit tail|export|verify: the journal of security events."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator

import click

from doorward.cli.frame import data_dir, data_option, json_option, run, tell
from doorward.cli.words import Home, at_home
from doorward.core.clock import moment
from doorward.core.store import Entry
from doorward.ledger.journal import CheckpointKeys, verify

_PAGE = 1000


@click.group("audit", help="The journal of security events: read, export, prove.")
def command() -> None: ...


def entry_record(entry: Entry) -> dict[str, object]:
    event = entry.event
    return {
        "seq": entry.seq,
        "at": moment(event.at),
        "kind": event.kind.value,
        "subject": event.subject,
        "actor": event.actor,
        "why": event.why,
        "data": dict(event.data),
        "digest": entry.digest.hex() if entry.digest else None,
        "chain": entry.chain.hex() if entry.chain else None,
        **({"flaw": entry.flaw} if entry.flaw else {}),
    }


def _line(entry: Entry) -> str:
    event = entry.event
    rest = " ".join(f"{name}={value}" for name, value in event.data.items())
    flaw = f"  ({entry.flaw})" if entry.flaw else ""
    by = f" by {event.actor}" if event.actor else ""
    return f"{entry.seq:>6}  {moment(event.at)}  {event.kind.value:22}  {event.subject}{by}  {event.why} {rest}".rstrip() + flaw


@command.command("tail", help="The last events.")
@click.option("-n", "most", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@click.option("--follow", is_flag=True, help="Go on with what happens from now.")
@data_option
@json_option
def tail(most: int, follow: bool, data: str | None, as_json: bool) -> None:
    def show(entry: Entry) -> None:
        click.echo(json.dumps(entry_record(entry)) if as_json else _line(entry))

    async def work() -> None:
        async with at_home(data_dir(data), link=False) as home:
            last = 0
            for entry in await home.store.journal.last(most):
                show(entry)
                last = entry.seq
            while follow:
                await asyncio.sleep(0.5)
                for entry in await home.store.journal.read(after=last):
                    show(entry)
                    last = entry.seq

    run(work)


@command.command("export", help="Every event as JSON lines, oldest first, to standard output.")
@click.option("--after", type=click.IntRange(0), default=0, help="Only those after this sequence number.")
@data_option
@json_option
def export(after: int, data: str | None, as_json: bool) -> None:
    del as_json  # it is JSON anyway

    async def work() -> None:
        async with at_home(data_dir(data), link=False) as home:
            async for entry in _pages(home, after):
                sys.stdout.write(json.dumps(entry_record(entry)) + "\n")

    run(work)


async def _pages(home: Home, after: int) -> AsyncIterator[Entry]:
    while page := await home.store.journal.read(after=after, most=_PAGE):
        for entry in page:
            yield entry
        after = page[-1].seq


@command.command("verify", help="Prove the chain: finds an edit, a gap, a reorder, a truncation. Exit code 1 if it does.")
@data_option
@json_option
def verify_(data: str | None, as_json: bool) -> None:
    place = data_dir(data)

    async def work() -> tuple[dict[str, object], str]:
        async with at_home(place, link=False) as home:
            found = await verify(home.store.journal, CheckpointKeys(home.peppers), place.path, now=home.clock())
            faults = [{"seq": fault.seq, "what": fault.what} for fault in found.faults]
            answer = {"ok": found.ok, "rows": found.rows, "unlinked": found.unlinked, "head": found.head, "faults": faults}
            lines = [f"row {fault.seq}: {fault.what}" for fault in found.faults]
            waiting = f", {found.unlinked} of them not linked yet" if found.unlinked else ""
            end = f"{found.rows} rows{waiting}, {len(faults)} faults" + (f"; the head is {found.head}" if found.ok and found.head else "")
            return answer, "\n".join([*lines, end])

    answer, text = run(work)
    tell(as_json, answer, text)
    sys.exit(0 if answer["ok"] else 1)
