"""Refresh tokens: `rt_` and 256 random bits in base62. Kept as a MAC under a pepper, never in clear.

The successor of one is derived from it under a key of ours (DECISIONS 24): whoever has an old token cannot make the
next, and we can tell it again to one whose answer was lost, though no live token is stored.
"""

import re
from typing import Final

from doorward.core import key_text
from doorward.core.clock import Entropy
from doorward.core.errors import Refused, Why
from doorward.core.secret import Secret
from doorward.crypto.digest import Peppers, mac

REFRESH: Final = "refresh"
PREFIX: Final = "rt_"
_SHAPE: Final = re.compile(r"rt_[0-9A-Za-z]{43}")


def new_refresh_token(entropy: Entropy) -> Secret:
    return Secret(PREFIX + key_text.new_secret(entropy))


def check_shape(token: Secret) -> None:
    """Raises Refused(MALFORMED)."""
    if not _SHAPE.fullmatch(token.reveal()):
        raise Refused(Why.MALFORMED, note="not of a refresh token's shape")


def lookup_of(token: Secret, peppers: Peppers, key_id: str | None = None) -> bytes:
    """What the store knows it by. Raises Unavailable."""
    return mac(peppers.derive("refresh token lookup", key_id), token.reveal().encode())


def successor_of(token: Secret, peppers: Peppers, key_id: str) -> Secret:
    """Always the same for one token and pepper. Raises Unavailable."""
    derived = mac(peppers.derive("refresh token successor", key_id), token.reveal().encode())
    return Secret(PREFIX + key_text.base62(int.from_bytes(derived, "big"), key_text.SECRET_DIGITS))
