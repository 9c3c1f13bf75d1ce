"""X-Forwarded-Client-Cert, as Envoy and Istio write it: elements parted by commas, pairs by semicolons, values perhaps quoted.

Only the rightmost element is of the proxy that speaks to us; all left of it is what others told that proxy.
Cert, Chain  URL-encoded PEM; Chain begins with the certificate itself
Hash         SHA-256 of the certificate, hexadecimal: if it is there it must be that of the certificate
URI          the URI names of the certificate
Source: Envoy, "HTTP header manipulation", x-forwarded-client-cert. No I/O.
"""

import hashlib
import re
from typing import Final

from doorward.core.errors import Refused, Why

FIELD: Final = b"x-forwarded-client-cert"
_PAIR: Final = re.compile(r'[ \t]*([A-Za-z]{1,16})=(?:"((?:[^"\\]|\\.)*)"|([^",;]*))[ \t]*([;,]|\Z)', re.DOTALL)
_QUOTED: Final = re.compile(r"\\(.)", re.DOTALL)
_MOST: Final = 256
_MANY: Final = frozenset({"uri", "dns"})


def rightmost(text: str) -> dict[str, list[str]]:
    """The pairs of the last element, names in lower case. Raises Refused(MALFORMED)."""
    element: dict[str, list[str]] = {}
    at = pairs = 0
    ended = True
    while at < len(text) or not ended:
        match = _PAIR.match(text, at)
        pairs += 1
        if match is None or pairs > _MOST:
            raise malformed()
        name = match[1].lower()
        if name in element and name not in _MANY:
            raise malformed()
        element.setdefault(name, []).append(match[3] if match[3] is not None else _QUOTED.sub(r"\1", match[2]))
        at, ended = match.end(), not match[4]
        if match[4] == ",":
            element = {}
    return element


def check_hash(element: dict[str, list[str]], leaf: bytes) -> None:
    """Raises Refused(MALFORMED): the element speaks of two certificates."""
    told = element.get("hash", [""])[0].lower()
    if told and told != hashlib.sha256(leaf).hexdigest():
        raise malformed()


def malformed() -> Refused:
    return Refused(Why.MALFORMED, note="X-Forwarded-Client-Cert is not understood")
