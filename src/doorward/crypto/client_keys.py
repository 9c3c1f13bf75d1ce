"""What a client registered of its keys (RFC 7591 section 2 `jwks`): public keys that prove its assertions, and certificates.

A key proves signatures of its own algorithm only; one that names none, of those that its type allows, never HMAC. Keys are
looked up by algorithm and `kid`; a `kid` is a dictionary key and nothing else (RFC 8725 section 3.10).
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from doorward.core.presented import x5t
from doorward.crypto.algorithms import ASYMMETRIC, PublicKey, check_fits, checker
from doorward.crypto.certificate_reading import read_certificate
from doorward.crypto.jose import VerifyingKey
from doorward.crypto.jwk import from_jwk, thumbprint, to_jwk

MOST_KEYS: Final = 32
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # RFC 7518 section 6
_LONGEST_KID: Final = 256
_LONGEST_CERTIFICATE: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """`keys`: all that may prove an assertion. `certificates`: the thumbprints (`x5t#S256:…`) of those that it may show."""

    keys: tuple[VerifyingKey, ...] = ()
    certificates: frozenset[str] = frozenset()

    def find(self, alg: str, kid: str | None) -> VerifyingKey | None:
        """The one key that this header may mean. None: no such key, or more than one without a `kid` to choose by."""
        fitting = [key for key in self.keys if key.alg == alg and (kid is None or key.kid == kid)]
        return fitting[0] if len(fitting) == 1 else None


NO_KEYS: Final = ClientKeys()


def read_keys(document: Mapping[str, object], *, strict: bool) -> ClientKeys:
    """Of a JWK Set (RFC 7517 section 5). `strict`: what cannot be used is a mistake to mend; otherwise such a key is passed over.

    Raises ValueError with the mend.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ValueError("no JWK set: it has no list `keys`")
    if len(listed) > MOST_KEYS:
        raise ValueError(f"a JWK set has a list of at most {MOST_KEYS} keys")
    keys: list[VerifyingKey] = []
    certificates: set[str] = set()
    for jwk in listed:
        try:
            if not isinstance(jwk, dict):
                raise ValueError("a key is a JSON object")
            found, certificate = list(_keys_of(jwk)), _certificate_of(jwk)
        except ValueError:
            if strict:
                raise
            continue
        keys += found
        certificates |= {certificate} if certificate is not None else set()
    if strict and len({(key.kid, key.alg) for key in keys}) != len(keys):
        raise ValueError("two keys of one algorithm have the same kid")
    return ClientKeys(tuple(keys), frozenset(certificates))


def _keys_of(jwk: Mapping[str, object]) -> Iterator[VerifyingKey]:
    if jwk.get("kty") == "oct":
        raise ValueError("a shared key (oct) is not one to register: register a public key")
    if private := sorted(_PRIVATE.intersection(jwk)):
        raise ValueError(
            f"the key set holds a private key ({', '.join(private)}): it is not secret any more; register the public half of a new one"
        )
    kid, alg, use, operations = jwk.get("kid"), jwk.get("alg"), jwk.get("use", "sig"), jwk.get("key_ops", ["verify"])
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= _LONGEST_KID):
        raise ValueError(f"a kid is a text of 1 to {_LONGEST_KID} characters")
    if use != "sig" or not isinstance(operations, list) or "verify" not in operations:  # RFC 7517 sections 4.2 and 4.3
        raise ValueError("a key that is not for signatures (use, key_ops)")
    if alg is not None and not (isinstance(alg, str) and alg in ASYMMETRIC):
        raise ValueError(f"alg is one of {', '.join(sorted(ASYMMETRIC))}")
    key, name = from_jwk(jwk), kid if isinstance(kid, str) else thumbprint(jwk)
    if isinstance(alg, str):
        yield VerifyingKey(kid=name, alg=alg, check=checker(alg, key))
        return
    fitting = [each for each in sorted(ASYMMETRIC) if _fits(each, key)]
    if not fitting:
        raise ValueError("no algorithm takes this key: an RSA key needs at least 2048 bits")
    yield from (VerifyingKey(kid=name, alg=each, check=checker(each, key)) for each in fitting)


def _fits(alg: str, key: PublicKey) -> bool:
    try:
        check_fits(alg, key)
    except ValueError:
        return False
    return True


def _certificate_of(jwk: Mapping[str, object]) -> str | None:
    """The thumbprint of the first certificate of `x5c`, which must be of this key (RFC 7517 section 4.7)."""
    chain = jwk.get("x5c")
    if chain is None:
        return None
    if not isinstance(chain, list) or not chain or not isinstance(chain[0], str) or len(chain[0]) > _LONGEST_CERTIFICATE:
        raise ValueError("x5c is a list of certificates in base64")
    der = read_certificate(b64decode(chain[0], validate=True)).der
    if _spki(x509.load_der_x509_certificate(der).public_key()) != _spki(from_jwk(jwk)):
        raise ValueError("the certificate in x5c is of another key")
    return x5t(der)


def _spki(key: Any) -> bytes:
    spki: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return spki


def certificate_jwk(data: bytes) -> dict[str, object]:
    """A certificate (PEM or DER) as a key to register. Raises ValueError."""
    der = read_certificate(data).der
    key = x509.load_der_x509_certificate(der).public_key()
    if not isinstance(key, PublicKey):
        raise ValueError("the certificate's key is of a kind that is not known here")
    return {**to_jwk(key), "x5c": [b64encode(der).decode()], "x5t#S256": x5t(der).partition(":")[2]}
