"""The algorithms of HTTP message signatures (RFC 9421 section 3.3), each with its key. All but HMAC are those of JWS under other
names: ECDSA is r and s side by side there too (section 3.3.4), and the salt of PSS as long as its hash, 64 bytes (section 3.3.1).

The algorithm belongs to the key, never to the message (section 3.2): a public key is not taken for a shared secret.
"""

import hashlib
import json
from functools import cache
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from doorward.core.secret import Secret
from doorward.crypto import algorithms
from doorward.crypto.algorithms import Check, PrivateKey, PublicKey, Sign
from doorward.crypto.jwk import from_jwk, thumbprint, to_jwk

HMAC: Final = "hmac-sha256"
ED25519: Final = "ed25519"
_JOSE: Final = {
    ED25519: "Ed25519",
    "ecdsa-p256-sha256": "ES256",
    "ecdsa-p384-sha384": "ES384",
    "rsa-pss-sha512": "PS512",
    "rsa-v1_5-sha256": "RS256",
}
KEY_PAIRS: Final = tuple(_JOSE)
ALGORITHMS: Final = (HMAC, *KEY_PAIRS)
LARGEST_RSA: Final = 4096
"""Bits: a larger one costs each request more than it is worth."""
SEALED_FOR: Final = "http_signature"
"""The purpose under which shared secrets are sealed at rest."""
_MOST_PEM: Final = 16384
_SIZE: Final = {HMAC: 32, ED25519: 64, "ecdsa-p256-sha256": 64, "ecdsa-p384-sha384": 96}
"""Bytes of a signature; that of RSA is as long as its key."""
_BY_SIZE: Final = {32: HMAC, 64: ED25519, 96: "ecdsa-p384-sha384"}


class WrongKey(ValueError):
    """This is no key for message signatures. The message says what one is."""


def generate(alg: str) -> PrivateKey:
    return algorithms.generate(_JOSE[alg])


def algorithm_of(key: PrivateKey | PublicKey, alg: str | None = None) -> str:
    """`alg` if the key fits it; without one what the key is for. Raises WrongKey, also for RSA without one: the other side's choice of
    the two is not to be seen in the key, and the wrong one would be a signature that is refused without a word why."""
    name = alg or _natural(key)
    if name not in _JOSE:
        raise WrongKey(f"a key pair is one for {', '.join(KEY_PAIRS)}")
    try:
        algorithms.check_fits(_JOSE[name], key)
    except ValueError as reason:
        raise WrongKey(f"{name}: {reason}") from None
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey) and key.key_size > LARGEST_RSA:
        raise WrongKey(f"an RSA key has at most {LARGEST_RSA} bits here")
    return name


def _natural(key: PrivateKey | PublicKey) -> str | None:
    if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        return ED25519
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        ways = [alg for alg in KEY_PAIRS if alg.startswith("rsa")]
        raise WrongKey(f"an RSA key signs in two ways: say which, {' or '.join(f'--alg {alg}' for alg in ways)} (alg= in Python)")
    return {"secp256r1": "ecdsa-p256-sha256", "secp384r1": "ecdsa-p384-sha384"}.get(key.curve.name)


def signer(alg: str, key: PrivateKey | Secret) -> Sign:
    """Raises WrongKey where they do not fit. A shared secret is used as the UTF-8 of its text."""
    try:
        if isinstance(key, Secret):
            if alg != HMAC:
                raise WrongKey(f"{alg} signs with a private key, not with a secret")
            return algorithms.hmac_signer(key.reveal().encode())
        return algorithms.signer(_JOSE[algorithm_of(key, alg)], key)
    except ValueError as reason:
        raise WrongKey(str(reason).replace("HS256", HMAC)) from None


def checker(alg: str, key: PublicKey | bytes) -> Check:
    """check(signature, base) raises BadSignature. Raises WrongKey."""
    try:
        if isinstance(key, bytes):
            if alg != HMAC:
                raise WrongKey(f"{alg} is checked with a public key, not with a secret")
            return algorithms.hmac_checker(key)
        return algorithms.checker(_JOSE[algorithm_of(key, alg)], key)
    except ValueError as reason:
        raise WrongKey(str(reason).replace("HS256", HMAC)) from None


def to_stored(key: PublicKey) -> bytes:
    """As a credential's verifier: the JWK as JSON."""
    return json.dumps(to_jwk(key), separators=(",", ":"), sort_keys=True).encode()


def from_stored(stored: bytes) -> tuple[PublicKey, str]:
    """The key and its thumbprint (RFC 7638). Raises ValueError for a row that was damaged."""
    jwk: Any = json.loads(stored)
    return from_jwk(jwk), thumbprint(jwk)


def private_pem(key: PrivateKey) -> Secret:
    """PKCS #8, without a password: shown to its holder once."""
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return Secret(key.private_bytes(*form).decode())


def public_pem(key: PublicKey) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def read_private(pem: Secret) -> PrivateKey:
    """PEM without a password. Raises WrongKey; nothing of the text is told."""
    try:
        key = serialization.load_pem_private_key(pem.reveal().encode()[:_MOST_PEM], None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise WrongKey("this is no private key in PEM, or it has a password") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey):
        raise WrongKey("a private key is RSA, EC or Ed25519")
    return key


def read_public(text: bytes) -> PublicKey:
    """PEM (SPKI) or a JWK. Raises WrongKey."""
    if b"PRIVATE KEY" in text or b'"d"' in text:
        raise WrongKey("this is a private key: it stays with its holder, give the public half only")
    try:
        key = from_jwk(json.loads(text[:_MOST_PEM])) if text.lstrip()[:1] == b"{" else serialization.load_pem_public_key(text[:_MOST_PEM])
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm, RecursionError):
        raise WrongKey("this is no public key in PEM, and no JWK") from None
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | Ed25519PublicKey):
        raise WrongKey("a public key is RSA, EC (P-256, P-384) or Ed25519")
    return key


def can_be(alg: str, signature: bytes) -> bool:
    """Whether a signature of this algorithm can be so long."""
    return len(signature) == _SIZE[alg] if alg in _SIZE else len(signature) * 8 >= algorithms.SMALLEST_RSA


def shape(alg: str | None, signature: bytes) -> str:
    """For which algorithm a signature can be: the one that it names, or that its length tells."""
    return alg if alg in ALGORITHMS else _BY_SIZE.get(len(signature), "rsa-pss-sha512")


def stand_in(alg: str, size: int) -> Check:
    """A check for that algorithm and length of a signature, by a key of nobody: what a signature under an unknown key is tried with,
    so that it costs what a wrong one costs. Whatever it says, the request is refused."""
    return _stand_in(alg, min((2048, 3072, 4096), key=lambda each: abs(each - 8 * size)))


@cache
def _stand_in(alg: str, bits: int) -> Check:
    if alg == HMAC:
        return algorithms.hmac_checker(bytes(32))
    if alg == ED25519:
        return algorithms.checker(_JOSE[alg], Ed25519PublicKey.from_public_bytes(bytes.fromhex(_ED25519_POINT)))
    if alg.startswith("ecdsa"):
        curve: ec.EllipticCurve = ec.SECP256R1() if alg == "ecdsa-p256-sha256" else ec.SECP384R1()
        return algorithms.checker(_JOSE[alg], ec.derive_private_key(_NUMBER % 2**255, curve).public_key())
    modulus = _NUMBER % 2**bits | 1 << (bits - 1) | 1
    return algorithms.checker(_JOSE[alg], rsa.RSAPublicNumbers(65537, modulus).public_key())


_ED25519_POINT: Final = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"  # RFC 8032 section 7.1, test 1
_NUMBER: Final = int.from_bytes(b"".join(hashlib.sha256(b"doorward stand-in %d" % part).digest() for part in range(16)), "big")
