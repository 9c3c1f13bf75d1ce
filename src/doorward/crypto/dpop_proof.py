"""DPoP proofs (RFC 9449 section 4): a JWT that carries the public key that it is signed with.

On the wire  DPoP: base64url({"typ": "dpop+jwt", "alg", "jwk"}) . base64url({"jti", "htm", "htu", "iat"[, "ath", "nonce"]}) . signature
Refused      BAD_DPOP: another shape or type, a symmetric or unknown algorithm, a private or weak key, any other key or its
             address in the header, `crit`, a member twice, a claim that is missing or of another type

Nothing here is proven but by `verify`. Only here is a key out of a header believed, since nothing but "whoever sent this
holds that key" is concluded from it; `crypto.jose.parse_jwt` goes on refusing it.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from doorward.core.errors import Refused, Why
from doorward.crypto import base64url
from doorward.crypto.algorithms import BadSignature, Check, PublicKey, checker
from doorward.crypto.json_once import read_object
from doorward.crypto.jwk import from_jwk, thumbprint

TYP: Final = "dpop+jwt"
ALGS: Final = ("ES256", "ES384", "EdDSA", "Ed25519", "PS256", "RS256")
"""As told in challenges and metadata (RFC 9449 section 5.1). Each is asymmetric; none is `none`."""
LONGEST: Final = 8 * 1024
_LONGEST_HEAD: Final = 4 * 1024
_LONGEST_JTI: Final = 256
_LONGEST_NONCE: Final = 256
_LONGEST_METHOD: Final = 32
_KEYS_REMEMBERED: Final = 1024
_LARGEST_RSA: Final = 4096  # bits: what a stranger's key may make us compute
_LARGEST_EXPONENT: Final = 2**32
_LATEST: Final = 2**53
_FORBIDDEN: Final = frozenset({"crit", "b64", "jku", "x5u", "x5c"})  # RFC 7515 section 4.1.11, RFC 8725 section 3.10
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # RFC 7518 section 6


class ProofKey(NamedTuple):
    """`jkt` is its thumbprint (RFC 7638), `check` its only algorithm."""

    jkt: str
    check: Check


class DpopProof(NamedTuple):
    """Unproven. `htu` is as it was sent."""

    key: ProofKey
    jti: str
    htm: str
    htu: str
    iat: float
    ath: str | None
    nonce: str | None
    signed: bytes
    signature: bytes

    def verify(self) -> None:
        """Raises Refused(BAD_DPOP)."""
        try:
            self.key.check(self.signature, self.signed)
        except BadSignature:
            raise bad("The signature of the DPoP proof does not verify.") from None


def bad(detail: str, note: str | None = None) -> Refused:
    """A proof is the caller's own work, so the answer may say what is wrong with it."""
    return Refused(Why.BAD_DPOP, detail, note=note)


def read_proof(text: str) -> DpopProof:
    """RFC 9449 section 4.3, steps 2 to 5 and 7. Raises Refused(BAD_DPOP)."""
    if len(text) > LONGEST or not text.isascii():
        raise bad("The DPoP proof is longer than 8 KiB, or holds foreign characters.")
    raw = text.encode("ascii")
    parts = raw.translate(base64url.STANDARD).split(b".")
    if len(parts) != 3 or len(parts[0]) > _LONGEST_HEAD:
        raise bad("The DPoP proof is not one compact JWT.")
    try:
        signature = base64url.decode_standard(parts[2])
        claims = read_object(base64url.decode_standard(parts[1]))
    except Refused as reason:
        raise bad("The DPoP proof is not one compact JWT.", reason.note) from None
    return _with_claims(_read_key(parts[0]), claims, raw[: raw.rindex(b".")], signature)


def _with_claims(key: ProofKey, claims: Mapping[str, object], signed: bytes, signature: bytes) -> DpopProof:
    get = claims.get
    iat = get("iat")
    if not ((type(iat) is int or type(iat) is float) and 0 <= iat < _LATEST):
        raise bad("The DPoP proof needs iat, the time in seconds since 1970.")
    return DpopProof(
        key=key,
        jti=_text(get("jti"), "jti", _LONGEST_JTI),
        htm=_text(get("htm"), "htm", _LONGEST_METHOD),
        htu=_text(get("htu"), "htu", LONGEST),
        iat=float(iat),
        ath=_text(get("ath"), "ath", _LONGEST_NONCE) if "ath" in claims else None,
        nonce=_text(get("nonce"), "nonce", _LONGEST_NONCE) if "nonce" in claims else None,
        signed=signed,
        signature=signature,
    )


def _text(value: object, name: str, longest: int) -> str:
    if type(value) is str and 0 < len(value) <= longest:
        return value
    raise bad(f"The DPoP proof needs {name}, a text of 1 to {longest} characters.")


@lru_cache(maxsize=_KEYS_REMEMBERED)
def _read_key(part: bytes) -> ProofKey:
    """All proofs of one client share their header; reading a key is slow, so the last ones are remembered."""
    try:
        header = read_object(base64url.decode_standard(part))
    except Refused as reason:
        raise bad("The header of the DPoP proof is not JSON in base64url.", reason.note) from None
    typ, alg, jwk = header.get("typ"), header.get("alg"), header.get("jwk")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") != TYP:  # RFC 7515 section 4.1.9
        raise bad(f"The DPoP proof needs the typ {TYP}.")
    if not isinstance(alg, str) or alg not in ALGS:  # RFC 9449 section 11.6
        raise bad(f"The DPoP proof is signed with one of: {' '.join(ALGS)}.")
    if found := sorted(_FORBIDDEN.intersection(header)):
        raise bad("The header of the DPoP proof names another key than jwk, or has crit.", note=", ".join(found))
    if not isinstance(jwk, dict):
        raise bad("The DPoP proof needs jwk, the public key.")
    if not _PRIVATE.isdisjoint(jwk):
        raise bad("The jwk of the DPoP proof holds a private key: it is no secret any more; make a new one.")
    try:
        key = from_jwk(jwk)
        _check_cheap(key)
        return ProofKey(thumbprint(jwk), checker(alg, key))
    except ValueError as reason:
        raise bad("The jwk of the DPoP proof is no key for its alg.", note=str(reason)[:256]) from None


def _check_cheap(key: PublicKey) -> None:
    """A stranger chose it: its verification must not cost more than that of a usual key. Raises ValueError."""
    if isinstance(key, RSAPublicKey) and (key.key_size > _LARGEST_RSA or key.public_numbers().e > _LARGEST_EXPONENT):
        raise ValueError(f"an RSA key of at most {_LARGEST_RSA} bits, with a usual exponent")
