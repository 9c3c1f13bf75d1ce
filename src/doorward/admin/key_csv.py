"""The file of keys to import: CSV `id,name,owner,hash,start,scopes,expires`, read line by line."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from doorward.admin import words
from doorward.admin.keys import API_KEY, KeyOptions
from doorward.admin.mistake import Mistake
from doorward.core import key_text
from doorward.core.clock import Entropy
from doorward.core.credential import Credential
from doorward.crypto.imported_key import FORMS, LONGEST_START, SHORTEST_START, Form, read_hash

COLUMNS: Final = ("id", "name", "owner", "hash", "start", "scopes", "expires")
NEEDED: Final = ("owner", "hash")
LONGEST_LINE: Final = 16 * 1024
MOST_MISTAKES: Final = 20
MOST_ALIKE: Final = 16
"""So many keys of one start does a store give (`Credentials.find_by_start`)."""


class BadLines(Mistake):
    """`problems` are pairs of line number (from 1, the heading included) and sentence; at most 20 are collected."""

    def __init__(self, problems: Sequence[tuple[int, str]]) -> None:
        super().__init__("nothing was imported: " + "; ".join(f"line {number}: {text}" for number, text in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """`form` is a name of `crypto.imported_key.FORMS`; `pepper_id` names the pepper of hmac forms; `env` for all keys."""

    form: str
    env: str = "live"
    pepper_id: str = ""


def read_keys(
    lines: Iterable[str], order: ImportOrder, *, options: KeyOptions, entropy: Entropy, now: float
) -> Iterator[tuple[int, Credential]]:
    """One after the other, each with the number of its line. Raises Mistake before the first, BadLines after the last that was right."""
    form = FORMS.get(order.form)
    if form is None:
        raise Mistake(f"the format {order.form[:40]!r} is not known; known are {', '.join(FORMS)}")
    if form.algorithm.startswith("hmac") != bool(order.pepper_id):
        raise Mistake("an hmac format, and no other, needs the id of the pepper that it was made with")
    if order.env not in key_text.ENVS:
        raise Mistake("the environment is live or test")
    return _keys(_rows(lines), form, order, options, entropy, now)


def _keys(
    rows: Iterator[tuple[int, dict[str, str]]], form: Form, order: ImportOrder, options: KeyOptions, entropy: Entropy, now: float
) -> Iterator[tuple[int, Credential]]:
    problems: list[tuple[int, str]] = []
    seen: dict[str, int] = {}
    starts: Counter[str] = Counter()
    for number, row in rows:
        try:
            key = _credential(row, form, order, options, entropy, now)
            _check_first(seen, number, "id", key.id)
            _check_first(seen, number, "hash", key.lookup)
            if form.by_start:
                _check_telling(starts, key.start)
        except (Mistake, ValueError) as reason:
            problems.append((number, str(reason)))
            if len(problems) >= MOST_MISTAKES:
                break
        else:
            yield number, key
    if problems:
        raise BadLines(problems)


def _check_first(seen: dict[str, int], number: int, what: str, value: str) -> None:
    first = seen.setdefault(f"{what} {value}", number)
    if first != number:
        raise Mistake(f"the same {what} as in line {first}")


def _check_telling(starts: Counter[str], start: str) -> None:
    starts[start] += 1
    if starts[start] > MOST_ALIKE:
        raise Mistake(too_many_alike(start))


def too_many_alike(start: str) -> str:
    return f"more than {MOST_ALIKE} keys have the start {start}; store more characters of each"


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(_short(lines), strict=True)
    try:
        heading = [name.strip().lower().removeprefix("\ufeff") for name in next(reader, [])]
        if unknown := [name for name in heading if name not in COLUMNS]:
            raise BadLines([(1, f"unknown column {unknown[0][:40]!r}; the columns are {','.join(COLUMNS)}")])
        if len(set(heading)) != len(heading) or any(name not in heading for name in NEEDED):
            raise BadLines([(1, f"the heading needs each column once, and at least {' and '.join(NEEDED)}")])
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(heading):
                raise BadLines([(reader.line_num, f"{len(cells)} cells, but the heading has {len(heading)}")])
            yield reader.line_num, dict(zip(heading, (cell.strip() for cell in cells), strict=True))
    except csv.Error as reason:
        raise BadLines([(reader.line_num, f"this is not CSV: {reason}")]) from None
    except UnicodeDecodeError:
        raise BadLines([(reader.line_num + 1, "this is not UTF-8")]) from None


def _short(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_LINE:
            raise BadLines([(number, f"the line is longer than {LONGEST_LINE} characters")])
        yield line


def _credential(row: dict[str, str], form: Form, order: ImportOrder, options: KeyOptions, entropy: Entropy, now: float) -> Credential:
    hashed = read_hash(form, row["hash"], order.pepper_id)
    start = _start(row.get("start", ""), form)
    id = words.record_id(row["id"]) if row.get("id") else key_text.new_id(entropy)
    expires_at = _expires(row.get("expires", ""))
    if options.max_age and (expires_at is None or expires_at > now + options.max_age):
        raise Mistake(f"every key must end within {options.max_age / 86400:g} days here ([keys] max_age); fill the column expires")
    return Credential(
        id=id,
        method=API_KEY,
        lookup=hashed.lookup,
        verifier=hashed.verifier,
        owner=words.label(row["owner"], "owner"),
        name=words.label(row["name"]) if row.get("name") else id,
        created_at=now,
        scopes=words.scopes(row.get("scopes", "").split()),
        env=order.env,
        kind="imported",
        expires_at=expires_at,
        start=start,
        data={"imported_as": order.form},
    )


def _start(text: str, form: Form) -> str:
    if form.by_start and not SHORTEST_START <= len(text) <= LONGEST_START:
        raise Mistake(f"keys of this format are found by their start: write the first {SHORTEST_START} to {LONGEST_START} characters")
    if len(text) > LONGEST_START or not (text.isascii() and text.isprintable()) or " " in text:
        raise Mistake(f"start has at most {LONGEST_START} printable characters")
    return text


def _expires(text: str) -> float | None:
    """Seconds since the epoch, or ISO 8601; without an offset it is UTC. Empty: no end."""
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 11:
        return float(text)
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Mistake("expires is a date such as 2027-01-31 or 2027-01-31T12:00:00Z, or seconds since 1970") from None
