"""The text form of an API key: `<prefix>_<env>_<id:12><secret:43><check:6>`, digits in base62.

`check` is CRC-32 of all before it, so that scanners and the edge refuse garbage offline. The id is public; the
secret has 256 bits. One double click selects the whole.
"""

import re
import zlib
from typing import Final, NamedTuple

from doorward.core.clock import Entropy
from doorward.core.errors import Refused, Why
from doorward.core.secret import Secret

DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIXES: Final = {"sk": "secret", "pk": "publishable", "rk": "restricted"}
ENVS: Final = ("live", "test")
ID_DIGITS: Final = 12
SECRET_DIGITS: Final = 43
CHECK_DIGITS: Final = 6
PATTERN: Final = r"\b[A-Za-z]{2,12}_(?:live|test)_[0-9A-Za-z]{61}\b"
"""Published: finds keys in text. What it finds is a key if its check digits are right (`parse`)."""

_PAIRS: Final = tuple(one + other for one in DIGITS for other in DIGITS)
_PREFIX: Final = re.compile(r"[A-Za-z]{2,12}")
_SHAPE: Final = re.compile(r"([A-Za-z]{2,12})_(live|test)_([0-9A-Za-z]{12})[0-9A-Za-z]{43}([0-9A-Za-z]{6})")
_BEGINNING: Final = re.compile(r"[A-Za-z]{2,12}_(?:live|test)_[0-9A-Za-z]*")


class KeyText(NamedTuple):
    """A well-formed key; a tuple since one is made for each request. `start` and `last4` may be shown to tell keys apart."""

    whole: Secret
    prefix: str
    env: str
    id: str

    @property
    def start(self) -> str:
        return f"{self.prefix}_{self.env}_{self.id[:4]}"

    @property
    def last4(self) -> str:
        return self.whole.reveal()[-4:]


def base62(number: int, digits: int) -> str:
    """Most significant digit first, padded with 0. Raises OverflowError if it does not fit."""
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, 62)
        text = DIGITS[digit] + text
    if number:
        raise OverflowError(f"more than {digits} digits")
    return text


def new_id(entropy: Entropy) -> str:
    """12 digits, 71 bits: the public name of a key."""
    return base62(int.from_bytes(entropy(16), "big") % 62**ID_DIGITS, ID_DIGITS)


def new_secret(entropy: Entropy) -> str:
    """43 digits of 256 random bits."""
    return base62(int.from_bytes(entropy(32), "big"), SECRET_DIGITS)


def check_digits(before: str) -> str:
    """CRC-32 (ISO 3309) as a number in base62. Raises UnicodeEncodeError on what is not ASCII."""
    front, low = divmod(zlib.crc32(before.encode("ascii")), 3844)
    high, middle = divmod(front, 3844)
    return _PAIRS[high] + _PAIRS[middle] + _PAIRS[low]


def make(prefix: str, env: str, entropy: Entropy) -> KeyText:
    """A new key. Raises ValueError for a prefix or environment that no key may have."""
    if not is_prefix(prefix):
        raise ValueError(f"the prefix {prefix[:20]!r} must be 2 to 12 letters")
    if env not in ENVS:
        raise ValueError(f"the environment {env[:20]!r} must be live or test")
    id = new_id(entropy)
    before = f"{prefix}_{env}_{id}{new_secret(entropy)}"
    return KeyText(Secret(before + check_digits(before)), prefix, env, id)


def is_prefix(text: str) -> bool:
    return _PREFIX.fullmatch(text) is not None


def has_key_shape(text: str) -> bool:
    """Of the right length and letters; its check digits may be wrong."""
    return _SHAPE.fullmatch(text) is not None


def begins_like_a_key(text: str) -> bool:
    """Also true of a cut-off key. Never of a JWT, which has dots, nor of what our server issues as opaque tokens."""
    return _BEGINNING.fullmatch(text) is not None


def parse(text: str) -> KeyText:
    """Raises Refused(MALFORMED): wrong shape, or wrong check digits."""
    key = parse_ours(text)
    if key is None:
        raise Refused(Why.MALFORMED, "This is not an API key: its length or letters are wrong.", note="not of key shape")
    return key


def parse_ours(text: str) -> KeyText | None:
    """None: not of our shape, perhaps an imported key. Raises Refused(MALFORMED): of our shape, with wrong check digits."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    prefix, env, id, check = match.groups()
    if check_digits(text[:-CHECK_DIGITS]) != check:
        raise Refused(Why.MALFORMED, "The check digits of this API key are wrong: it was mistyped or cut.", note="wrong check digits")
    return KeyText(Secret(text), prefix, env, id)


def gitleaks_rule() -> str:
    """TOML for a gitleaks configuration."""
    return f"""[[rules]]
id = "doorward-api-key"
description = "doorward API key"
regex = '''{PATTERN}'''
entropy = 3.5
keywords = ["_live_", "_test_"]
"""


def trufflehog_rule() -> str:
    """YAML of a custom detector for trufflehog."""
    return f"""detectors:
  - name: doorward-api-key
    keywords: ["_live_", "_test_"]
    regex:
      key: '({PATTERN})'
"""
