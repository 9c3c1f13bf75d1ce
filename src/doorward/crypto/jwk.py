"""Public keys as JWK (RFC 7517, RFC 7518 section 6, RFC 8037 section 2), and their thumbprint (RFC 7638)."""

import hashlib
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from doorward.core.errors import Refused
from doorward.crypto import base64url
from doorward.crypto.algorithms import PublicKey

_CURVES: dict[str, type[ec.EllipticCurve]] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
_LONGEST_EXPONENT, _LONGEST_MODULUS = 8, 1024
"""Bytes. Every exponent in use has three; 8192 bits are the largest modulus in use."""
_NAMES = {curve().name: name for name, curve in _CURVES.items()}
_REQUIRED = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}


def to_jwk(key: PublicKey) -> dict[str, str]:
    """The members that make the key, and nothing private. Raises ValueError for a curve without a JWK name."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {
            "kty": "RSA",
            "n": _number(numbers.n, (numbers.n.bit_length() + 7) // 8),
            "e": _number(numbers.e, (numbers.e.bit_length() + 7) // 8),
        }
    if isinstance(key, Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()}
    if key.curve.name not in _NAMES:
        raise ValueError(f"the curve {key.curve.name} has no name in RFC 7518")
    point, size = key.public_numbers(), (key.curve.key_size + 7) // 8
    return {"kty": "EC", "crv": _NAMES[key.curve.name], "x": _number(point.x, size), "y": _number(point.y, size)}


def from_jwk(jwk: Mapping[str, object]) -> PublicKey:
    """The public key of a JWK; private members are not looked at. Raises ValueError."""
    kind = jwk.get("kty")
    try:
        if kind == "RSA":
            exponent, modulus = _bytes(jwk, "e"), _bytes(jwk, "n")
            if len(exponent) > _LONGEST_EXPONENT or len(modulus) > _LONGEST_MODULUS:
                raise ValueError("an RSA key that is dearer to verify with than a stranger may make it")
            return rsa.RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big")).public_key()
        if kind == "EC" and isinstance(jwk.get("crv"), str) and jwk["crv"] in _CURVES:
            curve = _CURVES[str(jwk["crv"])]()
            x, y, size = _bytes(jwk, "x"), _bytes(jwk, "y"), (curve.key_size + 7) // 8
            if len(x) != size or len(y) != size:  # RFC 7518 section 6.2.1.2
                raise ValueError("an EC key whose coordinates are not of the curve's length")
            return ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve).public_key()
        if kind == "OKP" and jwk.get("crv") == "Ed25519":
            return Ed25519PublicKey.from_public_bytes(_bytes(jwk, "x"))
    except Refused:
        raise ValueError("a JWK member is not base64url") from None
    raise ValueError("a JWK is of kty RSA, EC (P-256, P-384, P-521) or OKP (Ed25519) here")


def thumbprint(jwk: Mapping[str, object]) -> str:
    """base64url of SHA-256 over the required members in order (RFC 7638 section 3). Raises ValueError."""
    names = _REQUIRED.get(str(jwk.get("kty")))
    if names is None or any(not isinstance(jwk.get(name), str) for name in names):
        raise ValueError("a JWK of kty RSA, EC or OKP with its required members is needed")
    text = json.dumps({name: jwk[name] for name in names}, separators=(",", ":"), sort_keys=True)
    return base64url.encode(hashlib.sha256(text.encode()).digest()).decode()


def _number(value: int, size: int) -> str:
    return base64url.encode(value.to_bytes(size, "big")).decode()


def _bytes(jwk: Mapping[str, object], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise ValueError(f"a JWK needs {name}")
    return base64url.decode(value.encode())
