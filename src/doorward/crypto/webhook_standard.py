"""Standard Webhooks (standardwebhooks.com, specification 1.0).

On the wire  webhook-id, webhook-timestamp (unix seconds), webhook-signature: `v1,<base64>` HMAC-SHA-256 or `v1a,<base64>`
             Ed25519 (RFC 8032), several with spaces between
Signed text  id.timestamp.body
Secrets      whsec_<base64 of 24 to 64 bytes>; whsk_<base64 of an Ed25519 key>, whpk_<base64 of its public half>
"""

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from doorward.core.clock import Entropy
from doorward.core.errors import Refused, Why
from doorward.core.secret import Secret
from doorward.crypto.webhook_form import MOST_SIGNATURES, TIMESTAMP, Claimed, Field, Key, canonical_base64, check, hmac_key

V1: Final = "v1"
V1A: Final = "v1a"
_LENGTHS: Final = {V1: 32, V1A: 64}
_SYMMETRIC: Final = "whsec_"
_PRIVATE: Final = "whsk_"
_PUBLIC: Final = "whpk_"
# Without a dot: `a.1` at 2 with `x` and `a` at 1 with `2.x` would be signed alike.
_ID: Final = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,256}")
_ENTRY: Final = re.compile(r"[0-9a-z]{1,16},[A-Za-z0-9+/=_-]{1,1024}")
_SECRET_BYTES: Final = range(24, 65)


class Standard:
    name: Final = "standard"
    fields: Final = (b"webhook-signature", b"webhook-id", b"webhook-timestamp")

    def read(self, one: Field) -> Claimed | None:
        shown, id, at = (one(name) for name in self.fields)
        if shown is None:
            return None
        id = check(id, _ID, "webhook-id has 1 to 256 visible characters and no dot.")
        at = check(at, TIMESTAMP, "webhook-timestamp must be the time in whole seconds since 1970.")
        entries = shown.split(" ")
        if len(entries) > MOST_SIGNATURES or not all(_ENTRY.fullmatch(entry) for entry in entries):
            raise Refused(Why.MALFORMED, note=f"webhook-signature must hold 1 to {MOST_SIGNATURES} entries such as v1,<base64>")
        return Claimed(self.name, id, int(at), tuple(_understood(entries)))

    def text(self, id: str, timestamp: int, body: bytes) -> bytes:
        return f"{id}.{timestamp}.".encode() + body

    def key(self, secret: Secret) -> Key:
        shown = secret.reveal()
        for prefix, make in ((_SYMMETRIC, _symmetric), (_PRIVATE, _private), (_PUBLIC, _public)):
            if shown.startswith(prefix):
                data = canonical_base64(_padded(shown.removeprefix(prefix)))
                if data is None:
                    raise ValueError(f"after {prefix} a secret goes on in base64")
                return make(data)
        raise ValueError("a secret of Standard Webhooks begins with whsec_, whsk_ or whpk_")

    def new_secret(self, entropy: Entropy) -> Secret:
        return Secret(_SYMMETRIC + b64encode(entropy(32)).decode())

    def new_pair(self, entropy: Entropy) -> tuple[Secret, str]:
        """An Ed25519 key (whsk_) and its public half (whpk_)."""
        seed = entropy(32)
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        return Secret(_PRIVATE + b64encode(seed).decode()), _PUBLIC + b64encode(public).decode()

    def write(self, id: str, timestamp: int, signatures: Sequence[tuple[str, bytes]]) -> dict[str, str]:
        if not _ID.fullmatch(id):
            raise ValueError("the id of a message has 1 to 256 visible characters and no dot")
        told = " ".join(f"{scheme},{b64encode(signature).decode()}" for scheme, signature in signatures)
        return {"webhook-id": id, "webhook-timestamp": str(timestamp), "webhook-signature": told}


def _understood(entries: Sequence[str]) -> list[tuple[str, bytes]]:
    """Schemes to come are passed over; one that we know must be of its form. Raises Refused(MALFORMED)."""
    found = []
    for scheme, _, text in (entry.partition(",") for entry in entries):
        if scheme in _LENGTHS:
            signature = canonical_base64(text)
            if signature is None or len(signature) != _LENGTHS[scheme]:
                raise Refused(Why.MALFORMED, note=f"a {scheme} signature is the base64 of {_LENGTHS[scheme]} bytes")
            found.append((scheme, signature))
    return found


def _padded(text: str) -> str:
    """Secrets are also handed out without their padding."""
    return text if "=" in text else text + "=" * (-len(text) % 4)


def _symmetric(key: bytes) -> Key:
    if len(key) not in _SECRET_BYTES:
        raise ValueError("a whsec_ secret is the base64 of 24 to 64 bytes")
    return hmac_key(V1, key)


def _private(key: bytes) -> Key:
    if len(key) not in (32, 64):
        raise ValueError("a whsk_ secret is the base64 of an Ed25519 key: 32 bytes, or 64 with its public half")
    private = Ed25519PrivateKey.from_private_bytes(key[:32])
    public = private.public_key()
    if key[32:] not in (b"", public.public_bytes_raw()):
        raise ValueError("the public half in this whsk_ secret is not that of its key")
    return Key(V1A, _checks(public), private.sign)


def _public(key: bytes) -> Key:
    if len(key) != 32:
        raise ValueError("a whpk_ key is the base64 of 32 bytes")
    return Key(V1A, _checks(Ed25519PublicKey.from_public_bytes(key)), None)


def _checks(public: Ed25519PublicKey) -> Callable[[bytes, bytes], bool]:
    def matches(text: bytes, signature: bytes) -> bool:
        try:
            public.verify(signature, text)  # RFC 8032 section 5.1.7
        except InvalidSignature:
            return False
        return True

    return matches
