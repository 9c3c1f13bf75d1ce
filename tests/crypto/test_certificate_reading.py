"""crypto/certificate_reading.py: certificates and requests of others, genuine, weak, cut and mangled."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from doorward.crypto.certificate_reading import LARGEST, read_certificate, read_request, to_pem

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "asked for")])
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
FINE: dict[str, Callable[[], Any]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
}
WEAK: dict[str, Callable[[], Any]] = {
    "rsa1024": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 - to be refused
    "rsa e=3": lambda: rsa.generate_private_key(3, 2048),
    "p224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "brainpool": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
    "dsa": lambda: dsa.generate_private_key(2048),
    "ed448": ed448.Ed448PrivateKey.generate,
}


@lru_cache
def key(kind: str) -> Any:
    return (FINE | WEAK)[kind]()


def request(kind: str, encoding: serialization.Encoding = PEM) -> bytes:
    private = key(kind)
    hash = None if isinstance(private, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()
    builder = x509.CertificateSigningRequestBuilder().subject_name(NAME)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(private, hash).public_bytes(encoding)


def certificate(kind: str, *extensions: x509.ExtensionType) -> bytes:
    private = key(kind)
    builder = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .serial_number(0xABC)
        .public_key(private.public_key())
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + timedelta(days=1))
    )
    for each in extensions:
        builder = builder.add_extension(each, critical=False)
    plain = isinstance(private, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return builder.sign(private, None if plain else hashes.SHA256()).public_bytes(DER)


@pytest.mark.parametrize("kind", FINE)
@pytest.mark.parametrize("encoding", [PEM, DER])
def test_of_a_request_the_key_is_taken(kind: str, encoding: serialization.Encoding) -> None:
    wanted = key(kind).public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert read_request(request(kind, encoding=encoding)) == wanted


@pytest.mark.parametrize("kind", WEAK)
def test_a_weak_key_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="the key must be"):
        read_request(request(kind))
    with pytest.raises(ValueError, match="the key must be"):
        read_certificate(certificate(kind))


@pytest.mark.rfc("2986", "4.2")
def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    genuine = bytearray(request("p256", encoding=DER))
    other = x509.CertificateSigningRequestBuilder().subject_name(NAME).sign(key("p384"), hashes.SHA256())
    swapped = bytes(genuine).replace(b"asked for", b"taken for")
    with pytest.raises(ValueError, match="not signed by the key"):
        read_request(swapped)
    assert read_request(other.public_bytes(DER)) != read_request(bytes(genuine))


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_request_with_a_changed_byte_is_refused_or_names_the_same_key(place: int, change: int) -> None:
    genuine = request("p256", encoding=DER)
    spoilt = bytearray(genuine)
    spoilt[place % len(spoilt)] ^= change
    try:
        found = read_request(bytes(spoilt))
    except ValueError as reason:
        assert len(str(reason)) < 200
        return
    assert found == read_request(genuine), "only what is not signed may differ"


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: b"-----BEGIN CERTIFICATE REQUEST-----\n" + data))
def test_any_bytes_are_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(ValueError, match="PEM or DER"):
        read_request(data)
    with pytest.raises(ValueError, match="PEM or DER"):
        read_certificate(data)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_certificate_with_a_changed_byte_is_read_or_refused(place: int, change: int) -> None:
    spoilt = bytearray(certificate("p256", x509.SubjectAlternativeName([x509.DNSName("a.example")])))
    spoilt[place % len(spoilt)] ^= change
    try:
        found = read_certificate(bytes(spoilt))
    except ValueError as reason:
        assert len(str(reason)) < 200
        return
    assert found.der == bytes(spoilt)


def test_more_than_64_kib_are_not_looked_at() -> None:
    for read in (read_request, read_certificate):
        with pytest.raises(ValueError, match="64 KiB"):
            read(b"-----BEGIN " + b"x" * LARGEST)


def test_what_a_certificate_says_is_told() -> None:
    names = [x509.DNSName("a.example"), x509.UniformResourceIdentifier("spiffe://b.example/c")]
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    found = read_certificate(to_pem(certificate("p256", x509.SubjectAlternativeName(names), usage)).encode())
    assert (found.serial, found.subject, found.common_name) == ("0abc", "CN=asked for", "asked for")
    assert (found.dns, found.uris, found.for_clients) == (("a.example",), ("spiffe://b.example/c",), False)
    assert (found.not_before, found.not_after) == (BEGIN.timestamp(), BEGIN.timestamp() + 86400)
    assert read_certificate(certificate("ed25519")).for_clients
