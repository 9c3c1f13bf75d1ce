"""Names of certificates compared: RFC 8705 section 2.1.2, RFC 4514, RFC 4517 section 4.2.15."""

from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.client import TLS_SUBJECTS
from doorward.crypto.certificate_subject import canonical, is_of
from tests.oauth.client_certificates import TILL, a_leaf

DN, DNS, URI, IP, EMAIL = TLS_SUBJECTS
NAMED = a_leaf(
    None,
    x509.DNSName("Till.example"),
    x509.DNSName("*.wild.example"),
    x509.UniformResourceIdentifier("https://till.example/A"),
    x509.IPAddress(ip_address("192.0.2.1")),
    x509.IPAddress(ip_address("2001:db8::1")),
    x509.RFC822Name("Till@Example.org"),
)


@pytest.mark.rfc("8705", "2.1.2")
@pytest.mark.parametrize(
    ("kind", "value", "same"),
    [
        (DN, "CN=till,O=Example\\, Inc,C=DE", True),
        (DN, "cn=TILL, O=example\\,  inc, C=de", False),
        (DN, "CN=TILL,O=example\\,  inc,C=de", True),
        (DN, "2.5.4.3=till,O=Example\\2C Inc,C=DE", True),
        (DN, "C=DE,O=Example\\, Inc,CN=till", False),
        (DN, "CN=till,O=Example\\, Inc", False),
        (DN, "CN=till,OU=x,O=Example\\, Inc,C=DE", False),
        (DN, "CN=till+O=Example\\, Inc,C=DE", False),
        (DN, "CN=till", False),
        (DNS, "till.example", True),
        (DNS, "TILL.EXAMPLE", True),
        (DNS, "a.wild.example", False),
        (DNS, "example", False),
        (URI, "https://till.example/A", True),
        (URI, "https://till.example/a", False),
        (URI, "https://TILL.example/A", False),
        (IP, "192.0.2.1", True),
        (IP, "2001:DB8:0::1", True),
        (IP, "192.0.2.2", False),
        (EMAIL, "Till@example.ORG", True),
        (EMAIL, "till@example.org", False),
    ],
)
def test_a_name_is_compared_by_its_own_rule(kind: str, value: str, same: bool) -> None:
    try:
        assert is_of(NAMED, kind, value) is same
    except ValueError:
        assert not same


def test_a_common_name_is_no_dns_name_and_a_certificate_without_names_has_none() -> None:
    common = a_leaf(None, subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "till.example")]))
    assert not is_of(common, DNS, "till.example")
    assert not is_of(a_leaf(None, subject=x509.Name([])), DN, "CN=till")
    twofold = x509.Name([x509.RelativeDistinguishedName([*TILL.rdns[0], *TILL.rdns[2]]), TILL.rdns[1]])
    leaf = a_leaf(None, subject=twofold)
    assert is_of(leaf, DN, "O=Example\\, Inc,CN=till+C=DE")
    assert is_of(leaf, DN, "O=Example\\, Inc,C=DE+CN=till"), "the order within one RDN does not count (RFC 4517)"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((kind, "") for kind in TLS_SUBJECTS),
        *((kind, "x" * 1025) for kind in TLS_SUBJECTS),
        (DN, "till"), (DN, "/C=DE/CN=till"), (DN, "CN=a,,O=b"), (DN, "CN=\\zz"), (DN, "FOO=a"), (DN, ","),
        (DNS, "*.example"), (DNS, "a b"), (DNS, "-a.example"), (DNS, "a..b"), (DNS, "ä.example"), (DNS, "a." * 200),
        (URI, "till"), (URI, "https://a b"), (URI, "spiffe:"), (URI, "https://ä"),
        (IP, "192.0.2.1/24"), (IP, "192.0.2"), (IP, "::1%eth0x" * 3), (IP, "0x7f.1"),
        (EMAIL, "till"), (EMAIL, "a@b@c"), (EMAIL, "a b@c"), (EMAIL, "@c"),
    ],
)  # fmt: skip
def test_a_name_that_nobody_can_bear_is_a_mistake(kind: str, value: str) -> None:
    with pytest.raises(ValueError):
        canonical(kind, value)


@given(kind=st.sampled_from(TLS_SUBJECTS), value=st.text(max_size=80))
def test_any_text_is_a_name_or_a_mistake(kind: str, value: str) -> None:
    try:
        canonical(kind, value)
    except ValueError:
        return


@given(der=st.binary(max_size=200), kind=st.sampled_from((DN, DNS)))
def test_any_bytes_are_a_certificate_or_nobodys(der: bytes, kind: str) -> None:
    assert not is_of(der, kind, {DN: "CN=till", DNS: "till.example"}[kind])
