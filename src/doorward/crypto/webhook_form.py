"""What the webhook forms share: what a request says (`Claimed`), the keys that sign, and the check of the one by the other.

Each form stands in a file of its own: `webhook_standard`, `webhook_github`, `webhook_stripe`, `webhook_slack`.
Refused      MALFORMED, SHOWN_TWICE by `read`; who compares raises the rest
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from doorward.core.clock import Entropy
from doorward.core.errors import Refused, Why
from doorward.core.secret import Secret, same
from doorward.crypto.digest import mac, sha256

TOLERANCE: Final = 300.0
"""Seconds that a timestamp may be off, either way: what Standard Webhooks, Stripe and Slack name."""
MOST_SIGNATURES: Final = 8
SHORTEST_SECRET: Final = 16
LONGEST_SECRET: Final = 512
TIMESTAMP: Final = re.compile(r"0|[1-9][0-9]{0,11}")
_HEX_DIGEST: Final = re.compile(r"[0-9a-fA-F]{64}")

Field = Callable[[bytes], str | None]
"""The only value of a header field (lower-case name), None if it was not sent. Raises Refused(SHOWN_TWICE)."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a request says of itself, unproven. `id` is "" and `timestamp` None where the form has none, or none was sent.
    `signatures`: the scheme and the bytes of each."""

    form: str
    id: str
    timestamp: int | None
    signatures: tuple[tuple[str, bytes], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """One secret, ready for use. It takes signatures of one scheme only, so that a public key is never an HMAC key.
    `sign` is None where only the public half is known. `matches(text, signature)` does not raise."""

    scheme: str
    matches: Callable[[bytes, bytes], bool] = field(repr=False)
    sign: Callable[[bytes], bytes] | None = field(repr=False)


class Form(Protocol):
    """`fields`: every header field that is read, in lower case; the first one carries the signature."""

    @property
    def name(self) -> str: ...
    @property
    def fields(self) -> tuple[bytes, ...]: ...

    def read(self, one: Field) -> Claimed | None:
        """None: no signature of this form. Raises Refused(MALFORMED, SHOWN_TWICE)."""
        ...

    def text(self, id: str, timestamp: int, body: bytes) -> bytes:
        """What is signed."""
        ...

    def key(self, secret: Secret) -> Key:
        """Raises ValueError, which never holds the secret."""
        ...

    def new_secret(self, entropy: Entropy) -> Secret: ...

    def write(self, id: str, timestamp: int, signatures: Sequence[tuple[str, bytes]]) -> dict[str, str]:
        """The fields to send. Raises ValueError."""
        ...


def text_of(form: Form, claimed: Claimed, body: bytes) -> bytes:
    return form.text(claimed.id, claimed.timestamp or 0, body)


def told(form: Form, claimed: Claimed, body: bytes) -> dict[str, str]:
    """For `explain` (DECISIONS 25): what had to be signed; of the body how long it is and its digest, to compare with the sender's."""
    stands_for = f"<body of {len(body)} bytes, SHA-256 {sha256(body).hex()}>".encode()
    return {"form": form.name, "signed_over": text_of(form, claimed, stands_for).decode("latin-1")}


def matching(keys: Iterable[Key], claimed: Claimed, text: bytes) -> int | None:
    """Which of the keys has signed, by its place. Every signature is compared with every key, whatever was found before."""
    found: int | None = None
    for place, key in enumerate(keys):
        for scheme, signature in claimed.signatures:
            if scheme == key.scheme and key.matches(text, signature) and found is None:
                found = place
    return found


def replay_mark(form: str, sender: str, text: bytes) -> bytes:
    """The same for the same signed text, however its signature is spelled and by whichever live secret it was made."""
    return sha256(f"webhook\n{form}\n{sender}\n".encode() + sha256(text))


def hmac_key(scheme: str, key: bytes) -> Key:
    """HMAC-SHA-256 (RFC 2104)."""

    def sign(text: bytes) -> bytes:
        return mac(key, text)

    return Key(scheme, lambda text, signature: same(mac(key, text), signature), sign)


def text_key(scheme: str, secret: Secret) -> Key:
    """The UTF-8 of the secret as it was shown. Raises ValueError."""
    key = secret.reveal().encode()
    if not SHORTEST_SECRET <= len(key) <= LONGEST_SECRET:
        raise ValueError(f"the secret of a webhook has {SHORTEST_SECRET} to {LONGEST_SECRET} bytes")
    return hmac_key(scheme, key)


def check(value: str | None, form: re.Pattern[str], detail: str) -> str:
    """Raises Refused(MALFORMED)."""
    if value is None or not form.fullmatch(value):
        raise Refused(Why.MALFORMED, detail, note=detail)
    return value


def hex_digest(text: str, name: str) -> bytes:
    """64 hexadecimal digits. Raises Refused(MALFORMED)."""
    return bytes.fromhex(check(text, _HEX_DIGEST, f"{name} holds a signature that is not 64 hexadecimal digits."))


def canonical_base64(text: str) -> bytes | None:
    """Padded, of the standard alphabet, in its one spelling (RFC 4648 sections 3.5 and 4); None for anything else."""
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if b64encode(data).decode() == text else None
