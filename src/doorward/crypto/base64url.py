"""base64url without padding, in its one canonical spelling (RFC 7515 section 2, RFC 4648 section 3.5)."""

import binascii
from typing import Final

from doorward.core.errors import Refused, Why

# One pass turns the URL alphabet into the standard one and all that must not be there into `!`, which strict decoding refuses.
STANDARD: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_URL: Final = bytes.maketrans(b"+/", b"-_")
_PADDING: Final = (b"", b"", b"==", b"=")
_LAST_OF_TWO: Final = frozenset(b"AQgw")
_LAST_OF_THREE: Final = frozenset(b"AEIMQUYcgkosw048")


def encode(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).translate(_URL).rstrip(b"=")


def decode(text: bytes) -> bytes:
    """Raises Refused(MALFORMED) for padding, foreign characters, a cut length, and bits left over that are not zero."""
    return decode_standard(text.translate(STANDARD))


def decode_standard(text: bytes) -> bytes:
    """The same for text that went through STANDARD already."""
    over = len(text) & 3
    if over and (over == 1 or text[-1] not in (_LAST_OF_TWO if over == 2 else _LAST_OF_THREE)):
        raise Refused(Why.MALFORMED, note="not canonical base64url")
    try:
        return binascii.a2b_base64(text + _PADDING[over], strict_mode=True)
    except binascii.Error:
        raise Refused(Why.MALFORMED, note="not base64url") from None
