"""A client certificate as the door saw it: unproven but for the handshake, which has shown that the caller holds its key."""

import hashlib
from base64 import urlsafe_b64encode
from typing import Final, NamedTuple

OWN_LISTENER: Final = "tls"


class Presented(NamedTuple):
    """`chain` in DER, the leaf first, as far as it was told; empty where a listed proxy told a name alone (`uri`), which
    counts only where a setting says so (DECISIONS 15). `told_by`: our own listener, or the header field of a listed proxy.
    """

    chain: tuple[bytes, ...]
    told_by: str = OWN_LISTENER
    uri: str | None = None

    @property
    def key(self) -> str | None:
        """`x5t#S256:` and the thumbprint of RFC 8705 section 3.1, as `Proof.keys` spells it."""
        return x5t(self.chain[0]) if self.chain else None


def x5t(der: bytes) -> str:
    return f"x5t#S256:{urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b'=').decode()}"
