"""The Forwarded header field (RFC 7239), and addresses as proxies write them. No I/O."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from doorward.core.address import read_address
from doorward.core.errors import Refused, Why

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR: Final = re.compile(rf'[ \t]*({_WORD})=(?:({_WORD})|"((?:[^"\\]|\\.)*)")[ \t]*([;,]|\Z)')
_QUOTED: Final = re.compile(r"\\(.)")
_PORT: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?")
MOST_HOPS: Final = 32
_SHORT: Final = 64
"""Characters: what is longer is read, but not remembered."""

Element = dict[str, str]


def parse_forwarded(values: Sequence[str]) -> list[Element]:
    """The elements, nearest to the caller first; parameter names in lower case. Raises Refused(BAD_REQUEST)."""
    text, at = ", ".join(values), 0
    elements: list[Element] = [{}]
    while at < len(text):
        match = _PAIR.match(text, at)
        if match is None or match[1].lower() in elements[-1]:
            raise Refused(Why.BAD_REQUEST, "The Forwarded header field is not understood.")
        elements[-1][match[1].lower()] = match[2] if match[2] is not None else _QUOTED.sub(r"\1", match[3])
        at = match.end()
        if match[4] == ",":
            elements.append({})
        if len(elements) > MOST_HOPS:
            raise Refused(Why.BAD_REQUEST, "The Forwarded header field has too many elements.")
    return elements


def parse_address(text: str) -> str | None:
    """An address without its port, in its shortest form. None: `unknown` or hidden (RFC 7239 section 6.2, 6.3).

    Raises Refused(BAD_REQUEST).
    """
    return _parse(text) if len(text) <= _SHORT else _parse.__wrapped__(text)


@lru_cache(maxsize=4096)
def _parse(text: str) -> str | None:
    text = text.strip(" \t")
    if text.lower() == "unknown" or text.startswith("_"):
        return None
    match = _PORT.fullmatch(text)
    bare = (match[1] or match[2]) if match else text
    address = read_address(bare)
    if address is None or "%" in bare:
        raise Refused(Why.BAD_REQUEST, "A proxy told an address that is none.")
    return str(address)
