"""Certificates and requests for them that others made: read once, wholly, or not at all.

A request (PKCS #10, RFC 2986) proves that its maker holds the key; nothing else that it asks for is looked at. All errors
are ValueError with a sentence that holds nothing of the input.
"""

import warnings
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LARGEST: Final = 64 * 1024
_PEM: Final = b"-----BEGIN "
_CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    InvalidSignature,
    CryptographyDeprecationWarning,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
)
_KEYS: Final = "the key must be ECDSA (P-256, P-384, P-521), Ed25519, or RSA of 2048 to 8192 bits with an exponent of 65537"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says. `serial` as `serial_text`; `subject` as RFC 4514 writes it. `usages` None: for any use."""

    der: bytes
    serial: str
    subject: str
    common_name: str | None
    uris: tuple[str, ...]
    dns: tuple[str, ...]
    ips: tuple[IPv4Address | IPv6Address, ...]
    not_before: float
    not_after: float
    for_clients: bool


def read_certificate(data: bytes) -> Certificate:
    """One certificate, PEM or DER."""
    _check_size(data, "certificate")
    try:
        load = x509.load_pem_x509_certificate if _PEM in data else x509.load_der_x509_certificate
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)  # what RFC 5280 forbids, such as a serial below one
            certificate = load(data)
            _check_key(certificate.public_key())
            return _told(certificate)
    except _Weak as reason:
        raise ValueError(str(reason)) from None
    except _UNREADABLE:
        raise ValueError("this is no certificate that can be read: give one X.509 certificate, PEM or DER") from None


def read_request(data: bytes) -> bytes:
    """The public key (SubjectPublicKeyInfo in DER) of a request that is signed with it, PEM or DER."""
    _check_size(data, "request")
    try:
        load = x509.load_pem_x509_csr if _PEM in data else x509.load_der_x509_csr
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            request = load(data)
        key = request.public_key()
        _check_key(key)
        if isinstance(request.signature_hash_algorithm, hashes.MD5 | hashes.SHA1):
            raise _Weak("the request is signed with a hash that is broken; make it with SHA-256")
        genuine = request.is_signature_valid
        public = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except _Weak as reason:
        raise ValueError(str(reason)) from None
    except _UNREADABLE:
        raise ValueError("this is no request that can be read: give a certificate signing request (PKCS #10), PEM or DER") from None
    if not genuine:
        raise ValueError("the request is not signed by the key that it names; make it anew")
    return public


def serial_text(number: int) -> str:
    """As openssl writes it, but in lower case: hex of even length, no more of it than need be."""
    text = f"{number:x}"
    return text.zfill(len(text) + len(text) % 2)


def to_pem(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()


class _Weak(Exception):
    pass


def _check_size(data: bytes, what: str) -> None:
    if len(data) > LARGEST:
        raise ValueError(f"a {what} has at most 64 KiB")


def _check_key(key: object) -> None:
    fine = (
        isinstance(key, ed25519.Ed25519PublicKey)
        or (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES)
        or (isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 8192 and key.public_numbers().e == 65537)
    )
    if not fine:
        raise _Weak(_KEYS)


def _told(certificate: x509.Certificate) -> Certificate:
    extensions = certificate.extensions
    names = next((each.value for each in extensions if isinstance(each.value, x509.SubjectAlternativeName)), None)
    usage = next((each.value for each in extensions if isinstance(each.value, x509.ExtendedKeyUsage)), None)
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Certificate(
        der=certificate.public_bytes(Encoding.DER),
        serial=serial_text(certificate.serial_number),
        subject=certificate.subject.rfc4514_string(),
        common_name=str(common[0].value) if common else None,
        uris=tuple(names.get_values_for_type(x509.UniformResourceIdentifier)) if names else (),
        dns=tuple(names.get_values_for_type(x509.DNSName)) if names else (),
        ips=tuple(each for each in names.get_values_for_type(x509.IPAddress) if isinstance(each, IPv4Address | IPv6Address))
        if names
        else (),
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
        for_clients=usage is None or ExtendedKeyUsageOID.CLIENT_AUTH in usage or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage,
    )
