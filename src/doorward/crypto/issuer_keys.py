"""The keys that an issuer publishes as a JWK Set (RFC 7517 section 5), looked up by `kid` and algorithm.

A key is for signatures, of an algorithm that the issuer is trusted with, and public: others are passed over (RFC 7517 section 5:
what is not understood is ignored). Shared keys (oct) are never taken from a document. Two keys under one `kid` and algorithm
cannot be told apart, so neither counts; without a `kid` a token is proven only where exactly one key fits (RFC 7515 section 4.1.4).
"""

import json
from collections.abc import Iterable, Mapping
from typing import Final

from doorward.core.errors import Refused
from doorward.crypto.algorithms import same_algorithm
from doorward.crypto.client_keys import read_keys
from doorward.crypto.jose import VerifyingKey
from doorward.crypto.json_once import read_object

LARGEST: Final = 128 * 1024
MOST_KEYS: Final = 64


class KeySet:
    """`keys` by the text of the JWK that each was read from, so that one which is published again stays the same object."""

    def __init__(self, keys: Mapping[str, tuple[VerifyingKey, ...]], unnamed: frozenset[VerifyingKey] = frozenset()) -> None:
        self.read_from = dict(keys)
        self._all = frozenset(key for each in keys.values() for key in each)
        self._unnamed = unnamed
        self._by_kid: dict[str, list[VerifyingKey]] = {}
        for key in self._all - unnamed:
            self._by_kid.setdefault(key.kid, []).append(key)

    def find(self, kid: str | None, alg: str) -> VerifyingKey | None:
        """A look-up and nothing else, whatever a kid spells (RFC 8725 section 3.10)."""
        candidates: Iterable[VerifyingKey] = self._all if kid is None else self._by_kid.get(kid, ())
        fitting = [key for key in candidates if same_algorithm(key.alg, alg)]
        if len(fitting) > 1:  # one key under both names of an algorithm (RFC 9864 section 2.2) is one key
            fitting = [key for key in fitting if key.alg == alg]
        return fitting[0] if len(fitting) == 1 else None

    def __contains__(self, key: object) -> bool:
        return key in self._all

    def __len__(self) -> int:
        return len(self._all)


EMPTY: Final = KeySet({})


def read_key_set(data: bytes, algorithms: frozenset[str], before: KeySet = EMPTY) -> KeySet:
    """Raises ValueError: it is no key set, or holds no key that could prove a token."""
    try:
        document = read_object(data) if len(data) <= LARGEST else {}
    except Refused as reason:
        raise ValueError(f"it is not JSON as it must be ({reason.note})") from None
    return keys_of(document, algorithms, before)


def keys_of(document: Mapping[str, object], algorithms: frozenset[str], before: KeySet = EMPTY) -> KeySet:
    """The same of what was read already. Raises ValueError."""
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ValueError(f"a key set has a list of at most {MOST_KEYS} keys")
    found: dict[str, tuple[VerifyingKey, ...]] = {}
    unnamed: set[VerifyingKey] = set()
    for jwk in listed:
        if not isinstance(jwk, dict):
            continue
        text = json.dumps(jwk, sort_keys=True)
        keys = before.read_from.get(text) or tuple(key for key in read_keys({"keys": [jwk]}, strict=False).keys if key.alg in algorithms)
        if keys:
            found[text] = keys
            if "kid" not in jwk:
                unnamed.update(keys)
    if not found:
        raise ValueError("it holds no key that could prove a token")
    return KeySet(found, frozenset(unnamed))
