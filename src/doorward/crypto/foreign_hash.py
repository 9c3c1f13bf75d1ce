"""Password hashes made elsewhere: bcrypt and PBKDF2, as passlib and Django write them. Verified, never made.

bcrypt    $2a$ $2b$ $2y$ cost $ 22 characters of salt, 31 of hash
passlib   $pbkdf2-sha256$rounds$salt$hash (also -sha512, -sha1 and plain $pbkdf2$); base64 with `.` for `+`, unpadded
Django    pbkdf2_sha256$rounds$salt$hash (also _sha1); the salt is text, the hash padded base64
"""

import base64
import binascii
import hashlib
import re
from typing import Final

import bcrypt

from doorward.core.secret import same

_MOST_BCRYPT_COST: Final = 16
_MOST_ROUNDS: Final = 10_000_000
_BCRYPT_LONGEST: Final = 72
_BCRYPT: Final = re.compile(rb"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_PASSLIB: Final = re.compile(rb"\$pbkdf2(?:-(sha1|sha256|sha512))?\$([1-9][0-9]{0,9})\$([./A-Za-z0-9]{0,1366})\$([./A-Za-z0-9]{27,86})")
_DJANGO: Final = re.compile(rb"pbkdf2_(sha1|sha256)\$([1-9][0-9]{0,9})\$([^$]{1,1024})\$([+/A-Za-z0-9]{27,86}={0,2})")
_SIZES: Final = {"sha1": 20, "sha256": 32, "sha512": 64}


class WrongPassword(Exception):
    """The password is not the one of this verifier."""


class UnusableHash(ValueError):
    """A hash of a form, or of a cost, that is not accepted. The message says which are."""


def check_foreign_cost(verifier: bytes) -> None:
    """Raises UnusableHash."""
    if kind := _BCRYPT.fullmatch(verifier):
        if not 4 <= int(kind[1]) <= _MOST_BCRYPT_COST:
            raise UnusableHash(f"a bcrypt hash may have a cost of 4 to {_MOST_BCRYPT_COST}")
        return
    _read_pbkdf2(verifier)


def verify_foreign(plain: bytes, verifier: bytes) -> None:
    """Raises WrongPassword, UnusableHash."""
    if _BCRYPT.fullmatch(verifier):
        # bcrypt reads 72 bytes: whoever made this hash let the rest fall, while bcrypt 5 refuses to.
        try:
            matches = bcrypt.checkpw(plain[:_BCRYPT_LONGEST], verifier)
        except ValueError as reason:
            raise UnusableHash(f"bcrypt does not read this hash: {reason}") from None
    else:
        name, rounds, salt, expected = _read_pbkdf2(verifier)
        matches = same(hashlib.pbkdf2_hmac(name, plain, salt, rounds), expected)
    if not matches:
        raise WrongPassword


def _read_pbkdf2(verifier: bytes) -> tuple[str, int, bytes, bytes]:
    """Hash name, rounds, salt, hash (RFC 8018 section 5.2). Raises UnusableHash."""
    try:
        if kind := _PASSLIB.fullmatch(verifier):
            name, salt, expected = (kind[1] or b"sha1").decode(), _unpadded(kind[3]), _unpadded(kind[4])
        elif kind := _DJANGO.fullmatch(verifier):
            name, salt, expected = kind[1].decode(), kind[3], base64.b64decode(kind[4], validate=True)
        else:
            raise UnusableHash("a password hash is Argon2, bcrypt ($2a$, $2b$, $2y$) or PBKDF2 as passlib or Django write it")
    except binascii.Error as reason:
        raise UnusableHash(f"the PBKDF2 hash is not base64: {reason}") from None
    if int(kind[2]) > _MOST_ROUNDS:
        raise UnusableHash(f"a PBKDF2 hash may ask for at most {_MOST_ROUNDS} rounds")
    if len(expected) != _SIZES[name]:
        raise UnusableHash(f"a PBKDF2-{name} hash has {_SIZES[name]} bytes")
    return name, int(kind[2]), salt, expected


def _unpadded(text: bytes) -> bytes:
    return base64.b64decode(text.replace(b".", b"+") + b"=" * (-len(text) % 4), validate=True)
