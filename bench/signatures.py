"""What signatures cost: made and checked through `crypto.algorithms`, beside `cryptography` alone with everything ready. In process.

ES256 and ES384 here turn r and s from and into DER, as JWS and RFC 9421 want them; the bare ones stay DER. HMAC has Python's
own `hmac.digest` beside it.
"""

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.rounds import Effort, Prepare, Run, rates
from bench.row import Row, compared
from doorward.crypto import algorithms
from doorward.crypto.algorithms import PrivateKey

MESSAGE: Final = os.urandom(256)
"""About as long as the signed part of a token or of a request."""
LONGEST: Final = 100
"""Times a round at most of what takes a millisecond."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Our way and the bare one. Of `times` the share that the batch allows: RSA signs a hundred times slower than it checks."""

    name: str
    sign: Callable[[], object]
    check: Callable[[], object]
    bare_sign: Callable[[], object]
    bare_check: Callable[[], object]


def pairs() -> list[Pair]:
    keys: list[tuple[str, str, PrivateKey]] = [
        *((f"RSA {bits} {form}", alg, rsa.generate_private_key(65537, bits)) for bits in (2048, 3072) for form, alg in RSA_FORMS),
        ("P-256", "ES256", ec.generate_private_key(ec.SECP256R1())),
        ("P-384", "ES384", ec.generate_private_key(ec.SECP384R1())),
        ("Ed25519", "Ed25519", Ed25519PrivateKey.generate()),
    ]
    return [*(_pair(*each) for each in keys), _hmac()]


RSA_FORMS: Final = (("PKCS #1 v1.5, SHA-256", "RS256"), ("PSS, SHA-512", "PS512"))


def _pair(name: str, alg: str, key: PrivateKey) -> Pair:
    sign, check = algorithms.signer(alg, key), algorithms.checker(alg, key.public_key())
    ours, bare = sign(MESSAGE), _bare(alg, key)
    theirs, verify = bare(), _bare_check(alg, key)
    return Pair(name, lambda: sign(MESSAGE), lambda: check(ours, MESSAGE), bare, lambda: verify(theirs))


def _bare(alg: str, key: PrivateKey) -> Callable[[], bytes]:
    if isinstance(key, Ed25519PrivateKey):
        return lambda: key.sign(MESSAGE)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        ecdsa = ec.ECDSA(_hash(alg))
        return lambda: key.sign(MESSAGE, ecdsa)
    pad, digest = _padding(alg), _hash(alg)
    return lambda: key.sign(MESSAGE, pad, digest)


def _bare_check(alg: str, key: PrivateKey) -> Callable[[bytes], None]:
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        pad, digest = _padding(alg), _hash(alg)
        return lambda signature: public.verify(signature, MESSAGE, pad, digest)
    if isinstance(public, ec.EllipticCurvePublicKey):
        ecdsa = ec.ECDSA(_hash(alg))
        return lambda signature: public.verify(signature, MESSAGE, ecdsa)
    return lambda signature: public.verify(signature, MESSAGE)


def _hash(alg: str) -> hashes.HashAlgorithm:
    return {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[alg[2:]]


def _padding(alg: str) -> padding.PKCS1v15 | padding.PSS:
    return padding.PKCS1v15() if alg == "RS256" else padding.PSS(padding.MGF1(_hash(alg)), _hash(alg).digest_size)


def _hmac() -> Pair:
    secret = os.urandom(32)
    sign, check = algorithms.hmac_signer(secret), algorithms.hmac_checker(secret)
    made = sign(MESSAGE)

    def bare() -> bytes:
        return hmac.digest(secret, MESSAGE, "sha256")

    return Pair("HMAC-SHA-256", lambda: sign(MESSAGE), lambda: check(made, MESSAGE), bare, lambda: hmac.compare_digest(made, bare()))


async def measure(effort: Effort) -> list[Row]:
    rows = []
    for pair in pairs():
        dear = pair.name.startswith("RSA")
        subjects: dict[str, Prepare] = {
            "sign": _times(pair.sign, min(effort.batch, LONGEST) if dear else effort.batch),
            "bare sign": _times(pair.bare_sign, min(effort.batch, LONGEST) if dear else effort.batch),
            "check": _times(pair.check, effort.batch),
            "bare check": _times(pair.bare_check, effort.batch),
        }
        found = await rates(subjects, effort.rounds)
        key = f"signature-{pair.name.replace(', ', '-').replace('#', '').replace('  ', ' ').replace(' ', '-')}"
        peer = "hmac alone" if pair.name.startswith("HMAC") else "cryptography alone"
        rows += [
            compared(f"{key}-sign", f"sign, {pair.name}", "/s", found["sign"], peer, found["bare sign"]),
            compared(f"{key}-check", f"check, {pair.name}", "/s", found["check"], peer, found["bare check"]),
        ]
    return rows


def _times(do: Callable[[], object], times: int) -> Prepare:
    async def run() -> int:
        for _ in range(times):
            do()
        return times

    def prepare() -> Run:
        return run

    return prepare
