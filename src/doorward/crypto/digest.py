"""Digests and keyed digests. Everything random that we hand out is kept as a MAC under a pepper (DECISIONS 18)."""

import hashlib
import hmac
from collections.abc import Mapping
from types import MappingProxyType

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from doorward.core.store import Unavailable


def sha256(data: bytes) -> bytes:
    """32 bytes (FIPS 180-4)."""
    return hashlib.sha256(data).digest()


def mac(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA-256, 32 bytes (RFC 2104)."""
    return hmac.digest(key, data, "sha256")


def derive(key: bytes, purpose: str) -> bytes:
    """A key of its own for one purpose: HKDF-SHA-256 without salt, 32 bytes (RFC 5869 section 2)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(key)


class Peppers:
    """The MAC keys of this installation by id. New MACs are made with `current`; older ids still verify.

    `foreign` are those that imported hashes were made with elsewhere, of whatever length: they only verify.
    """

    def __init__(self, keys: Mapping[str, bytes], current: str, foreign: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """Raises ValueError: a key of ours shorter than 256 bits, or `current` not among them."""
        self._keys: dict[str, bytes] = {}
        self.foreign_ids: tuple[str, ...] = ()
        self.adopt(keys, current, foreign)

    def adopt(self, keys: Mapping[str, bytes], current: str, foreign: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """Takes these keys in place of the present ones, after a rotation. Raises ValueError, and then keeps what it had."""
        if current not in keys:
            raise ValueError(f"the current pepper {current!r} is not among the peppers given")
        if short := sorted(name for name, key in keys.items() if len(key) < 32):
            raise ValueError(f"a pepper needs at least 32 random bytes; too short: {', '.join(short)}")
        self._keys = {**foreign, **keys}
        self.foreign_ids = tuple(foreign)
        self.current = current

    def mac(self, data: bytes, key_id: str | None = None) -> bytes:
        """32 bytes. Raises Unavailable where the pepper of that id is not on this machine."""
        return hmac.digest(self._key(key_id), data, "sha256")

    @property
    def ids(self) -> tuple[str, ...]:
        """Ours, the current one first."""
        return (self.current, *(name for name in self._keys if name != self.current and name not in self.foreign_ids))

    def derive(self, purpose: str, key_id: str | None = None) -> bytes:
        """A key of its own for one purpose. Raises Unavailable as `mac` does."""
        return derive(self._key(key_id), purpose)

    def _key(self, key_id: str | None) -> bytes:
        key = self._keys.get(self.current if key_id is None else key_id)
        if key is None:
            raise Unavailable(f"the pepper {key_id!r} is not on this machine; copy it into secrets/ from a worker that has it")
        return key

    def __repr__(self) -> str:
        return f"Peppers(current={self.current!r}, ids={sorted(self._keys)})"
