"""Structured fields as text, in their one canonical spelling (RFC 9651 section 4.1). The types stand in `structured_field`."""

import binascii
import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from doorward.crypto.structured_field import LARGEST, BadField, Bare, Date, Display, InnerList, Item, Member, Params, Token

_KEY: Final = re.compile(r"[a-z*][a-z0-9_.*-]*")
_TOKEN: Final = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_STRING: Final = re.compile(r"[ -~]*")
_THOUSANDTH: Final = Decimal("0.001")


def write_item(item: Item) -> str:
    """Raises BadField, as all here, for a value that no field can hold."""
    return write_bare(item.value) + write_params(item.params)


def write_member(member: Member) -> str:
    if isinstance(member, InnerList):
        return f"({' '.join(map(write_item, member.items))}){write_params(member.params)}"
    return write_item(member)


def write_list(members: Sequence[Member]) -> str:
    return ", ".join(map(write_member, members))


def write_dictionary(members: Mapping[str, Member]) -> str:
    return ", ".join(_key(key) + _after_key(member) for key, member in members.items())


def _after_key(member: Member) -> str:
    if isinstance(member, Item) and member.value is True:
        return write_params(member.params)
    return f"={write_member(member)}"


def write_params(params: Params) -> str:
    return "".join(f";{_key(key)}" if value is True else f";{_key(key)}={write_bare(value)}" for key, value in params.items())


def write_bare(value: Bare) -> str:
    match value:
        case bool():
            return "?1" if value else "?0"
        case int():
            return _integer(value)
        case Decimal():
            return _decimal(value)
        case str():
            if not _STRING.fullmatch(value):
                raise BadField("a string holds visible ASCII and spaces only")
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case Token(text):
            if not _TOKEN.fullmatch(text):
                raise BadField("this is no token")
            return text
        case bytes():
            return f":{binascii.b2a_base64(value, newline=False).decode()}:"
        case Date(seconds):
            return f"@{_integer(seconds)}"
        case Display(text):
            return '%"' + "".join(_display(byte) for byte in text.encode()) + '"'
    raise BadField("this is no value of a structured field")


def _display(byte: int) -> str:
    return f"%{byte:02x}" if byte in b'%"' or not 0x20 <= byte <= 0x7E else chr(byte)


def _integer(value: int) -> str:
    if not -LARGEST <= value <= LARGEST:
        raise BadField("an integer has at most 15 digits")
    return str(value)


def _decimal(value: Decimal) -> str:
    if not value.is_finite() or abs(value) >= 10**12:
        raise BadField("a decimal has at most 12 digits before the point")
    rounded = value.quantize(_THOUSANDTH, rounding=ROUND_HALF_EVEN)
    if abs(rounded) >= 10**12:
        raise BadField("a decimal has at most 12 digits before the point")
    whole, _, after = f"{rounded:f}".partition(".")
    return f"{whole}.{after.rstrip('0') or '0'}"


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise BadField("a key has lower-case letters, digits and _ - . *")
    return text
