"""Secrets that must be read again (signing keys, HMAC keys), sealed at rest with AEAD (DECISIONS 19).

Sealed form: 24 random bytes, then AES-256-GCM ciphertext and tag. The first 12 random bytes make a key of its own
for this one message, the other 12 are the nonce, so that random nonces never run out (NIST SP 800-38D section 8.3).
"""

from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from doorward.core.clock import Entropy
from doorward.crypto.digest import mac

_SALT: Final = 12
_NONCE: Final = 12


class SealBroken(Exception):
    """The sealed bytes were changed, moved to another row or purpose, or sealed under another key."""


class Sealer:
    """The sealing keys of this installation by id. New seals use `current`; older ids still open."""

    def __init__(self, keys: Mapping[str, bytes], current: str, entropy: Entropy) -> None:
        """Raises ValueError: a key that is not 256 bits, or `current` not among them."""
        if current not in keys:
            raise ValueError(f"the current sealing key {current!r} is not among the keys given")
        if wrong := sorted(name for name, key in keys.items() if len(key) != 32):
            raise ValueError(f"a sealing key is 32 random bytes; not so: {', '.join(wrong)}")
        self._keys = dict(keys)
        self.current = current
        self._entropy = entropy

    def seal(self, plain: bytes, purpose: str, row: str) -> bytes:
        """Opens only with the same purpose and row, under the key that is current now."""
        random = self._entropy(_SALT + _NONCE)
        return random + self._cipher(self.current, random).encrypt(random[_SALT:], plain, _bound_to(purpose, row, self.current))

    def open(self, sealed: bytes, key_id: str, purpose: str, row: str) -> bytes:
        """Raises SealBroken."""
        if key_id not in self._keys:
            raise SealBroken(f"the sealing key {key_id!r} is not on this machine; copy it into secrets/ from a worker that has it")
        random, body = sealed[: _SALT + _NONCE], sealed[_SALT + _NONCE :]
        if len(random) != _SALT + _NONCE:
            raise SealBroken(f"the sealed {purpose} of {row} is cut short")
        try:
            return self._cipher(key_id, random).decrypt(random[_SALT:], body, _bound_to(purpose, row, key_id))
        except InvalidTag:
            raise SealBroken(f"the sealed {purpose} of {row} does not open with the sealing key {key_id!r}") from None

    def _cipher(self, key_id: str, random: bytes) -> AESGCM:
        return AESGCM(mac(self._keys[key_id], b"doorward seal 1" + random[:_SALT]))

    def __repr__(self) -> str:
        return f"Sealer(current={self.current!r}, ids={sorted(self._keys)})"


def _bound_to(purpose: str, row: str, key_id: str) -> bytes:
    """Each part with its length before it: no two triples read the same."""
    parts = [part.encode() for part in (purpose, row, key_id)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
