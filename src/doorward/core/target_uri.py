"""The URI that a request was made to, and when two spellings of one are the same (RFC 3986 sections 6.2.2 and 6.2.3).

A proof that names the URI is compared with what the caller's own words could not change: the route's `origin`, else the
scheme and host as the connection, or a listed proxy, tells them (DECISIONS 14). Query and fragment are left out
(RFC 9449 section 4.3). Refused: nothing is told, or a URI is none.
"""

import re
from typing import Final

from doorward.core.request import Request
from doorward.core.route import Route

LONGEST: Final = 4096
_URI: Final = re.compile(r"(https?)://([^/?#]*)([^?#]*)", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"([a-z0-9](?:[a-z0-9._-]{0,253})|\[[0-9a-f:.]{2,45}\])(?::([0-9]{0,5}))?")
_PATH: Final = re.compile(r"(?:[!$&-;=@A-Z_a-z~|^`{}\[\]\"<>]|%[0-9A-Fa-f]{2})*")
_ESCAPE: Final = re.compile("%([0-9A-Fa-f]{2})")
_DEFAULT_PORT: Final = {"http": "80", "https": "443"}
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def target_uri(request: Request, route: Route) -> str | None:
    """As `normalized` spells it; None: neither the route nor the door tells scheme and host, or the path is none."""
    origin = route.origin if route.origin is not None else request.origin
    if origin is None:
        return None
    return normalized(origin + request.raw_path)


def normalized(uri: str) -> str | None:
    """scheme://host[:port]/path in the one spelling of all that are equivalent. None: it is not an http(s) URI.

    Userinfo is no part of one (RFC 9110 section 4.2.4). Linear in the length of `uri`, which is capped.
    """
    parts = _URI.match(uri) if len(uri) <= LONGEST and uri.isascii() else None
    if parts is None:
        return None
    scheme = parts[1].lower()
    authority = _AUTHORITY.fullmatch(parts[2].lower())
    if authority is None or not _PATH.fullmatch(parts[3]):
        return None
    host, port = authority[1], authority[2]
    shown = f"{host}:{port}" if port and port != _DEFAULT_PORT[scheme] else host
    return f"{scheme}://{shown}{_without_dots(_ESCAPE.sub(_decoded, parts[3]))}"


def _decoded(escape: re.Match[str]) -> str:
    """RFC 3986 sections 6.2.2.1 and 6.2.2.2: an escaped unreserved character is that character; the rest in upper case."""
    letter = chr(int(escape[1], 16))
    return letter if letter in _UNRESERVED else escape[0].upper()


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4; an empty path is `/` (section 6.2.3)."""
    if "/." not in path:
        return path or "/"
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
