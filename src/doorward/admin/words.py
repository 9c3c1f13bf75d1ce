"""What operators may write: names, e-mail addresses, scopes, methods, networks. Each raises Mistake with the mend."""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from doorward.admin.mistake import Mistake
from doorward.core.credential import Network

LONGEST_NAME: Final = 128
LONGEST_EMAIL: Final = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets
MOST: Final = 256
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_EMAIL: Final = re.compile(r"[^\s@\"(),:;<>\[\]\\]{1,64}@[^\s@\"(),:;<>\[\]\\]+\.[^\s@\"(),:;<>\[\]\\.]+")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")  # RFC 6749 section 3.3
_METHOD: Final = re.compile(r"[A-Z]{1,20}")
_ID: Final = re.compile(r"[0-9A-Za-z._-]{1,64}")


def label(text: str, what: str = "name") -> str:
    """Free text for people: what a key is called, whom it belongs to."""
    text = unicodedata.normalize("NFC", text.strip())
    if not text or len(text) > LONGEST_NAME:
        raise Mistake(f"the {what} must have 1 to {LONGEST_NAME} characters")
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for letter in text):
        raise Mistake(f"the {what} holds a control or invisible character")
    return text


def account_name(text: str) -> str:
    """1 to 64 letters, digits, `.`, `_`, `-`. No `@`, so that it is never read as an e-mail address, and no `:`."""
    if not _ACCOUNT.fullmatch(text):
        raise Mistake(
            "an account's name has 1 to 64 letters, digits, dots, dashes and underscores, and begins and ends with a letter or digit"
        )
    return text


def email(text: str) -> str:
    """Folded to lower case: no two accounts differ in case only."""
    folded = unicodedata.normalize("NFC", text.strip()).lower()
    if len(folded) > LONGEST_EMAIL or not folded.isprintable() or not _EMAIL.fullmatch(folded):
        raise Mistake("this is not an e-mail address")
    return folded


def scopes(words: Iterable[str]) -> frozenset[str]:
    found = frozenset(words)
    if len(found) > MOST:
        raise Mistake(f"at most {MOST} scopes")
    for scope in found:
        if not _SCOPE.fullmatch(scope):
            raise Mistake('a scope has 1 to 128 printable ASCII characters, without space, quote (") and backslash')
    return found


def http_methods(words: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(word.upper() for word in words))
    if len(found) > MOST or any(not _METHOD.fullmatch(word) for word in found):
        raise Mistake("HTTP methods are words such as GET or POST")
    return found


def networks(words: Iterable[str]) -> tuple[Network, ...]:
    try:
        found = tuple(dict.fromkeys(ipaddress.ip_network(word.strip()) for word in words))
    except ValueError as reason:
        raise Mistake(f"{reason}; write an address or a network such as 192.0.2.0/24") from None
    if len(found) > MOST:
        raise Mistake(f"at most {MOST} networks")
    return found


def origins(words: Iterable[str]) -> tuple[str, ...]:
    """`https://app.example`, as browsers send it in Origin (RFC 6454 section 7)."""
    found = []
    for word in words:
        try:
            parts = urlsplit(word)
            port = parts.port
        except ValueError:
            raise Mistake(_ORIGIN) from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise Mistake(_ORIGIN)
        if parts.username is not None or not parts.netloc.isascii() or not parts.netloc.isprintable():
            raise Mistake(_ORIGIN)
        plain = port is None or (parts.scheme, port) in (("http", 80), ("https", 443))
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        found.append(f"{parts.scheme}://{host}" + ("" if plain else f":{port}"))
    if len(found) > MOST:
        raise Mistake(f"at most {MOST} origins")
    return tuple(dict.fromkeys(found))


_ORIGIN: Final = "an origin is written like https://app.example or https://app.example:8443"


def record_id(text: str) -> str:
    """The id of an imported key."""
    if not _ID.fullmatch(text):
        raise Mistake("an id has 1 to 64 letters, digits, dots, dashes and underscores")
    return text
