"""What an HMAC key signs, and the header fields that carry it. Used by the method, the client and the command line.

Signed text  METHOD\\nPATH[?QUERY]\\nTIMESTAMP\\nSHA256HEX(body), and \\nNONCE if one is sent; the fourth line is empty
             where there is no body
Signature    HMAC-SHA-256 (RFC 2104) of it in hex; the key is the UTF-8 of the secret as it was shown (DECISIONS 21)
"""

import re
from typing import Final

from doorward.core.request import SAFE_METHODS
from doorward.core.secret import Secret
from doorward.crypto.digest import mac, sha256

KEY_ID: Final = "X-Key-Id"
TIMESTAMP: Final = "X-Timestamp"
SIGNATURE: Final = "X-Signature"
NONCE: Final = "X-Nonce"
CONTENT_SHA256: Final = "X-Content-SHA256"
_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")  # RFC 9110 section 5.6.2
SEALED_FOR: Final = "hmac"
"""The purpose under which the secrets of HMAC keys are sealed at rest."""
NO_BODY: Final = sha256(b"").hex()


def signing_text(method: str, target: str, timestamp: str, body_digest: str, nonce: str | None = None) -> str:
    """`target` is PATH[?QUERY] as on the wire; `body_digest` in lower-case hex, of an empty body or none: empty."""
    digest = "" if body_digest == NO_BODY else body_digest
    lines = [method, target, timestamp, digest]
    return "\n".join(lines if nonce is None else [*lines, nonce])


def signature(key: bytes, text: str) -> bytes:
    return mac(key, text.encode("latin-1"))


def signed_headers(
    key_id: str, secret: Secret, method: str, target: str, body: bytes, *, timestamp: int, nonce: str | None, tell_digest: bool = True
) -> dict[str, str]:
    """The fields to send. `timestamp` in seconds since the epoch. With `tell_digest` the signature also passes a proxy
    that hides the body from the door. Raises ValueError for a method or target that no request can have."""
    if not _METHOD.fullmatch(method):
        raise ValueError("the method is one word such as GET or POST")
    if not target.isascii() or not target.isprintable() or " " in target or not target.startswith("/"):
        raise ValueError("the target is PATH[?QUERY], percent-encoded as it is sent")
    digest = sha256(body).hex() if body else ""
    text = signing_text(method, target, str(timestamp), digest, nonce)
    fields = {
        KEY_ID: key_id,
        TIMESTAMP: str(timestamp),
        SIGNATURE: signature(secret.reveal().encode(), text).hex(),
    }
    if nonce is not None:
        fields[NONCE] = nonce
    if tell_digest and (digest or method not in SAFE_METHODS):  # a door behind a silent proxy cannot see that there is none
        fields[CONTENT_SHA256] = digest or NO_BODY
    return fields
