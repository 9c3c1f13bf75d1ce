"""Secrets that must be read again (signing keys, HMAC keys), sealed at rest with AEAD (DECISIONS 19).

Sealed form: a nonce of 12 random bytes, then AES-256-GCM ciphertext and tag. A random nonce is good for 2^32 seals
under one key (NIST SP 800-38D section 8.3); an installation seals as often as it makes an HMAC or signing key.
"""

from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from doorward.core.clock import Entropy

_NONCE: Final = 12


class SealBroken(Exception):
    """The sealed bytes were changed, moved to another row or purpose, or sealed under another key."""


class Sealer:
    """The sealing keys of this installation by id. New seals use `current`; older ids still open."""

    def __init__(self, keys: Mapping[str, bytes], current: str, entropy: Entropy) -> None:
        """Raises ValueError: a key that is not 256 bits, or `current` not among them."""
        self._keys: dict[str, bytes] = {}
        self._entropy = entropy
        self.adopt(keys, current)

    def adopt(self, keys: Mapping[str, bytes], current: str) -> None:
        """Takes these keys in place of the present ones, after a rotation. Raises ValueError, and then keeps what it had."""
        if current not in keys:
            raise ValueError(f"the current sealing key {current!r} is not among the keys given")
        if wrong := sorted(name for name, key in keys.items() if len(key) != 32):
            raise ValueError(f"a sealing key is 32 random bytes; not so: {', '.join(wrong)}")
        self._keys = dict(keys)
        self.current = current

    def seal(self, plain: bytes, purpose: str, row: str) -> bytes:
        """Opens only with the same purpose and row, under the key that is current now."""
        nonce = self._entropy(_NONCE)
        return nonce + AESGCM(self._keys[self.current]).encrypt(nonce, plain, _bound_to(purpose, row, self.current))

    def open(self, sealed: bytes, key_id: str, purpose: str, row: str) -> bytes:
        """Raises SealBroken."""
        if key_id not in self._keys:
            raise SealBroken(f"the sealing key {key_id!r} is not on this machine; copy it into secrets/ from a worker that has it")
        nonce, body = sealed[:_NONCE], sealed[_NONCE:]
        if len(nonce) != _NONCE:
            raise SealBroken(f"the sealed {purpose} of {row} is cut short")
        try:
            return AESGCM(self._keys[key_id]).decrypt(nonce, body, _bound_to(purpose, row, key_id))
        except InvalidTag:
            raise SealBroken(f"the sealed {purpose} of {row} does not open with the sealing key {key_id!r}") from None

    def __repr__(self) -> str:
        return f"Sealer(current={self.current!r}, ids={sorted(self._keys)})"


def _bound_to(purpose: str, row: str, key_id: str) -> bytes:
    """Each part with its length before it: no two triples read the same."""
    parts = [part.encode() for part in (purpose, row, key_id)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
