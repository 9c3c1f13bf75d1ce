"""Keys of an issuer that the operator wrote down: a JWK set, or one secret shared with it (HS256). They stay until the next start."""

from doorward.core.errors import Refused, Why
from doorward.crypto.algorithms import hmac_checker
from doorward.crypto.issuer_keys import KeySet
from doorward.crypto.jose import VerifyingKey


class FixedKeys:
    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    def holds(self, key: VerifyingKey) -> bool:
        return key in self._keys

    async def find(self, kid: str | None, alg: str) -> VerifyingKey:
        """Raises Refused(UNKNOWN)."""
        key = self._keys.find(kid, alg)
        if key is None:
            raise Refused(Why.UNKNOWN, note="no such key was given for this issuer")
        return key


class SharedSecret:
    """There is one, so a `kid` has nothing to choose. Raises ValueError: shorter than 256 bits (RFC 7518 section 3.2)."""

    def __init__(self, secret: bytes) -> None:
        self._key = VerifyingKey(kid="", alg="HS256", check=hmac_checker(secret))

    def holds(self, key: VerifyingKey) -> bool:
        return key is self._key

    async def find(self, kid: str | None, alg: str) -> VerifyingKey:
        """Raises Refused(UNKNOWN): of an issuer whose key is shared no other algorithm is looked at."""
        if alg != self._key.alg:
            raise Refused(Why.UNKNOWN, note="the key of this issuer is a shared secret (HS256)")
        return self._key
