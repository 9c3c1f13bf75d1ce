"""People's passwords: hashed with Argon2id (RFC 9106), and accepted from elsewhere as bcrypt, PBKDF2 or other Argon2.

A verifier is text as bytes: a PHC string `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, or a form of `foreign_hash`.
"""

import re
from dataclasses import dataclass
from typing import Final

from argon2 import Type
from argon2.exceptions import Argon2Error
from argon2.low_level import hash_secret, verify_secret

from doorward.core.clock import Entropy
from doorward.core.secret import Secret
from doorward.crypto.foreign_hash import UnusableHash, WrongPassword, check_foreign_cost, verify_foreign
from doorward.crypto.hashing_pool import HashingPool

__all__ = [
    "CHEAPEST_FOR_TESTS",
    "LONGEST_PASSWORD",
    "OWASP_2025",
    "RFC_9106_LOW_MEMORY",
    "HashingPool",
    "Params",
    "UnusableHash",
    "WrongPassword",
    "check_verifier",
    "hash_password",
    "outdated",
    "verify_password",
]

LONGEST_PASSWORD: Final = 1024
"""Bytes of UTF-8."""
_MOST_MEMORY: Final = 262_144  # KiB
_MOST_PASSES: Final = 20
_MOST_LANES: Final = 16
_ARGON2: Final = re.compile(
    rb"\$argon2(id|i|d)\$(?:v=(16|19)\$)?m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=([1-9][0-9]{0,9})"
    rb"\$([A-Za-z0-9+/]{11,128})\$([A-Za-z0-9+/]{16,128})"
)
_TYPES: Final = {b"id": Type.ID, b"i": Type.I, b"d": Type.D}


@dataclass(frozen=True, slots=True)
class Params:
    """Argon2id: memory in KiB, passes, lanes."""

    memory: int
    passes: int
    lanes: int


OWASP_2025: Final = Params(19_456, 2, 1)
"""OWASP Password Storage Cheat Sheet, 2025: the minimum, m = 19 MiB."""
RFC_9106_LOW_MEMORY: Final = Params(65_536, 3, 4)
"""RFC 9106 section 4, second recommended option, m = 64 MiB."""
CHEAPEST_FOR_TESTS: Final = Params(8, 1, 1)


def hash_password(password: Secret, params: Params, entropy: Entropy) -> bytes:
    """A new verifier, with a salt of 16 bytes (RFC 9106 section 3.1). Raises ValueError: too long, or not Unicode."""
    return hash_secret(_plain(password), entropy(16), params.passes, params.memory, params.lanes, 32, Type.ID)


def verify_password(password: Secret, verifier: bytes) -> None:
    """Raises WrongPassword, also where the verifier is of no known form."""
    try:
        plain = _plain(password)
        check_verifier(verifier)
    except ValueError as reason:
        raise WrongPassword(str(reason)) from None
    kind = _ARGON2.fullmatch(verifier)
    if kind is None:
        verify_foreign(plain, verifier)
        return
    try:
        verify_secret(verifier, plain, _TYPES[kind[1]])
    except Argon2Error:
        raise WrongPassword from None


def check_verifier(verifier: bytes) -> None:
    """Is this a hash that a sign-in can afford? Asked at import. Raises UnusableHash, a ValueError with the reason."""
    kind = _ARGON2.fullmatch(verifier)
    if kind is None:
        check_foreign_cost(verifier)
        return
    memory, passes, lanes = int(kind[3]), int(kind[4]), int(kind[5])
    if memory > _MOST_MEMORY or passes > _MOST_PASSES or lanes > _MOST_LANES or memory < 8 * lanes:
        raise UnusableHash(f"an Argon2 hash may ask for at most m={_MOST_MEMORY},t={_MOST_PASSES},p={_MOST_LANES} (and m >= 8p)")


def outdated(verifier: bytes, params: Params) -> bool:
    """Whether the next success should hash anew: not Argon2id version 19, or weaker than `params` in any part."""
    kind = _ARGON2.fullmatch(verifier)
    if kind is None or kind[1] != b"id" or kind[2] != b"19":
        return True
    return int(kind[3]) < params.memory or int(kind[4]) < params.passes or int(kind[5]) < params.lanes


def _plain(password: Secret) -> bytes:
    plain = password.reveal().encode()
    if len(plain) > LONGEST_PASSWORD:
        raise ValueError(f"a password has at most {LONGEST_PASSWORD} bytes")
    return plain
