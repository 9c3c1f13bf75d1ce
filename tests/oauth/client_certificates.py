"""Certificates as clients show them: of an authority, or signed by themselves; good around the tests' NOW."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from doorward.crypto.client_chain import ClientTrust
from doorward.crypto.revocation_list import RevocationLists
from tests.methods.place import NOW

AT = datetime.fromtimestamp(NOW, UTC)
TILL = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example, Inc"),
        x509.NameAttribute(NameOID.COMMON_NAME, "till"),
    ]
)


@dataclass(frozen=True)
class Root:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def trust(self) -> ClientTrust:
        return ClientTrust({"root.pem": [self.certificate]}, RevocationLists(), {})


def a_root(name: str = "root") -> Root:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key, 10).add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return Root(builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()), key)


def a_leaf(
    root: Root | None = None,
    *names: x509.GeneralName,
    subject: x509.Name = TILL,
    days: int = 1,
    usages: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
) -> bytes:
    """DER; signed by itself without a root. Fewer than nought days: it has expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(subject, root.certificate.subject if root else subject, key, days)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(root.key if root else key, hashes.SHA256()).public_bytes(Encoding.DER)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(AT - timedelta(days=5))
        .not_valid_after(AT + timedelta(days=days))
    )
