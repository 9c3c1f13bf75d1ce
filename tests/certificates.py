"""Certificates for tests: authorities and leaves with whatever is asked of them, made by `cryptography`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = 1_800_000_000.0
DAY = 86400.0
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
Extension = tuple[x509.ExtensionType, bool]


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


def usage(**words: bool) -> x509.KeyUsage:
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign")
    return x509.KeyUsage(**{each: words.get(each, False) for each in (*every, "crl_sign", "encipher_only", "decipher_only")})


@dataclass(frozen=True)
class Made:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def write(self, folder: Path, stem: str, *above: "Made") -> tuple[Path, Path]:
        """Certificate (with those above it) and key."""
        certificate, key = folder / f"{stem}.pem", folder / f"{stem}.key"
        certificate.write_bytes(b"".join(each.pem for each in (self, *above)))
        key.write_bytes(self.key_pem)
        return certificate, key


def signed(
    subject: str,
    issuer: Made | None,
    extensions: Sequence[Extension],
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    begins: float = NOW - DAY,
    ends: float = NOW + 30 * DAY,
    serial: int | None = None,
) -> Made:
    key = key or ec.generate_private_key(ec.SECP256R1())
    above = issuer.certificate.subject if issuer is not None else name(subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(at(begins))
        .not_valid_after(at(ends))
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return Made(builder.sign(issuer.key if issuer is not None else key, hashes.SHA256()), key)


def authority(
    subject: str = "Test CA", issuer: Made | None = None, *, length: int | None = None, extensions: Sequence[Extension] = (), **times: float
) -> Made:
    key = ec.generate_private_key(ec.SECP256R1())
    base: list[Extension] = [
        (x509.BasicConstraints(ca=True, path_length=length), True),
        (usage(key_cert_sign=True, crl_sign=True), True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ]
    if issuer is not None:
        base.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False))
    return signed(subject, issuer, [*base, *extensions], key=key, **times)  # type: ignore[arg-type]


def leaf(
    issuer: Made | None,
    *,
    uris: Sequence[str] = (),
    dns: Sequence[str] = (),
    common_name: str = "till",
    purposes: Sequence[x509.ObjectIdentifier] | None = (CLIENT,),
    extensions: Sequence[Extension] = (),
    **more: float,
) -> Made:
    base: list[Extension] = list(extensions)
    names = [x509.UniformResourceIdentifier(uri) for uri in uris] + [x509.DNSName(host) for host in dns]
    if names:
        base.append((x509.SubjectAlternativeName(names), False))
    if purposes is not None:
        base.append((x509.ExtendedKeyUsage(purposes), False))
    return signed(common_name, issuer, base, **more)  # type: ignore[arg-type]


def revocation_list(
    issuer: Made,
    serials: Sequence[int] = (),
    *,
    begins: float = NOW - DAY,
    ends: float | None = NOW + DAY,
    subject: str | None = None,
    extensions: Sequence[Extension] = (),
) -> bytes:
    """PEM. `subject`: the issuer that it claims."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(name(subject) if subject else issuer.certificate.subject)
    builder = builder.last_update(at(begins)).next_update(at(ends if ends is not None else begins) + timedelta(seconds=0))
    for serial in serials:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at(begins)).build()
        )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM)
