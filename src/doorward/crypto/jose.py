"""JWTs as compact JWS (RFC 7515 section 3.1, RFC 7519): read without trust, verified by the key's own algorithm, signed.

On the wire  base64url(header) . base64url(claims) . base64url(signature), at most 8 KiB
Refused      MALFORMED: another shape, a member twice, an unknown `crit`, a key or a key's address in the header
             WRONG_SIGNATURE: also where the header's algorithm is not the key's
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from doorward.core.errors import Refused, Why
from doorward.crypto import base64url
from doorward.crypto.algorithms import BadSignature, Check, Sign, same_algorithm
from doorward.crypto.json_once import read_object

LONGEST: Final = 8 * 1024
_LONGEST_KID: Final = 256
_FORBIDDEN: Final = frozenset({"crit", "b64", "jku", "x5u", "jwk", "x5c"})  # RFC 7515 4.1.11; RFC 8725 section 3.10
_write: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode


class Header(NamedTuple):
    """`typ` in lower case and without `application/` (RFC 7515 section 4.1.9)."""

    alg: str
    kid: str | None
    typ: str | None


class ParsedToken(NamedTuple):
    """What a token says, unproven. `signed` are the bytes that the signature is over."""

    header: Header
    claims: dict[str, object]
    signed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyingKey:
    """`audience`: a shared key proves tokens for that audience only."""

    kid: str
    alg: str
    check: Check = field(repr=False)
    audience: str | None = None

    def verify(self, token: ParsedToken) -> None:
        """Raises Refused(WRONG_SIGNATURE). The algorithm is the key's; a header that says another is refused (RFC 8725 3.1)."""
        alg = token.header.alg
        if alg != self.alg and not same_algorithm(alg, self.alg):
            raise Refused(Why.WRONG_SIGNATURE, note="the header names another algorithm than the key's")
        try:
            self.check(token.signature, token.signed)
        except BadSignature:
            raise Refused(Why.WRONG_SIGNATURE) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningHandle:
    """A private key that may sign now; it shows nothing of itself."""

    kid: str
    alg: str
    sign: Sign = field(repr=False)
    heads: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)


def sign_jwt(claims: Mapping[str, object], key: SigningHandle, typ: str) -> str:
    """A compact JWS with the header `alg`, `kid`, `typ`."""
    return sign_text(_write(claims), key, typ)


def sign_text(claims: str, key: SigningHandle, typ: str) -> str:
    """The same of claims that are JSON already."""
    head = key.heads.get(typ)
    if head is None:
        head = key.heads[typ] = base64url.encode(_write({"alg": key.alg, "kid": key.kid, "typ": typ}).encode()) + b"."
    signed = head + base64url.encode(claims.encode())
    return (signed + b"." + base64url.encode(key.sign(signed))).decode()


def parse_jwt(text: str) -> ParsedToken:
    """Raises Refused(MALFORMED). Proves nothing."""
    if len(text) > LONGEST:
        raise Refused(Why.MALFORMED, note="a token longer than 8 KiB")
    try:
        raw = text.encode("ascii")
    except UnicodeEncodeError:
        raise Refused(Why.MALFORMED, note="a token with foreign characters") from None
    parts = raw.translate(base64url.STANDARD).split(b".")
    if len(parts) != 3:
        raise Refused(Why.MALFORMED, note="not three parts")
    signature = base64url.decode_standard(parts[2])
    claims = read_object(base64url.decode_standard(parts[1]))
    return ParsedToken(_read_header(parts[0]), claims, raw[: raw.rindex(b".")], signature)


@lru_cache(maxsize=256)
def _read_header(part: bytes) -> Header:
    """All tokens of one key share their header, so it is read once."""
    header = read_object(base64url.decode_standard(part))
    if not _FORBIDDEN.isdisjoint(header):
        raise Refused(Why.MALFORMED, note=f"the header holds {', '.join(sorted(_FORBIDDEN.intersection(header)))}")
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(alg, str) or alg.lower() == "none":  # RFC 8725 section 3.2
        raise Refused(Why.MALFORMED, note="no algorithm")
    if kid is not None and (not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KID):
        raise Refused(Why.MALFORMED, note="kid is not a short text")
    if typ is not None and not isinstance(typ, str):
        raise Refused(Why.MALFORMED, note="typ is not a text")
    return Header(alg, kid, typ.lower().removeprefix("application/") if typ is not None else None)
