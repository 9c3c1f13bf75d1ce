"""Keys that were hashed elsewhere, so that a home-grown table moves over without its callers noticing (PRODUCT 1.1).

Unsalted hashes are looked up by the hash itself; salted or slow ones are found by the stored start of the key.

verifier   the raw hash                                 sha256, sha512, hmac-sha256
           `$2b$…`, `$argon2id$…`                       bcrypt, argon2: slow, until the first use replaced them
           `blake3-salt:SALT:HEX`, `blake3-key:SALT:HEX`  BLAKE3(salt + key), BLAKE3(key + salt); the salt is text
           `mac:` and 32 bytes                          our own MAC, once a slow one was used
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from blake3 import blake3

from doorward.core.secret import Secret, same
from doorward.crypto.digest import Peppers, sha256
from doorward.crypto.password import check_verifier, verify_password

SHORTEST_START: Final = 4
LONGEST_START: Final = 16
"""Characters of a key that may be stored to find it by."""
UPGRADED: Final = b"mac:"
_BLAKE3: Final = b"blake3-"
_SALTED: Final = re.compile(r"([\x21-\x23\x25-\x39\x3b-\x7e]{1,128})[:$]([0-9A-Fa-f]{64})")


@dataclass(frozen=True, slots=True)
class Form:
    """How a hash is written in the file: which algorithm, how many bytes, hex or base64; 0 bytes: as text."""

    algorithm: str
    size: int = 0
    encoding: str = "text"

    @property
    def by_start(self) -> bool:
        return self.size == 0


FORMS: Final = {
    f"{algorithm}-{encoding}": Form(algorithm, size, encoding)
    for algorithm, size in (("sha256", 32), ("sha512", 64), ("hmac-sha256", 32))
    for encoding in ("hex", "base64")
} | {
    "bcrypt": Form("bcrypt"),
    "argon2": Form("argon2"),
    "blake3-salt-hex": Form("blake3-salt"),
    "blake3-key-salt-hex": Form("blake3-key"),
}

_BY_START: Final = frozenset(form.algorithm for form in FORMS.values() if form.by_start)


@dataclass(frozen=True, slots=True)
class ImportedHash:
    """`lookup` is unique for this hash; `verifier` goes into the credential."""

    lookup: str
    verifier: bytes


def read_hash(form: Form, text: str, pepper_id: str = "") -> ImportedHash:
    """Raises ValueError with a sentence that does not repeat the hash."""
    if form.algorithm in ("bcrypt", "argon2"):
        return _read_slow(form.algorithm, text)
    if form.by_start:
        match = _SALTED.fullmatch(text)
        if match is None:
            raise ValueError("the hash must be SALT:HEX, with a salt of printable ASCII and 64 hexadecimal digits")
        verifier = f"{form.algorithm}:{match[1]}:{match[2].lower()}".encode()
        return ImportedHash(f"{form.algorithm}:{sha256(verifier).hex()}", verifier)
    try:
        raw = bytes.fromhex(text) if form.encoding == "hex" and " " not in text else _unbase64(text, form.encoding)
    except ValueError:
        raise ValueError(f"the hash is not {form.encoding}") from None
    if len(raw) != form.size:
        raise ValueError(f"the hash has {len(raw)} bytes; {form.algorithm} has {form.size}")
    return ImportedHash(_by_hash(form.algorithm, raw, pepper_id), raw)


def _read_slow(algorithm: str, text: str) -> ImportedHash:
    verifier = text.encode("ascii", "replace")
    if verifier.startswith(b"$2") != (algorithm == "bcrypt") or verifier.startswith(b"$argon2") != (algorithm == "argon2"):
        raise ValueError(f"this is not a {algorithm} hash")
    check_verifier(verifier)
    return ImportedHash(f"{algorithm}:{sha256(verifier).hex()}", verifier)


def _unbase64(text: str, encoding: str) -> bytes:
    if encoding != "base64":
        raise ValueError
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/").rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError from None


def _by_hash(algorithm: str, raw: bytes, pepper_id: str = "") -> str:
    return f"{algorithm}:{pepper_id}:{raw.hex()}" if pepper_id else f"{algorithm}:{raw.hex()}"


def lookups(key: Secret, peppers: Peppers) -> Iterator[tuple[str, bytes]]:
    """Where a key of foreign shape may be found, and the verifier it must then have."""
    plain = key.reveal().encode("ascii")
    for algorithm in ("sha256", "sha512"):
        raw = hashlib.new(algorithm, plain).digest()
        yield _by_hash(algorithm, raw), raw
    for id in (*peppers.foreign_ids, *peppers.ids):
        raw = peppers.mac(plain, id)
        yield _by_hash("hmac-sha256", raw, id), raw


def is_found_by_start(lookup: str) -> bool:
    """Whether this imported key cannot be looked up by its hash."""
    return lookup.partition(":")[0] in _BY_START


def is_slow(verifier: bytes) -> bool:
    return verifier.startswith((b"$2", b"$argon2"))


def matches_fast(key: Secret, verifier: bytes, key_id: str, peppers: Peppers) -> bool:
    """For those found by their start that are not slow."""
    plain = key.reveal().encode("ascii")
    if verifier.startswith(UPGRADED):
        return same(verifier[len(UPGRADED) :], peppers.mac(plain, key_id))
    if not verifier.startswith(_BLAKE3):
        return False
    algorithm, salt, expected = verifier.split(b":", 2)
    salted = salt + plain if algorithm == b"blake3-salt" else plain + salt
    return same(blake3(salted).hexdigest().encode(), expected)


def check_slow(key: Secret, verifier: bytes) -> None:
    """Takes tens of milliseconds. Raises WrongPassword."""
    verify_password(key, verifier)


def upgraded(key: Secret, peppers: Peppers) -> bytes:
    """What replaces a slow verifier once its key is known: generated secrets never pay for a slow hash (DECISIONS 18)."""
    return UPGRADED + peppers.mac(key.reveal().encode("ascii"))
