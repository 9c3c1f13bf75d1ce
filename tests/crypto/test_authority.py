"""crypto/authority.py: what it signs is what openssl, gnutls and `cryptography`'s own verifier take, and no more than it was told."""

import os
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, VerificationError
from cryptography.x509.verification import Store as Trusted

from doorward.core.authority import Authority
from doorward.crypto.authority import Leaf, RevokedCertificate, Signer, new_authority, new_key, new_serial, open_authority
from doorward.crypto.certificate_reading import to_pem
from doorward.crypto.seal import SealBroken, Sealer
from tests.methods.place import NOW
from tests.pki.certificates import openssl

SEALER = Sealer({"s1": b"1" * 32}, "s1", os.urandom)
DAY = 86400.0
LEAF = Leaf(
    serial="0" * 37 + "abc",
    common_name="orders",
    uris=("spiffe://example.org/orders",),
    dns=("orders.example.org",),
    ips=(ip_address("192.0.2.1"), ip_address("2001:db8::1")),
    client=True,
    server=True,
    not_before=NOW - 300,
    not_after=NOW + DAY,
    address="https://door.example",
)


def authority(*domains: str) -> Authority:
    return new_authority("a CA", sealer=SEALER, entropy=os.urandom, now=NOW, expires_at=NOW + 3650 * DAY, domains=domains)


def signed(made: Authority, leaf: Leaf = LEAF) -> x509.Certificate:
    return x509.load_der_x509_certificate(open_authority(made, SEALER).certificate(leaf, new_key()[0]))


def files(folder: Path, made: Authority, leaf: x509.Certificate) -> tuple[Path, Path]:
    (folder / "ca.pem").write_text(to_pem(made.certificate))
    (folder / "cert.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    return folder / "ca.pem", folder / "cert.pem"


@pytest.mark.rfc("5280", "4.2")
def test_a_root_says_what_a_root_says() -> None:
    root = x509.load_der_x509_certificate(authority().certificate)
    basic = root.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = root.extensions.get_extension_for_class(x509.KeyUsage)
    assert (basic.critical, basic.value) == (True, x509.BasicConstraints(ca=True, path_length=0))
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign, usage.value.digital_signature) == (True, True, True, False)
    assert root.issuer == root.subject
    root.verify_directly_issued_by(root)
    key = root.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"


@pytest.mark.rfc("5280", "4.2")
def test_a_leaf_says_what_it_was_told_and_nothing_else() -> None:
    made = authority()
    leaf = signed(made)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert (leaf.serial_number, leaf.version) == (0xABC, x509.Version.v3)
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://example.org/orders"]
    assert names.value.get_values_for_type(x509.IPAddress) == [ip_address("192.0.2.1"), ip_address("2001:db8::1")]
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert (usage.critical, usage.value.digital_signature, usage.value.key_cert_sign) == (True, True, False)
    point = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0].full_name
    assert point == [x509.UniformResourceIdentifier("https://door.example/ca/crl")]
    assert leaf.not_valid_before_utc == datetime.fromtimestamp(NOW - 300, UTC)
    root = x509.load_der_x509_certificate(made.certificate)
    leaf.verify_directly_issued_by(root)
    own = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert own == root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


@pytest.mark.rfc("5280", "4.2.1.6")
@pytest.mark.rfc("5280", "4.2.1.12")
def test_an_empty_subject_makes_the_names_critical_and_a_usage_is_only_what_was_asked_for() -> None:
    leaf = signed(authority(), replace(LEAF, common_name=None, server=False, address=None))
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints)


@pytest.mark.parametrize("domains", [(), ("example.org",)])
@pytest.mark.parametrize("named", [True, False])
def test_openssl_verifies_it_strictly(tmp_path: Path, domains: tuple[str, ...], *, named: bool) -> None:
    made = authority(*domains)
    ca, cert = files(tmp_path, made, signed(made, LEAF if named else replace(LEAF, common_name=None)))
    for purpose in ("sslclient", "sslserver"):
        openssl("verify", "-x509_strict", "-attime", int(NOW), "-CAfile", ca, "-purpose", purpose, cert)
    openssl("verify", "-attime", int(NOW), "-CAfile", ca, "-verify_hostname", "orders.example.org", cert)


@pytest.mark.parametrize("domains", [(), ("example.org",)])
def test_gnutls_verifies_it_today(tmp_path: Path, domains: tuple[str, ...]) -> None:
    now = time.time()
    made = new_authority("a CA", sealer=SEALER, entropy=os.urandom, now=now, expires_at=now + DAY, domains=domains)
    ca, cert = files(tmp_path, made, signed(made, replace(LEAF, not_before=now - 60, not_after=now + 3600)))
    words = ["certtool", "--verify", "--verify-profile", "medium", "--load-ca-certificate", str(ca), "--infile", str(cert)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert "Verified. The certificate is trusted." in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("domains", [(), ("example.org",)])
def test_cryptographys_own_verifier_takes_it(domains: tuple[str, ...]) -> None:
    made = authority(*domains)
    root = x509.load_der_x509_certificate(made.certificate)
    found = PolicyBuilder().store(Trusted([root])).time(datetime.fromtimestamp(NOW, UTC)).build_client_verifier().verify(signed(made), [])
    assert len(found.chain) == 2


@pytest.mark.rfc("5280", "4.2.1.10")
@pytest.mark.parametrize("names", [{"dns": ("orders.example.net",)}, {"dns": ("badexample.org",)}])
def test_what_lies_outside_of_its_domains_is_not_believed_even_if_it_was_signed(tmp_path: Path, names: dict[str, tuple[str, ...]]) -> None:
    made = authority("example.org")
    ca, cert = files(tmp_path, made, signed(made, replace(LEAF, **names)))  # type: ignore[arg-type]
    done = subprocess.run(["openssl", "verify", "-attime", str(int(NOW)), "-CAfile", ca, cert], capture_output=True, text=True)
    assert "permitted subtree violation" in done.stderr


def test_a_certificate_of_an_end_signs_no_other() -> None:
    made = authority()
    root, leaf = x509.load_der_x509_certificate(made.certificate), signed(made)
    end = replace(made, certificate=leaf.public_bytes(Encoding.DER))
    key = ec.generate_private_key(ec.SECP256R1())
    below = Signer(x509.load_der_x509_certificate(end.certificate), key).certificate(LEAF, new_key()[0])
    verifier = PolicyBuilder().store(Trusted([root])).time(datetime.fromtimestamp(NOW, UTC)).build_client_verifier()
    with pytest.raises(VerificationError):
        verifier.verify(x509.load_der_x509_certificate(below), [leaf])


@pytest.mark.rfc("5280", "4.1.2.2")
def test_serial_numbers_are_positive_random_and_at_most_20_octets() -> None:
    drawn = {new_serial(os.urandom) for _ in range(1000)}
    assert len(drawn) == 1000
    assert all(len(each) <= 40 and 0 < int(each, 16) < 1 << 159 for each in drawn)
    assert int(new_serial(bytes), 16) == 1, "never nought"
    assert int(new_serial(lambda count: b"\xff" * count), 16) == (1 << 159) - 1


def test_the_key_opens_with_its_serial_only_and_is_nowhere_in_clear() -> None:
    made, other = authority(), authority()
    for wrong in (replace(made, serial=other.serial), replace(made, sealed=other.sealed), replace(made, sealed=made.sealed[:-1])):
        with pytest.raises(SealBroken):
            open_authority(wrong, SEALER)
    with pytest.raises(SealBroken, match="not the one of its certificate"):
        open_authority(replace(made, certificate=other.certificate), SEALER)
    assert "PRIVATE KEY" not in repr(open_authority(made, SEALER)) + made.text()


@pytest.mark.rfc("5280", "5.2")
@pytest.mark.rfc("5280", "5.3.1")
def test_openssl_reads_the_list_and_refuses_what_is_on_it(tmp_path: Path) -> None:
    made = authority()
    ca, cert = files(tmp_path, made, signed(made))
    signer = open_authority(made, SEALER)
    ceased = RevokedCertificate("f" * 39, NOW - 5, ceased=True)
    for number, revoked in enumerate(([], [ceased, RevokedCertificate(LEAF.serial, NOW - 10)]), start=1):
        der = signer.revocation_list(revoked, number=number, this_update=NOW - 60, next_update=NOW + 3600)
        said = openssl("crl", "-inform", "DER", "-noout", "-text", "-CAfile", ca, stdin=der)
        (tmp_path / "crl.pem").write_text(openssl("crl", "-inform", "DER", stdin=der))
        words = ["openssl", "verify", "-attime", str(int(NOW)), "-x509_strict", "-crl_check", "-CRLfile", str(tmp_path / "crl.pem")]
        done = subprocess.run([*words, "-CAfile", ca, cert], capture_output=True, text=True)
        assert ("certificate revoked" in done.stderr) == bool(revoked), done.stderr
        assert (done.returncode == 0) == (not revoked)
    assert "CRL Number: \n                2" in said
    assert "Cessation Of Operation" in said
    assert said.count("CRL Reason Code") == 1, "no reason is told where none is known"


def test_a_long_list_takes_no_quadratic_time() -> None:
    signer = open_authority(authority(), SEALER)
    many = [RevokedCertificate(f"{number:040x}", NOW) for number in range(1, 20_001)]
    der = signer.revocation_list(many, number=1, this_update=NOW, next_update=NOW + 1)
    assert len(x509.load_der_x509_crl(der)) == 20_000
