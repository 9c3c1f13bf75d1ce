"""Structured fields (RFC 9651, which replaces RFC 8941): strict parser and serializer, no I/O, linear in the text.

Item        a bare value and its parameters: `gzip;q=0.9`
List        of items and inner lists: `a, (b c);n=1`; an inner list is a value with parameters too
Dictionary  of keys and such members: `sig=:AQI=:;created=1, flag`
Bare        int · Decimal · str (String) · Token · bytes (Byte Sequence) · bool · Date · Display
Errors      BadField, a ValueError, for everything that section 4.2 fails, for text over `LONGEST`, and with `once` for a key or
            parameter that comes twice (Twice): the RFC lets the last one win, a signature must not
"""

import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple, TypeVar

LONGEST: Final = 65536
"""Characters of a field, all its lines joined."""
LARGEST: Final = 999_999_999_999_999
_KEY: Final = re.compile(r"[a-z*][a-z0-9_.*-]*")
_TOKEN: Final = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_NUMBER: Final = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?")
_STRING: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BINARY: Final = re.compile(r":([A-Za-z0-9+/=]*):")
_DISPLAY: Final = re.compile(r'%"((?:[ !#-$&-~]|%[0-9a-f]{2})*)"')
_ESCAPED: Final = re.compile(r"\\(.)")
_HEX: Final = re.compile(r"%([0-9a-f]{2})")
_BLANKS: Final = re.compile(r"[ \t]*")
_SPACES: Final = re.compile(r" *")


class BadField(ValueError):
    """The text is no structured field of that kind, or the value cannot be written as one."""


class Twice(BadField):
    """A key or a parameter comes twice where it may come once."""


@dataclass(frozen=True, slots=True)
class Token:
    text: str


@dataclass(frozen=True, slots=True)
class Date:
    """Seconds since the epoch (RFC 9651 section 3.3.7)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Display:
    """A string for people, of any Unicode (RFC 9651 section 3.3.8)."""

    text: str


Bare = bool | int | Decimal | str | Token | bytes | Date | Display
Params = Mapping[str, Bare]
NO_PARAMS: Final[Params] = {}


class Item(NamedTuple):
    value: Bare
    params: Params = NO_PARAMS


class InnerList(NamedTuple):
    items: tuple[Item, ...]
    params: Params = NO_PARAMS


Member = Item | InnerList
V = TypeVar("V", Item, list[Member], dict[str, Member])


def parse_item(text: str) -> Item:
    """RFC 9651 section 4.2.3. Raises BadField."""
    return _whole(text, lambda parser: parser.item(), once=False)


def parse_list(lines: str | Sequence[str]) -> list[Member]:
    """RFC 9651 section 4.2.1; the lines of a field that was sent several times are one list. Raises BadField."""
    return _whole(_joined(lines), lambda parser: parser.list(), once=False)


def parse_dictionary(lines: str | Sequence[str], *, once: bool = False) -> dict[str, Member]:
    """RFC 9651 section 4.2.2; likewise. `once`: a key or a parameter may not come twice. Raises BadField."""
    return _whole(_joined(lines), lambda parser: parser.dictionary(), once=once)


def _joined(lines: str | Sequence[str]) -> str:
    return lines if isinstance(lines, str) else ", ".join(lines)


def _whole(text: str, read: Callable[["_Parser"], V], once: bool) -> V:
    if len(text) > LONGEST:
        raise BadField(f"a structured field has at most {LONGEST} characters here")
    parser = _Parser(text.strip(" "), once)
    found = read(parser)
    if parser.at != len(parser.text):
        raise BadField("something follows after the value")
    return found


class _Parser:
    """`at` is where the text is read next; each verb takes what it names from there."""

    __slots__ = ("at", "once", "text")

    def __init__(self, text: str, once: bool) -> None:
        self.text, self.at, self.once = text, 0, once

    def list(self) -> list[Member]:
        members: list[Member] = []
        if self.text:
            members.append(self.member())
            while self.another():
                members.append(self.member())
        return members

    def dictionary(self) -> dict[str, Member]:
        members: dict[str, Member] = {}
        more = bool(self.text)
        while more:
            key = self.key(members)
            members[key] = self.member() if self.taken("=") else Item(True, self.params())
            more = self.another()
        return members

    def another(self) -> bool:
        """Whether a comma follows, and so another member must."""
        self.skip(_BLANKS)
        if self.at == len(self.text):
            return False
        if not self.taken(","):
            raise BadField("a comma is missing between two members")
        self.skip(_BLANKS)
        if self.at == len(self.text):
            raise BadField("a comma stands at the end")
        return True

    def member(self) -> Member:
        if not self.taken("("):
            return self.item()
        items: list[Item] = []
        while True:
            self.skip(_SPACES)
            if self.taken(")"):
                return InnerList(tuple(items), self.params())
            items.append(self.item())
            if self.text[self.at : self.at + 1] not in (" ", ")"):
                raise BadField("items of an inner list have a space between them, and it ends with )")

    def item(self) -> Item:
        return Item(self.bare(), self.params())

    def params(self) -> Params:
        if self.text[self.at : self.at + 1] != ";":
            return NO_PARAMS
        params: dict[str, Bare] = {}
        while self.taken(";"):
            self.skip(_SPACES)
            key = self.key(params)
            params[key] = self.bare() if self.taken("=") else True
        return params

    def key(self, known: Mapping[str, object]) -> str:
        key = self.match(_KEY, "a key")[0]
        if self.once and key in known:
            raise Twice(f"{key[:64]} comes twice")
        return key

    def bare(self) -> Bare:
        first = self.text[self.at : self.at + 1]
        if first == '"':
            return _ESCAPED.sub(r"\1", self.match(_STRING, "a string")[1])
        if first == ":":
            return _binary(self.match(_BINARY, "a byte sequence")[1])
        if first == "?":
            return self.match(_BOOLEAN, "a boolean")[1] == "1"
        if first == "@":
            self.at += 1
            seconds = self.number()
            if not isinstance(seconds, int):
                raise BadField("a date is a whole number of seconds")
            return Date(seconds)
        if first == "%":
            return _display(self.match(_DISPLAY, "a display string")[1])
        return self.number() if first == "-" or first.isdigit() else Token(self.match(_TOKEN, "a value")[0])

    def number(self) -> int | Decimal:
        found = self.match(_NUMBER, "a number")
        whole, after = found[1], found[2]
        if after is None:
            if len(whole) > 15 or self.text[self.at : self.at + 1] == ".":
                raise BadField("an integer has at most 15 digits")
            return int(found[0])
        if len(whole) > 12 or len(after) > 3:
            raise BadField("a decimal has at most 12 digits, a point and 3 digits")
        return Decimal(found[0])

    def taken(self, letter: str) -> bool:
        if self.text[self.at : self.at + 1] != letter:
            return False
        self.at += 1
        return True

    def skip(self, blanks: re.Pattern[str]) -> None:
        found = blanks.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def match(self, form: re.Pattern[str], what: str) -> re.Match[str]:
        found = form.match(self.text, self.at)
        if found is None:
            raise BadField(f"{what} is expected at character {self.at}")
        self.at = found.end()
        return found


_BOOLEAN: Final = re.compile(r"\?([01])")


def _binary(text: str) -> bytes:
    """Canonical base64 with its padding only: section 4.2.7 lets a parser refuse the rest."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise BadField("a byte sequence is not base64") from None
    if binascii.b2a_base64(data, newline=False).decode() != text:
        raise BadField("a byte sequence is not canonical base64")
    return data


def _display(text: str) -> Display:
    try:
        return Display(_HEX.sub(lambda found: chr(int(found[1], 16)), text).encode("latin-1").decode("utf-8"))
    except UnicodeDecodeError:
        raise BadField("a display string is not UTF-8") from None
