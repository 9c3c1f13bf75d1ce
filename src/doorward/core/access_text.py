"""The text form of an opaque access token: `oat_<id:12><secret:43><check:6>`, digits in base62 as in API keys.

`check` is CRC-32 of all before it. It is neither an API key, which names an environment, nor a JWT, which has dots.
"""

import re
from typing import Final, NamedTuple

from doorward.core import key_text
from doorward.core.clock import Entropy
from doorward.core.errors import Refused, Why
from doorward.core.secret import Secret

METHOD: Final = "access_token"
PREFIX: Final = "oat_"
_SHAPE: Final = re.compile(r"oat_([0-9A-Za-z]{12})[0-9A-Za-z]{43}([0-9A-Za-z]{6})")


class AccessText(NamedTuple):
    """A well-formed token; the id is public."""

    whole: Secret
    id: str


def make(entropy: Entropy) -> AccessText:
    id = key_text.new_id(entropy)
    before = f"{PREFIX}{id}{key_text.new_secret(entropy)}"
    return AccessText(Secret(before + key_text.check_digits(before)), id)


def parse(text: str) -> AccessText:
    """Raises Refused(MALFORMED): wrong shape, or wrong check digits."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise Refused(Why.MALFORMED, "This access token is cut or has letters that none has.", note="begins like an opaque access token")
    id, check = match.groups()
    if key_text.check_digits(text[: -key_text.CHECK_DIGITS]) != check:
        raise Refused(Why.MALFORMED, "The check digits of this access token are wrong: it was mistyped or cut.", note="wrong check digits")
    return AccessText(Secret(text), id)
