"""Content-Digest (RFC 9530 section 2): the digest of a body, in a header field that a signature covers.

Content-Digest: sha-256=:<base64>:, sha-512=:<base64>:

sha-256 and sha-512 are known here; the others of the registry are unfit or unknown (section 5) and stand for nothing. Every
known one must be right.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from doorward.core.secret import same
from doorward.crypto.structured_field import BadField, Item, parse_dictionary
from doorward.crypto.structured_text import write_dictionary

CONTENT_DIGEST: Final = "Content-Digest"
SHA256: Final = "sha-256"
SHA512: Final = "sha-512"
KNOWN: Final[dict[str, Callable[[bytes], Any]]] = {SHA256: hashlib.sha256, SHA512: hashlib.sha512}
CLAIMS: Final = {SHA256: "content_sha256", SHA512: "content_sha512"}
"""Under which claim a digest, in hex, goes to the service behind, where the body goes by unseen (DECISIONS 11)."""
_LONGEST: Final = 2048
_SIZE: Final = {SHA256: 32, SHA512: 64}


def content_digest(body: bytes, algorithms: Sequence[str] = (SHA256,)) -> str:
    """The field's value. Raises ValueError for an algorithm that is not known here."""
    if strange := [name for name in algorithms if name not in KNOWN]:
        raise ValueError(f"{strange[0]!r} is not among {' and '.join(KNOWN)}")
    return write_dictionary({name: Item(KNOWN[name](body).digest()) for name in algorithms})


def read_digests(lines: Sequence[str]) -> dict[str, bytes]:
    """The known ones, at least one. Raises BadField."""
    found: dict[str, bytes] = {}
    if sum(map(len, lines)) > _LONGEST:
        raise BadField("Content-Digest is too long")
    for name, member in parse_dictionary(lines, once=True).items():
        if name not in KNOWN:
            continue
        if not isinstance(member, Item) or not isinstance(member.value, bytes) or len(member.value) != _SIZE[name]:
            raise BadField(f"{name} is a byte sequence of {_SIZE[name]} bytes")
        found[name] = member.value
    if not found:
        raise BadField(f"Content-Digest holds neither {' nor '.join(KNOWN)}")
    return found


def is_of(digests: Mapping[str, bytes], body: bytes) -> bool:
    """Whether all of them are of this body."""
    return all(same(KNOWN[name](body).digest(), digest) for name, digest in digests.items())
