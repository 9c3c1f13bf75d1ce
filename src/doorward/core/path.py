"""One reading of a path, so that proxy, door and service cannot each read another (DECISIONS 12)."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from doorward.core.errors import Refused, Why

LONGEST: Final = 4096
_PLAIN: Final = re.compile(r"(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)+/?|/")
_FORBIDDEN_ESCAPE: Final = re.compile(r"%(?:2[fF5]|5[cC]|00|3[bB])|%(?![0-9A-Fa-f]{2})")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def read_path(raw: str) -> str:
    """The path decoded once, as routes match it. Raises Refused(BAD_PATH) for whatever two programs may read in two ways."""
    if len(raw) <= LONGEST and _PLAIN.fullmatch(raw):
        return raw
    return _read_unusual(raw)


def _read_unusual(raw: str) -> str:
    if len(raw) > LONGEST:
        raise Refused(Why.BAD_PATH, "The path is too long.", note="longer than 4096")
    if not raw.startswith("/") or "\\" in raw or ";" in raw or "?" in raw or "#" in raw or not raw.isascii():
        raise Refused(Why.BAD_PATH, "The path holds a character that must be sent percent-encoded or not at all.")
    if _FORBIDDEN_ESCAPE.search(raw):
        raise Refused(Why.BAD_PATH, "The path holds an escape (%2F, %5C, %25, %3B, %00 or a broken one) that is read in two ways.")
    try:
        path = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(Why.BAD_PATH, "The path is not UTF-8.") from None
    if _CONTROL.search(path):
        raise Refused(Why.BAD_PATH, "The path holds a control character.")
    if "//" in path or any(segment in (".", "..") for segment in path.split("/")):
        raise Refused(Why.BAD_PATH, "The path holds an empty or a dot segment; send it resolved.")
    return path
