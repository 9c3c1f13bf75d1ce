"""Is this certificate of the subject that a client registered (RFC 8705 section 2.1.2)? One name, compared by its own rule.

tls_client_auth_subject_dn  as RFC 4514 writes it; compared RDN by RDN (distinguishedNameMatch, RFC 4517 section 4.2.15)
tls_client_auth_san_dns     letter case aside; no wildcards
tls_client_auth_san_uri     byte for byte
tls_client_auth_san_ip      as an address
tls_client_auth_san_email   the host's letter case aside
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

_Dn = tuple[frozenset[tuple[str, str]], ...]
_LONGEST: Final = 1024
_DNS: Final = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")
_EMAIL: Final = re.compile(r"[\x21-\x3f\x41-\x7e]{1,64}@[A-Za-z0-9.-]{1,253}")


def canonical(kind: str, value: str) -> object:
    """The registered value in the form in which two of them are compared. Raises ValueError with the mend."""
    if not 0 < len(value) <= _LONGEST:
        raise ValueError(f"{kind} has 1 to {_LONGEST} characters")
    return _read(kind, value)


@lru_cache(maxsize=1024)
def _read(kind: str, value: str) -> object:
    return _READ[kind](value)


def is_of(der: bytes, kind: str, value: str) -> bool:
    """Whether the certificate bears the name. False for one that cannot be read."""
    wanted = canonical(kind, value)
    try:
        return wanted in _names(x509.load_der_x509_certificate(der), kind)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False


def _names(certificate: x509.Certificate, kind: str) -> list[object]:
    if kind == "tls_client_auth_subject_dn":
        return [_dn(certificate.subject)] if certificate.subject.rdns else []
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    if kind == "tls_client_auth_san_dns":
        return [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    if kind == "tls_client_auth_san_uri":
        return list(names.get_values_for_type(x509.UniformResourceIdentifier))
    if kind == "tls_client_auth_san_ip":
        return list(names.get_values_for_type(x509.IPAddress))
    return [_email(name) for name in names.get_values_for_type(x509.RFC822Name)]


def _dn(name: x509.Name) -> _Dn:
    """RDNs in their order, the attributes of one in any (RFC 4517 section 4.2.15); values as caseIgnoreMatch sees them."""
    return tuple(frozenset((part.oid.dotted_string, _prepared(part.value)) for part in rdn) for rdn in name.rdns)


def _prepared(value: str | bytes) -> str:
    """RFC 4518 section 2, as far as it changes what people write: NFKC, letter case, insignificant spaces."""
    if isinstance(value, bytes):
        return value.hex()
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold()).split())


def _read_dn(value: str) -> _Dn:
    try:
        name = x509.Name.from_rfc4514_string(value, {"emailAddress": x509.NameOID.EMAIL_ADDRESS, "E": x509.NameOID.EMAIL_ADDRESS})
    except ValueError:
        raise ValueError("a subject is written as in RFC 4514, most specific first: CN=till,OU=Shops,O=Example,C=DE") from None
    if not name.rdns:
        raise ValueError("a subject without a name is nobody's")
    return _dn(name)


def _read_dns(value: str) -> str:
    folded = value.lower()
    if not _DNS.fullmatch(folded):
        raise ValueError("a DNS name is written like till.example, without wildcards")
    return folded


def _read_uri(value: str) -> str:
    if not _URI.fullmatch(value):
        raise ValueError("a URI is absolute, such as spiffe://example.org/till")
    return value


def _read_ip(value: str) -> object:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        raise ValueError("an address is written like 192.0.2.1 or 2001:db8::1") from None


def _read_email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise ValueError("an e-mail address is written like till@example.org")
    return _email(value)


def _email(value: str) -> str:
    name, _, host = value.rpartition("@")
    return f"{name}@{host.lower()}"


_READ: Final[dict[str, Callable[[str], object]]] = {
    "tls_client_auth_subject_dn": _read_dn,
    "tls_client_auth_san_dns": _read_dns,
    "tls_client_auth_san_uri": _read_uri,
    "tls_client_auth_san_ip": _read_ip,
    "tls_client_auth_san_email": _read_email,
}
