"""A certificate authority's key at work: its own certificate, those it signs, its lists of revoked ones (RFC 5280).

Everything in a certificate comes from `Leaf`; of what a caller brings only the public key is taken. The key itself is
sealed at rest and open in memory only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from doorward.core.authority import Authority
from doorward.core.clock import Entropy
from doorward.core.secret import Secret
from doorward.crypto.certificate_reading import serial_text
from doorward.crypto.seal import SealBroken, Sealer

PURPOSE: Final = "ca_key"
SKEW: Final = 300.0
"""What is signed holds this long before now already: clocks differ."""
_NAMED: Final = 64
"""A common name has at most so many characters (RFC 5280 appendix A.1, ub-common-name)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What a certificate shall say. At least one name of some kind. `address`: the URL under which the authority is served."""

    serial: str
    common_name: str | None
    uris: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    ips: tuple[IPv4Address | IPv6Address, ...] = ()
    client: bool
    server: bool
    not_before: float
    not_after: float
    address: str | None = None


@dataclass(frozen=True, slots=True)
class RevokedCertificate:
    """`ceased`: whom it named is no more (reason cessationOfOperation); else no reason is told (RFC 5280 section 5.3.1)."""

    serial: str
    at: float
    ceased: bool = False


class Signer:
    """The authority, opened."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate, self._key = certificate, key
        ski = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        self._key_id = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)

    def certificate(self, leaf: Leaf, public: bytes) -> bytes:
        """DER, for this public key (SubjectPublicKeyInfo in DER)."""
        key = load_der_public_key(public)
        subject = x509.Name([] if leaf.common_name is None else [x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)])
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH] * leaf.client + [ExtendedKeyUsageOID.SERVER_AUTH] * leaf.server
        builder = (
            _begun(leaf.serial, subject, self._certificate.subject, leaf.not_before, leaf.not_after)
            .public_key(key)  # type: ignore[arg-type]  # certificate_request and new_key give what certificates can hold
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)  # type: ignore[arg-type]
            .add_extension(self._key_id, critical=False)
        )
        if names := _names(leaf):
            # RFC 5280 section 4.2.1.6: critical where the subject is empty.
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=leaf.common_name is None)
        if leaf.address is not None:
            builder = _with_places(builder, leaf.address)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.DER)

    def revocation_list(self, revoked: Sequence[RevokedCertificate], *, number: int, this_update: float, next_update: float) -> bytes:
        """DER (RFC 5280 section 5): every revoked certificate, with number and the authority's key id."""
        # The builder's own way to add one copies all those before it: a long list would take quadratic time.
        entries = [_entry(each) for each in revoked]
        builder = (
            x509.CertificateRevocationListBuilder(self._certificate.subject, revoked_certificates=entries)
            .last_update(_at(this_update))
            .next_update(_at(next_update))
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(self._key_id, critical=False)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.DER)

    def is_own_key(self, public: bytes) -> bool:
        return public == self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def new_authority(
    name: str, *, sealer: Sealer, entropy: Entropy, now: float, expires_at: float, domains: tuple[str, ...] = ()
) -> Authority:
    """ECDSA P-256, signed by itself; it may sign certificates of ends only (path length 0)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject, serial = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), new_serial(entropy)
    builder = (
        _begun(serial, subject, subject, now - SKEW, expires_at)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if domains:
        # RFC 5280 section 4.2.1.10. Of DNS names only: `cryptography`'s verifier takes no constraint on URIs, so that SPIFFE
        # IDs are held to the domains where they are signed (`pki.profile.check_within`).
        permitted = [x509.DNSName(domain) for domain in domains]
        builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Authority(
        serial=serial,
        certificate=builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER),
        sealed=sealer.seal(plain, PURPOSE, serial),
        sealed_by=sealer.current,
        created_at=now,
        expires_at=float(int(expires_at)),
        domains=domains,
    )


def open_authority(authority: Authority, sealer: Sealer) -> Signer:
    """Raises SealBroken, also where the key is not that of the certificate."""
    plain = sealer.open(authority.sealed, authority.sealed_by, PURPOSE, authority.serial)
    key, certificate = load_der_private_key(plain, None), x509.load_der_x509_certificate(authority.certificate)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise SealBroken(f"the key of the authority {authority.serial} is not the one of its certificate")
    return Signer(certificate, key)


def new_serial(entropy: Entropy) -> str:
    """159 random bits: positive, and no longer than 20 octets (RFC 5280 section 4.1.2.2)."""
    return serial_text(int.from_bytes(entropy(20), "big") >> 1 or 1)


def new_key() -> tuple[bytes, Secret]:
    """A key pair, ECDSA P-256: the public half in DER, the private one as PEM (PKCS #8)."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), Secret(private.decode())


def common_name(name: str) -> str | None:
    return name if len(name) <= _NAMED else None


def _begun(serial: str, subject: x509.Name, issuer: x509.Name, begin: float, end: float) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .serial_number(int(serial, 16))
        .subject_name(subject)
        .issuer_name(issuer)
        .not_valid_before(_at(begin))
        .not_valid_after(_at(end))
    )


def _at(moment: float) -> datetime:
    """Whole seconds (RFC 5280 section 4.1.2.5)."""
    return datetime.fromtimestamp(int(moment), UTC)


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _names(leaf: Leaf) -> list[x509.GeneralName]:
    return [
        *map(x509.UniformResourceIdentifier, leaf.uris),
        *map(x509.DNSName, leaf.dns),
        *map(x509.IPAddress, leaf.ips),
    ]


def _with_places(builder: x509.CertificateBuilder, address: str) -> x509.CertificateBuilder:
    """Where the list of revoked ones and the authority's certificate are (RFC 5280 sections 4.2.1.13 and 4.2.2.1)."""
    crl, ca = (x509.UniformResourceIdentifier(address + path) for path in ("/ca/crl", "/ca/ca.cer"))
    point = x509.DistributionPoint([crl], relative_name=None, reasons=None, crl_issuer=None)
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, ca)
    return builder.add_extension(x509.CRLDistributionPoints([point]), critical=False).add_extension(
        x509.AuthorityInformationAccess([access]), critical=False
    )


def _entry(revoked: RevokedCertificate) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(int(revoked.serial, 16)).revocation_date(_at(revoked.at))
    if revoked.ceased:
        builder = builder.add_extension(x509.CRLReason(x509.ReasonFlags.cessation_of_operation), critical=False)
    return builder.build()
