"""web/client_cert.py, xfcc.py: what listed proxies tell of a certificate, each in its way, and every way to tell it wrongly."""

import base64
import hashlib
import textwrap
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.core.presented import Presented
from doorward.core.request import Headers
from doorward.web.arrival import only_ours
from doorward.web.client_cert import CertificateOptions, Certificates, read_pem
from doorward.web.proxy import Proxies
from doorward.web.xfcc import rightmost
from tests.certificates import Made, authority, leaf
from tests.crypto.vectors import read

CA = authority()
ONE, TWO = leaf(CA), leaf(CA)
EVERY = CertificateOptions().proxy_headers
FAMILIES: dict[str, Callable[[Made], str]] = {
    "client-cert": lambda made: f":{b64(made)}:",
    "x-forwarded-client-cert": lambda made: f'By=spiffe://a;Cert="{quote(made.pem.decode(), safe="")}";Subject="CN=\\"x\\""',
    "x-ssl-client-cert": lambda made: quote(made.pem.decode(), safe=""),
    "ssl-client-cert": lambda made: quote(made.pem.decode(), safe=""),
    "x-amzn-mtls-clientcert": lambda made: quote(made.pem.decode(), safe="+=/"),
    "x-forwarded-tls-client-cert": lambda made: b64(made),
}


def b64(made: Made) -> str:
    return base64.b64encode(made.der).decode()


def told(*fields: tuple[str, str], **options: Any) -> Presented | None:
    headers = Headers([(name.lower().encode(), value.encode("latin-1")) for name, value in fields])
    return Certificates(CertificateOptions(**options)).told(headers)


def why(*fields: tuple[str, str], **options: Any) -> Why:
    with pytest.raises(Refused) as caught:
        told(*fields, **options)
    return caught.value.why


@pytest.mark.parametrize("name", EVERY)
def test_each_family_tells_the_certificate(name: str) -> None:
    found = told((name, FAMILIES[name](ONE)))
    assert found == Presented((ONE.der,), name)


@pytest.mark.rfc("9440", "2")
def test_the_worked_example_of_rfc_9440() -> None:
    texts = [each["text"] for each in read("rfc9440-client-cert/examples.json")]
    pem, fields = texts[0], [text.replace("\n ", "").partition(": ") for text in texts[1:3]]
    found = told(*[(name, value) for name, _, value in fields])
    assert found is not None
    assert found.chain == read_pem(pem)
    assert len(found.chain) == 3


@pytest.mark.rfc("9440", "2.3")
def test_a_chain_may_come_in_several_fields_but_not_without_the_leaf() -> None:
    parts = [("Client-Cert-Chain", f":{b64(CA)}:"), ("Client-Cert-Chain", f":{b64(TWO)}: , :{b64(ONE)}:")]
    found = told(("Client-Cert", f":{b64(ONE)}:"), *parts)
    assert found is not None
    assert found.chain == (ONE.der, CA.der, TWO.der, ONE.der)
    assert why(("Client-Cert", ""), *parts) is Why.MALFORMED


@pytest.mark.rfc("9440", "2.2")
@pytest.mark.parametrize(
    "value", ["x", ":", ":=:", ":A:", f"{b64(ONE)}", f":{b64(ONE)}", f":{b64(ONE)[:-3]}*:", f":{b64(ONE)}:, :{b64(ONE)}:", "::;a"]
)
def test_what_is_no_byte_sequence_is_malformed(value: str) -> None:
    assert why(("Client-Cert", value)) is Why.MALFORMED


@pytest.mark.parametrize("name", ["X-SSL-Client-Cert", "SSL-Client-Cert", "X-Amzn-Mtls-Clientcert", "X-Forwarded-Tls-Client-Cert"])
@pytest.mark.parametrize("text", ["%ff", "-----BEGIN CERTIFICATE-----%ff-----END CERTIFICATE-----", "%c3%28", "%e2%80%a8", "é"])
def test_what_is_percent_encoded_and_no_text_is_malformed(name: str, text: str) -> None:
    assert why((name, text)) is Why.MALFORMED


def test_a_field_that_was_sent_twice_is_refused() -> None:
    for name in EVERY:
        if name != "x-forwarded-client-cert":
            assert why((name, FAMILIES[name](ONE)), (name, FAMILIES[name](ONE))) is Why.SHOWN_TWICE


@pytest.mark.parametrize("first", EVERY)
@pytest.mark.parametrize("second", EVERY)
def test_all_that_are_there_must_speak_of_one_certificate(first: str, second: str) -> None:
    if first == second:
        return
    assert told((first, FAMILIES[first](ONE)), (second, FAMILIES[second](ONE))) == Presented(
        (ONE.der,), min(first, second, key=EVERY.index)
    )
    assert why((first, FAMILIES[first](ONE)), (second, FAMILIES[second](TWO))) is Why.SHOWN_TWICE
    assert why((first, FAMILIES[first](ONE)), (second, "")) is Why.SHOWN_TWICE  # one says: none was shown


@pytest.mark.parametrize("name", EVERY)
def test_empty_means_that_none_was_shown(name: str) -> None:
    assert told((name, "")) is None
    if name == "client-cert":
        assert told((name, "::")) is None


def test_a_family_that_is_not_listed_says_nothing() -> None:
    assert told(("Client-Cert", f":{b64(ONE)}:"), proxy_headers=("x-ssl-client-cert",)) is None
    fields = (("Client-Cert", f":{b64(ONE)}:"), ("X-SSL-Client-Cert", quote(TWO.pem.decode())))
    assert told(*fields, proxy_headers=("x-ssl-client-cert",)) == Presented((TWO.der,), "x-ssl-client-cert")
    assert told(("l5d-client-id", "web.shop")) is None


def test_linkerd_tells_a_name_and_only_where_it_is_listed() -> None:
    assert told(("l5d-client-id", "web.shop"), proxy_headers=("l5d-client-id",)) == Presented((), "l5d-client-id", "web.shop")
    assert why(("l5d-client-id", "web shop"), proxy_headers=("l5d-client-id",)) is Why.MALFORMED


def test_envoy_tells_a_name_without_the_certificate_only_where_that_is_trusted() -> None:
    element = f'By=spiffe://a/b;Hash={"0" * 64};Subject="";URI=spiffe://example.org/orders'
    assert told(("X-Forwarded-Client-Cert", element)) is None
    trusted = told(("X-Forwarded-Client-Cert", element), xfcc="trust_uri")
    assert trusted == Presented((), "x-forwarded-client-cert", "spiffe://example.org/orders")
    assert told(("X-Forwarded-Client-Cert", element + ";URI=spiffe://example.org/b"), xfcc="trust_uri") is None
    for uri in ("admin", "https://example.org/orders", "SPIFFE://example.org/orders", ""):  # a URI of another kind names nobody
        assert told(("X-Forwarded-Client-Cert", f"By=spiffe://a/b;URI={uri}"), xfcc="trust_uri") is None


def test_of_envoys_elements_only_the_rightmost_counts() -> None:
    mine, theirs = FAMILIES["x-forwarded-client-cert"](ONE), FAMILIES["x-forwarded-client-cert"](TWO)
    assert told(("X-Forwarded-Client-Cert", f"{theirs},{mine}")) == Presented((ONE.der,), "x-forwarded-client-cert")
    assert told(("X-Forwarded-Client-Cert", theirs), ("X-Forwarded-Client-Cert", mine)) == Presented((ONE.der,), "x-forwarded-client-cert")
    assert told(("X-Forwarded-Client-Cert", f"{theirs},By=spiffe://a")) is None


@pytest.mark.parametrize("before", ['By="', 'By="\\', "By=a;", "nonsense", '"', "By=a;By=b", "=", "By=a,,", 'Subject="x"y'])
def test_no_beginning_of_the_callers_own_swallows_what_the_proxy_wrote(before: str) -> None:
    element = f'By=spiffe://a;Cert="{quote(ONE.pem.decode(), safe="")}";Subject="CN=a";URI=spiffe://example.org/a'
    assert why(("X-Forwarded-Client-Cert", f"{before},{element}")) is Why.MALFORMED


def test_envoys_hash_and_chain_must_be_of_the_certificate() -> None:
    cert = quote(ONE.pem.decode(), safe="")
    chain = quote((ONE.pem + CA.pem).decode(), safe="")
    digest = hashlib.sha256(ONE.der).hexdigest()
    found = told(("X-Forwarded-Client-Cert", f'Hash={digest};Cert="{cert}";Chain="{chain}"'))
    assert found is not None
    assert found.chain == (ONE.der, CA.der)
    assert told(("X-Forwarded-Client-Cert", f'Chain="{chain}"')) == found
    assert why(("X-Forwarded-Client-Cert", f'Hash={"0" * 64};Cert="{cert}"')) is Why.MALFORMED
    other = quote((TWO.pem + CA.pem).decode(), safe="")
    assert why(("X-Forwarded-Client-Cert", f'Cert="{cert}";Chain="{other}"')) is Why.MALFORMED


def test_pem_with_blanks_or_tabs_for_newlines_is_read() -> None:
    body = textwrap.wrap(b64(ONE), 64)
    for gap in (" ", "\t", " \t"):
        text = gap.join(["-----BEGIN CERTIFICATE-----", *body, "-----END CERTIFICATE-----"])
        assert told(("X-SSL-Client-Cert", text)) == Presented((ONE.der,), "x-ssl-client-cert")
    for text in (
        "-----BEGIN CERTIFICATE-----",
        "x" + ONE.pem.decode().replace("\n", " "),
        "-----BEGIN CERTIFICATE----- -----END CERTIFICATE-----",
    ):
        assert why(("X-SSL-Client-Cert", text)) is Why.MALFORMED


def test_more_certificates_than_a_chain_has_are_malformed() -> None:
    many = ", ".join([f":{b64(CA)[:100]}:"] * 10)
    assert why(("Client-Cert", f":{b64(ONE)}:"), ("Client-Cert-Chain", many)) is Why.MALFORMED
    assert why(("X-Forwarded-Tls-Client-Cert", ",".join(["AAAA"] * 11))) is Why.MALFORMED


@pytest.mark.parametrize("options", [{"proxy_headers": ("x-client-certificate",)}, {"xfcc": "trust"}])
def test_settings_that_are_not_understood_refuse_to_start(options: Any) -> None:
    with pytest.raises(ValueError, match="proxy_headers|xfcc"):
        CertificateOptions(**options)


def test_what_was_read_is_remembered_but_not_without_end() -> None:
    reader = Certificates()
    headers = Headers([(b"client-cert", f":{b64(ONE)}:".encode())])
    assert reader.told(headers) is reader.told(headers)
    for number in range(1500):
        reader.told(Headers([(b"client-cert", b":" + base64.b64encode(b"%d" % number) + b":")]))
    assert len(reader._told) <= 512


def shown(peer: str, *fields: tuple[bytes, bytes], tls: Made | None = TWO) -> Presented | None:
    scope = {"extensions": {"tls": {"client_cert_chain": [tls.pem.decode()]}} if tls is not None else {}}
    return Proxies(["10.0.0.0/8"]).certificate(scope, Headers(fields), peer)


def test_only_a_listed_proxy_is_believed_and_one_that_speaks_for_others_never_for_itself() -> None:
    field = (b"client-cert", f":{b64(ONE)}:".encode())
    assert shown("192.0.2.1", field) == Presented((TWO.der,), "tls")
    assert shown("192.0.2.1", field, tls=None) is None
    assert shown("10.0.0.1", field) == Presented((ONE.der,), "client-cert")
    assert shown("10.0.0.1", (b"x-forwarded-for", b"192.0.2.1")) is None
    assert shown("10.0.0.1", (b"client-cert", b"")) is None
    assert shown("10.0.0.1") == Presented((TWO.der,), "tls")


SPELLINGS = [
    "Client-Cert",
    "Client_Cert",
    "CLIENT-CERT-CHAIN",
    "X-Client-Cert",
    "X-SSL-Client-Cert",
    "x_ssl-client_verify",
    "SSL-Client-Subject-Dn",
]
SPELLINGS += [
    "X-Forwarded-Client-Cert",
    "X_Forwarded_Client_Cert",
    "X-Forwarded-Tls-Client-Cert-Info",
    "l5d-client-id",
    "X-Amzn-Mtls-Clientcert-Leaf",
]


@pytest.mark.parametrize("name", SPELLINGS)
def test_no_word_of_a_certificate_reaches_the_application_in_any_spelling(name: str) -> None:
    fields = [(b"accept", b"*/*"), (name.lower().encode(), b"x"), (b"client-version", b"1"), (b"x-b", b"1")]
    if "_" in name:
        with pytest.raises(Refused):
            only_ours(fields)
        return
    assert only_ours(fields) == [(b"accept", b"*/*"), (b"client-version", b"1"), (b"x-b", b"1")]


PIECES = st.one_of(
    st.text(st.characters(max_codepoint=255), max_size=60),
    st.sampled_from([render(ONE) for render in FAMILIES.values()]),
    st.sampled_from(["By=", ";", ",", '"', "\\", ":", "URI=spiffe://a/b", "Cert=", "%2", "%00", "-----BEGIN CERTIFICATE-----"]),
)


@given(st.lists(st.tuples(st.sampled_from([*EVERY, "client-cert-chain", "l5d-client-id"]), st.lists(PIECES, max_size=5)), max_size=4))
@settings(max_examples=400, deadline=None)
def test_whatever_a_proxy_tells_is_read_or_refused(fields: list[tuple[str, list[str]]]) -> None:
    written = [(name, "".join(parts)) for name, parts in fields]
    try:
        found = told(*written, proxy_headers=(*EVERY, "l5d-client-id"), xfcc="trust_uri")
    except Refused as refused:
        assert refused.why in (Why.MALFORMED, Why.SHOWN_TWICE)
    else:
        assert found is None or found.chain or found.uri


@given(st.text(st.sampled_from('ab=;,"\\ U'), max_size=40))
@settings(max_examples=500, deadline=None)
def test_the_last_element_is_the_one_that_was_appended(before: str) -> None:
    try:
        found = rightmost(f'{before},By=me;Subject="CN=a"')
    except Refused:
        return
    assert found == {"by": ["me"], "subject": ["CN=a"]}
