"""crypto/client_chain.py, client_names.py, revocation_list.py: what leads to a trusted CA and may be used by a client, and nothing else."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.crypto import client_chain
from doorward.crypto.client_chain import LARGEST, MOST_CERTIFICATES, OWN, Chain, ClientTrust, read_certificates, read_leaf, subject_of
from doorward.crypto.client_names import names_of, trust_domain
from doorward.crypto.revocation_list import RevocationLists, read_lists
from tests.certificates import CLIENT, DAY, NOW, SERVER, Made, authority, leaf, revocation_list, signed, usage
from tests.crypto.vectors import read

ROOT = authority("root")
ISSUING = authority("issuing", ROOT)
ORDERS = "spiffe://example.org/orders"


def trust(*authorities: Made, lists: Sequence[bytes] = (), own: Made | None = None) -> ClientTrust:
    known = {"ca.pem": [each.certificate for each in authorities]}
    if own is not None:
        known[OWN] = [own.certificate]
    return ClientTrust(known, RevocationLists([each for data in lists for each in read_lists(data)]), {})


def verify(*chain: Made, by: ClientTrust | None = None, now: float = NOW) -> Chain:
    return (by or trust(ROOT)).verify(tuple(each.der for each in chain), now)


def why(act: Callable[[], Any]) -> Why:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.why


def refused(*chain: Made, by: ClientTrust | None = None, now: float = NOW) -> Why:
    return why(lambda: verify(*chain, by=by, now=now))


def test_a_leaf_of_a_trusted_ca_tells_its_names_and_its_time() -> None:
    made = leaf(ROOT, uris=[ORDERS], dns=["Till.Example.ORG"], ends=NOW + DAY)
    found = verify(made)
    assert (found.names.spiffe, found.names.dns, found.names.common_name) == (ORDERS, "till.example.org", "till")
    assert (found.since, found.until, found.anchor) == (NOW - DAY, NOW + DAY, "ca.pem")


@pytest.mark.rfc("5280", "6.1")
def test_the_intermediate_must_come_along_or_be_trusted_itself() -> None:
    made = leaf(ISSUING)
    assert verify(made, ISSUING).anchor == "ca.pem"
    assert verify(made, ISSUING, ROOT).anchor == "ca.pem"
    assert verify(made, by=trust(ISSUING)).anchor == "ca.pem"
    assert refused(made) is Why.BAD_CERTIFICATE


def test_the_order_of_the_rest_does_not_matter_and_strangers_in_it_are_passed_over() -> None:
    assert verify(leaf(ISSUING), authority("stranger"), ROOT, ISSUING).until


def test_a_leaf_of_another_ca_of_the_same_name_is_refused() -> None:
    impostor = authority("root")
    assert refused(leaf(impostor)) is Why.BAD_CERTIFICATE
    assert refused(leaf(impostor), impostor) is Why.BAD_CERTIFICATE
    assert refused(leaf(ROOT), by=trust()) is Why.BAD_CERTIFICATE


def test_a_leaf_that_signs_itself_is_refused() -> None:
    assert refused(leaf(None)) is Why.BAD_CERTIFICATE
    with pytest.raises(ValueError, match="is no CA"):
        trust(leaf(None))


@pytest.mark.rfc("5280", "4.1.2.5")
def test_a_leaf_out_of_its_time_is_told_so_only_if_all_else_holds() -> None:
    old, new = leaf(ROOT, begins=NOW - 9 * DAY, ends=NOW - 1), leaf(ROOT, begins=NOW + 1)
    assert refused(old) is Why.EXPIRED
    assert refused(new) is Why.NOT_YET
    assert refused(leaf(authority("other"), begins=NOW - 9 * DAY, ends=NOW - DAY)) is Why.BAD_CERTIFICATE
    assert verify(leaf(ROOT, ends=NOW), now=NOW + 0.5).until == NOW


def test_a_year_that_no_date_has_is_no_certificate_that_counts() -> None:
    made = leaf(ROOT, ends=datetime(2060, 1, 1, tzinfo=UTC).timestamp()).der
    der = made.replace(b"20600101", b"00000101")
    assert why(lambda: trust(ROOT).verify((der,), NOW)) is Why.BAD_CERTIFICATE
    assert why(lambda: read_leaf((der,))) is Why.BAD_CERTIFICATE


def test_what_was_proven_is_remembered_but_not_beyond_its_time() -> None:
    by, made = trust(ROOT), leaf(ROOT, ends=NOW + DAY)
    assert verify(made, by=by) is verify(made, by=by)
    assert refused(made, by=by, now=NOW + DAY + 1) is Why.EXPIRED
    assert verify(made, by=by, now=NOW + DAY).until == NOW + DAY


def test_an_intermediate_or_root_that_has_ended_ends_what_is_below() -> None:
    short = authority("short", ROOT, ends=NOW - 1)
    assert refused(leaf(short), short) is Why.BAD_CERTIFICATE
    root = authority("old root", ends=NOW + DAY)
    made = leaf(root)
    by = trust(root)
    assert verify(made, by=by).until == NOW + DAY
    assert refused(made, by=by, now=NOW + 2 * DAY) is Why.BAD_CERTIFICATE


@pytest.mark.rfc("5280", "4.2.1.12")
@pytest.mark.parametrize(
    ("purposes", "good"),
    [((CLIENT,), True), ((SERVER, CLIENT), True), (None, True), ((SERVER,), False), ((ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,), False)],
)
def test_an_extended_key_usage_must_hold_client_auth(purposes: Any, good: bool) -> None:
    made = leaf(ROOT, purposes=purposes)
    if good:
        assert verify(made).until
        assert read_leaf((made.der,)).until
    else:
        assert refused(made) is Why.BAD_CERTIFICATE
        assert why(lambda: read_leaf((made.der,))) is Why.BAD_CERTIFICATE


@pytest.mark.rfc("5280", "4.2.1.3")
@pytest.mark.parametrize(
    ("words", "good"), [(("digital_signature",), True), (("key_encipherment",), False), (("digital_signature", "key_cert_sign"), False)]
)
def test_a_key_usage_must_be_that_of_a_client(words: tuple[str, ...], good: bool) -> None:
    made = leaf(ROOT, extensions=[(usage(**dict.fromkeys(words, True)), True)])
    if good:
        assert verify(made).until
    else:
        assert refused(made) is Why.BAD_CERTIFICATE
        assert why(lambda: read_leaf((made.der,))) is Why.BAD_CERTIFICATE


def test_a_ca_is_no_caller_and_a_caller_no_ca() -> None:
    assert refused(ISSUING) is Why.BAD_CERTIFICATE
    caller = leaf(ROOT)
    assert refused(leaf(caller), caller) is Why.BAD_CERTIFICATE


@pytest.mark.rfc("5280", "4.2.1.9")
def test_the_length_of_a_path_is_kept() -> None:
    short = authority("short", length=0)
    below = authority("below", short)
    assert verify(leaf(short), by=trust(short)).until
    assert refused(leaf(below), below, by=trust(short)) is Why.BAD_CERTIFICATE


@pytest.mark.rfc("5280", "4.2")
def test_something_critical_that_is_not_understood_is_refused() -> None:
    strange = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
    assert refused(leaf(ROOT, extensions=[strange])) is Why.BAD_CERTIFICATE
    assert verify(leaf(ROOT, extensions=[(strange[0], False)])).until


@pytest.mark.rfc("5280", "4.2.1.10")
def test_a_ca_with_name_constraints_names_nobody_beyond_them() -> None:
    narrow = authority("narrow", extensions=[(x509.NameConstraints([x509.DNSName("example.org")], None), True)])
    assert verify(leaf(narrow, dns=["till.example.org"]), by=trust(narrow)).names.dns == "till.example.org"
    assert refused(leaf(narrow, dns=["till.example.com"]), by=trust(narrow)) is Why.BAD_CERTIFICATE


def test_weak_keys_and_too_many_or_too_large_certificates_are_refused() -> None:
    small = authority("small", extensions=[])
    weak = signed("weak", small, [], key=ec.generate_private_key(ec.SECP192R1()))
    assert refused(leaf(weak), weak, by=trust(small)) is Why.BAD_CERTIFICATE
    made = leaf(ROOT)
    by = trust(ROOT)
    for chain in ((), (made.der,) * (MOST_CERTIFICATES + 1), (made.der, bytes(LARGEST + 1)), (b"",), (made.der, b"no certificate")):
        assert why(lambda chain=chain: by.verify(chain, NOW)) is Why.MALFORMED  # type: ignore[misc]


def test_a_chain_that_is_too_deep_is_refused() -> None:
    chain = [ROOT]
    for number in range(7):
        chain.append(authority(f"ca {number}", chain[-1]))
    assert refused(leaf(chain[-1]), *chain[:0:-1]) is Why.BAD_CERTIFICATE
    assert verify(leaf(chain[5]), *chain[5:0:-1]).until


STRICTER = {
    "pathlen::validation-ignores-pathlen-in-leaf": "the leaf is a CA, and a CA is no caller here",
    "pathlen::self-issued-certs-pathlen": "`cryptography` counts self-issued intermediates too, so it refuses more",
    "pathlen::max-chain-depth-1-self-issued": "the same",
}


@pytest.mark.parametrize("case", read("x509-limbo/limbo-pathlen.json")["testcases"], ids=lambda case: case["id"])
@pytest.mark.rfc("5280", "6.1.4")
def test_paths_of_x509_limbo(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made for servers, so that is the purpose here; and the depth is the case's own."""
    monkeypatch.setattr(client_chain, "_PURPOSE", (SERVER,))
    if case["max_chain_depth"] is not None:
        monkeypatch.setattr(client_chain, "DEEPEST", case["max_chain_depth"])
    anchors = [each for pem in case["trusted_certs"] for each in read_certificates(pem.encode())]
    shown = [case["peer_certificate"], *case["untrusted_intermediates"]]
    chain = tuple(each.public_bytes(Encoding.DER) for pem in shown for each in read_certificates(pem.encode()))
    by = ClientTrust({"ca.pem": anchors}, RevocationLists(), {})
    if case["expected_result"] == "SUCCESS" and case["id"] not in STRICTER:
        assert by.verify(chain, NOW).names.dns == "example.com"
    else:
        assert why(lambda: by.verify(chain, NOW)) is Why.BAD_CERTIFICATE


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe://Example.org/a",
        "SPIFFE://example.org/a",
        "spiffe://example.org/a/../b",
        "spiffe://example.org//a",
        "spiffe://example.org/a?x",
        "spiffe://user@example.org/a",
        "spiffe://example.org:80/a",
        "spiffe://example.org/%61",
        "spiffe://example.org/a\n",
        "spiffe://example.org/" + "a" * 2048,
    ],
)
def test_what_is_no_spiffe_id_of_a_workload_is_refused(uri: str) -> None:
    assert why(lambda: trust_domain(uri)) is Why.BAD_CERTIFICATE
    assert refused(leaf(ROOT, uris=[uri])) is Why.BAD_CERTIFICATE


def test_two_uris_beside_a_spiffe_id_are_refused_and_other_uris_are_none() -> None:
    assert refused(leaf(ROOT, uris=[ORDERS, "spiffe://example.org/other"])) is Why.BAD_CERTIFICATE
    assert refused(leaf(ROOT, uris=[ORDERS, "https://example.org/"])) is Why.BAD_CERTIFICATE
    assert verify(leaf(ROOT, uris=["https://example.org/"])).names.spiffe is None


@pytest.mark.parametrize(
    "host", ["*.example.org", "a\x00.example.org", "example.org.", "a b", "-a.org", "a" * 64 + ".org", ".org", "a..b", "a/b"]
)
def test_a_dns_name_that_is_no_host_spoils_the_certificate(host: str) -> None:
    assert refused(leaf(ROOT, dns=[host])) is Why.BAD_CERTIFICATE
    assert refused(leaf(ROOT, dns=["good.example.org", host])) is Why.BAD_CERTIFICATE


@pytest.mark.parametrize("text", ["spiffe://example.org/orders", "a/b", "a:b", "a\x00b", "a\nb", " a", "a ", "*", "x" * 63 + "\x7f"])
def test_a_common_name_that_could_be_taken_for_something_else_is_none(text: str) -> None:
    assert names_of(leaf(ROOT, common_name=text).certificate).common_name is None


def test_subjects_are_written_as_rfc_4514_has_it() -> None:
    assert subject_of(ROOT.der) == "CN=root"
    assert subject_of(b"\x30\x00") is None


@pytest.mark.rfc("5280", "6.3")
def test_a_serial_on_its_issuers_list_is_revoked_also_between() -> None:
    made = leaf(ISSUING)
    for issuer, serial in ((ISSUING, made.certificate.serial_number), (ROOT, ISSUING.certificate.serial_number)):
        by = trust(ROOT, lists=[revocation_list(issuer, [1, serial])])
        found = verify(made, ISSUING, by=by)
        assert why(lambda by=by, found=found: by.check_revocation(found, NOW)) is Why.REVOKED  # type: ignore[misc]
    by = trust(ROOT, lists=[revocation_list(ISSUING, [1]), revocation_list(ROOT, [2], ends=NOW + 60)])
    assert by.check_revocation(verify(made, ISSUING, by=by), NOW) == NOW + 60
    assert trust(ROOT).check_revocation(verify(made, ISSUING), NOW) == float("inf")


def test_a_list_that_is_stale_or_not_the_issuers_own_vouches_for_nobody() -> None:
    made = leaf(ROOT)
    impostor = authority("root")
    for data in (
        revocation_list(ROOT, ends=NOW),
        revocation_list(ROOT, begins=NOW + 3600, ends=NOW + 7200),
        revocation_list(impostor),
        revocation_list(impostor, subject="root"),
    ):
        by = trust(ROOT, lists=[data])
        assert why(lambda by=by: by.check_revocation(verify(made, by=by), NOW)) is Why.BAD_CERTIFICATE  # type: ignore[misc]


def test_of_several_lists_the_latest_that_is_the_issuers_own_counts() -> None:
    made = leaf(ROOT)
    serial = made.certificate.serial_number
    older, newer = revocation_list(ROOT, begins=NOW - 9 * DAY), revocation_list(ROOT, [serial])
    for lists in ([older, newer], [newer, older], [older + newer]):
        by = trust(ROOT, lists=lists)
        assert why(lambda by=by: by.check_revocation(verify(made, by=by), NOW)) is Why.REVOKED  # type: ignore[misc]
    by = trust(ROOT, lists=[revocation_list(authority("root"), [serial], begins=NOW), older])
    assert by.check_revocation(verify(made, by=by), NOW) == NOW + DAY


def point_of(url: str) -> tuple[x509.ExtensionType, bool]:
    return x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)]), False


def list_at(*urls: str, users: bool = False) -> tuple[x509.ExtensionType, bool]:
    names = [x509.UniformResourceIdentifier(url) for url in urls] or None
    return x509.IssuingDistributionPoint(names, None, users, False, None, False, False), True


@pytest.mark.rfc("5280", "6.3.3")
def test_a_list_of_one_distribution_point_says_nothing_of_anothers_certificates() -> None:
    made = leaf(ROOT, extensions=[point_of("http://ca.example/1.crl")])
    first = revocation_list(ROOT, [made.certificate.serial_number], begins=NOW - 2 * DAY, extensions=[list_at("http://ca.example/1.crl")])
    second = revocation_list(ROOT, extensions=[list_at("http://ca.example/2.crl")])
    for lists, reason in (([first, second], Why.REVOKED), ([second, first], Why.REVOKED), ([second], Why.BAD_CERTIFICATE)):
        by = trust(ROOT, lists=lists)
        assert why(lambda by=by: by.check_revocation(verify(made, by=by), NOW)) is reason  # type: ignore[misc]
    other = leaf(ROOT, extensions=[point_of("http://ca.example/2.crl")])
    by = trust(ROOT, lists=[first, second])
    assert by.check_revocation(verify(other, by=by), NOW) == NOW + DAY
    for lists in ([first, revocation_list(ROOT)], [revocation_list(ROOT, ends=NOW), second]):  # one for all counts beside them
        by = trust(ROOT, lists=lists)
        assert why(lambda by=by: by.check_revocation(verify(made, by=by), NOW)) in (Why.REVOKED, Why.BAD_CERTIFICATE)  # type: ignore[misc]


@pytest.mark.rfc("5280", "5.2.5")
def test_a_list_of_users_alone_does_not_vouch_for_a_ca() -> None:
    by = trust(ROOT, lists=[revocation_list(ROOT, extensions=[list_at(users=True)])])
    assert by.check_revocation(verify(leaf(ROOT), by=by), NOW) == NOW + DAY
    assert why(lambda: by.check_revocation(verify(leaf(ISSUING), ISSUING, by=by), NOW)) is Why.BAD_CERTIFICATE


@pytest.mark.rfc("5280", "4.2.1.10")
def test_no_common_name_counts_below_a_ca_that_may_name_some_only() -> None:
    partner = authority("partner", ROOT, extensions=[(x509.NameConstraints([x509.DNSName("partner.example")], None), True)])
    assert verify(leaf(partner, common_name="admin"), partner).names.common_name is None
    assert verify(leaf(partner, common_name="admin", dns=["a.partner.example"]), partner).names.dns == "a.partner.example"


@pytest.mark.parametrize(
    "extension",
    [
        (x509.DeltaCRLIndicator(1), True),
        (x509.IssuingDistributionPoint([x509.DNSName("a")], None, False, False, None, False, False), True),
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True),
        (x509.IssuingDistributionPoint(None, None, False, True, None, False, False), True),
        (x509.IssuingDistributionPoint(None, None, False, False, None, True, False), True),
    ],
)
def test_a_list_that_is_not_the_whole_list_is_refused_when_it_is_read(extension: Any) -> None:
    with pytest.raises(ValueError, match="list"):
        read_lists(revocation_list(ROOT, extensions=[extension]))


def test_lists_in_der_are_read_and_what_is_none_is_refused() -> None:
    pem = revocation_list(ROOT, [7])
    der = x509.load_pem_x509_crl(pem).public_bytes(Encoding.DER)
    assert read_lists(der)[0].serials == read_lists(pem)[0].serials == frozenset({7})
    for data in (b"", b"nonsense", ROOT.pem, pem[:-60]):
        with pytest.raises(ValueError):
            read_lists(data)


GENUINE = leaf(ISSUING, uris=[ORDERS], dns=["till.example.org"])


@given(st.integers(0, len(GENUINE.der) - 1), st.integers(1, 255), st.booleans())
@settings(max_examples=400, deadline=None)
def test_a_changed_byte_anywhere_is_refused_and_never_anything_else(at: int, change: int, between: bool) -> None:
    der = bytearray(ISSUING.der if between else GENUINE.der)
    der[at % len(der)] ^= change
    chain = (GENUINE.der, bytes(der)) if between else (bytes(der), ISSUING.der)
    try:
        found = trust(ROOT).verify(chain, NOW)
    except Refused as reason:
        assert reason.why in (Why.BAD_CERTIFICATE, Why.MALFORMED)
    else:  # outside of what is signed some encodings have two spellings; what is said stays what was signed
        assert (found.names, found.serial) == (names_of(GENUINE.certificate), GENUINE.certificate.serial_number)
        assert at % len(der) > len(der) - 90
    try:
        read_leaf((bytes(der),))
    except Refused as reason:
        assert reason.why in (Why.BAD_CERTIFICATE, Why.MALFORMED)
    subject_of(bytes(der))


@pytest.mark.rfc("5280", "4.1.2.2")
def test_a_serial_that_is_not_positive_is_malformed() -> None:
    der = bytearray(GENUINE.der)
    der[15] |= 128
    assert why(lambda: trust(ROOT).verify((bytes(der), ISSUING.der), NOW)) is Why.MALFORMED
    assert subject_of(bytes(der)) is None


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_garbage_is_malformed(data: bytes) -> None:
    assert why(lambda: trust(ROOT).verify((data,), NOW)) is Why.MALFORMED
