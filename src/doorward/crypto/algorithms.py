"""The signature algorithms of JWS (RFC 7518 section 3, RFC 8037, RFC 9864), over keys built once.

A key makes its check once; the check raises `BadSignature` and nothing else. There is no `none` in here.
"""

import hmac
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | Ed25519PublicKey
Sign = Callable[[bytes], bytes]
Check = Callable[[bytes, bytes], None]
"""check(signature, signed) raises BadSignature."""

SMALLEST_RSA: Final = 2048  # bits, RFC 7518 sections 3.3 and 3.5
SMALLEST_HMAC: Final = 32  # bytes, RFC 7518 section 3.2
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_ED25519: Final = frozenset({"EdDSA", "Ed25519"})
ASYMMETRIC: Final = _RSA | frozenset(_CURVES) | _ED25519
ALGORITHMS: Final = ASYMMETRIC | {"HS256"}


class BadSignature(Exception):
    """The signature is not of this key over these bytes."""


def same_algorithm(one: str, other: str) -> bool:
    """RFC 9864 section 2.2: EdDSA with an Ed25519 key and Ed25519 are one algorithm under two names."""
    return one == other or (one in _ED25519 and other in _ED25519)


def generate(alg: str) -> PrivateKey:
    """A new private key. Raises ValueError for an algorithm without key pairs."""
    if alg in _RSA:
        return rsa.generate_private_key(65537, SMALLEST_RSA)
    if alg in _CURVES:
        return ec.generate_private_key(_CURVES[alg]())
    if alg in _ED25519:
        return Ed25519PrivateKey.generate()
    raise ValueError(f"{alg!r} is not an algorithm for signing keys; there are {', '.join(sorted(ASYMMETRIC))}")


def of_key(key: PrivateKey) -> str:
    """What a key is for where nobody says it: PS256 of RSA, the newer of its two (RFC 8017 section 8). Raises ValueError."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "PS256"
    if isinstance(key, Ed25519PrivateKey):
        return "EdDSA"
    for alg, curve in _CURVES.items():
        if isinstance(key.curve, curve):
            return alg
    raise ValueError(f"no algorithm has a key on the curve {key.curve.name}")


def check_fits(alg: str, key: object) -> None:
    """Is this public or private key one for that algorithm? Raises ValueError."""
    if alg in _RSA and isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        if key.key_size < SMALLEST_RSA:
            raise ValueError(f"an RSA key for {alg} needs at least {SMALLEST_RSA} bits")
    elif alg in _CURVES and isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        if not isinstance(key.curve, _CURVES[alg]):
            raise ValueError(f"a key for {alg} is on the curve {_CURVES[alg].name}, not {key.curve.name}")
    elif not (alg in _ED25519 and isinstance(key, Ed25519PublicKey | Ed25519PrivateKey)):
        raise ValueError(f"this key is not one for {alg}")


def signer(alg: str, key: PrivateKey) -> Sign:
    """Raises ValueError where the key does not fit."""
    check_fits(alg, key)
    if isinstance(key, Ed25519PrivateKey):
        return key.sign
    digest = _HASHES[alg[2:]]
    if isinstance(key, rsa.RSAPrivateKey):
        rsa_key, pad = key, _rsa_padding(alg)
        return lambda data: rsa_key.sign(data, pad, digest)
    ec_key, ecdsa, size = key, ec.ECDSA(digest), _half(key.curve)

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(ec_key.sign(data, ecdsa))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")  # RFC 7518 section 3.4

    return sign


def checker(alg: str, key: PublicKey) -> Check:
    """Raises ValueError where the key does not fit."""
    check_fits(alg, key)
    if isinstance(key, Ed25519PublicKey):
        return _ed25519_check(key)
    digest = _HASHES[alg[2:]]
    if isinstance(key, rsa.RSAPublicKey):
        return _rsa_check(key, _rsa_padding(alg), digest)
    return _ecdsa_check(key, ec.ECDSA(digest), _half(key.curve))


def hmac_signer(secret: bytes) -> Sign:
    """HS256. Raises ValueError for a key shorter than its hash (RFC 7518 section 3.2)."""
    if len(secret) < SMALLEST_HMAC:
        raise ValueError("a key for HS256 needs at least 256 bits")
    return lambda data: hmac.digest(secret, data, "sha256")


def hmac_checker(secret: bytes) -> Check:
    sign = hmac_signer(secret)

    def check(signature: bytes, signed: bytes) -> None:
        if not hmac.compare_digest(signature, sign(signed)):
            raise BadSignature

    return check


def _rsa_check(key: rsa.RSAPublicKey, pad: padding.PKCS1v15 | padding.PSS, digest: hashes.HashAlgorithm) -> Check:
    verify = key.verify

    def check(signature: bytes, signed: bytes) -> None:
        try:
            verify(signature, signed, pad, digest)
        except InvalidSignature:
            raise BadSignature from None

    return check


def _ecdsa_check(key: ec.EllipticCurvePublicKey, ecdsa: ec.ECDSA, size: int) -> Check:
    verify, whole, number = key.verify, 2 * size, int.from_bytes

    def check(signature: bytes, signed: bytes) -> None:
        if len(signature) != whole:
            raise BadSignature
        try:
            verify(encode_dss_signature(number(signature[:size], "big"), number(signature[size:], "big")), signed, ecdsa)
        except InvalidSignature:
            raise BadSignature from None

    return check


def _ed25519_check(key: Ed25519PublicKey) -> Check:
    verify = key.verify

    def check(signature: bytes, signed: bytes) -> None:
        try:
            verify(signature, signed)
        except InvalidSignature:
            raise BadSignature from None

    return check


def _rsa_padding(alg: str) -> padding.PKCS1v15 | padding.PSS:
    if alg.startswith("RS"):
        return padding.PKCS1v15()
    digest = _HASHES[alg[2:]]
    return padding.PSS(padding.MGF1(digest), digest.digest_size)  # the salt is as long as the hash: RFC 7518 section 3.5


def _half(curve: ec.EllipticCurve) -> int:
    return (curve.key_size + 7) // 8
