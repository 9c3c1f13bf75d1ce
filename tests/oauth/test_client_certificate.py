"""Clients that prove themselves by the certificate of their connection: RFC 8705 section 2."""

import json
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from doorward.admin.client_metadata import keys_of_certificates
from doorward.core.client import Client
from doorward.core.credential import Credential
from doorward.core.errors import Why
from doorward.core.presented import Presented, x5t
from doorward.crypto.client_chain import OWN, ClientTrust
from doorward.crypto.revocation_list import RevocationLists
from tests.methods.place import NOW
from tests.oauth.client_certificates import TILL, Root, a_leaf, a_root
from tests.oauth.client_desk import ClientDesk, refusal, with_certificate

DN = "CN=till,O=Example\\, Inc,C=DE"
NAMES = {
    "tls_client_auth_subject_dn": DN,
    "tls_client_auth_san_dns": "till.example",
    "tls_client_auth_san_uri": "spiffe://example.org/till",
    "tls_client_auth_san_ip": "2001:db8::1",
    "tls_client_auth_san_email": "till@example.org",
}
WHOLE = (
    x509.DNSName("till.example"),
    x509.UniformResourceIdentifier("spiffe://example.org/till"),
    x509.IPAddress(ip_address("2001:db8::1")),
    x509.RFC822Name("till@example.org"),
)


@pytest.fixture
def root(desk: ClientDesk) -> Root:
    made = a_root()
    desk.trust = made.trust
    return made


async def named(desk: ClientDesk, kind: str = "tls_client_auth_subject_dn", value: str = DN) -> Client:
    return (await desk.client(auth="tls_client_auth", tls_subject=(kind, value))).client


async def registered(desk: ClientDesk, *certificates: bytes) -> Client:
    return (await desk.client(auth="self_signed_tls_client_auth", jwks=keys_of_certificates(certificates))).client


@pytest.mark.rfc("8705", "2.1.2")
@pytest.mark.parametrize("kind", NAMES)
async def test_a_certificate_of_a_trusted_authority_with_the_registered_name_is_taken(desk: ClientDesk, root: Root, kind: str) -> None:
    client = await named(desk, kind, NAMES[kind])
    assert (await desk.shown(client.id, a_leaf(root, *WHOLE))).id == client.id
    assert (await desk.shown(client.id, a_leaf(root, *WHOLE))).id == client.id, "its successor, too"


@pytest.mark.rfc("8705", "2.1")
@pytest.mark.parametrize("kind", NAMES)
async def test_another_name_of_the_same_authority_is_refused(desk: ClientDesk, root: Root, kind: str) -> None:
    client = await named(desk, kind, NAMES[kind])
    others = (
        x509.DNSName("till.example.org"),
        x509.DNSName("*.example"),
        x509.UniformResourceIdentifier("spiffe://example.org/till/x"),
        x509.IPAddress(ip_address("2001:db8::2")),
        x509.RFC822Name("Till@example.org"),
    )
    leaf = a_leaf(root, *others, subject=x509.Name(TILL.rdns[-1]))
    assert (await refusal(desk.shown(client.id, leaf))).why is Why.BAD_CERTIFICATE
    bare = a_leaf(root, subject=x509.Name([]))
    assert (await refusal(desk.shown(client.id, bare))).why is Why.BAD_CERTIFICATE


@pytest.mark.rfc("8705", "2.1")
async def test_the_right_name_of_nobody_trusted_is_refused(desk: ClientDesk, root: Root) -> None:
    client = await named(desk)
    for leaf in (a_leaf(a_root(), *WHOLE), a_leaf(None, *WHOLE), a_leaf(a_root("root"), *WHOLE)):
        assert (await refusal(desk.shown(client.id, leaf))).code == "invalid_client"
    desk.trust = ClientTrust({}, RevocationLists(), {})
    assert (await refusal(desk.shown(client.id, a_leaf(root, *WHOLE)))).code == "invalid_client"


async def test_a_certificate_for_servers_or_out_of_its_time_is_refused(desk: ClientDesk, root: Root) -> None:
    client = await named(desk)
    for leaf in (a_leaf(root, *WHOLE, usages=(ExtendedKeyUsageOID.SERVER_AUTH,)), a_leaf(root, *WHOLE, days=-1)):
        assert (await refusal(desk.shown(client.id, leaf))).code == "invalid_client"


async def test_our_own_authority_vouches_only_for_what_it_knows(desk: ClientDesk, root: Root) -> None:
    desk.trust = ClientTrust({OWN: [root.certificate]}, RevocationLists(), {})
    client, leaf = await named(desk), a_leaf(root, *WHOLE)
    assert (await refusal(desk.shown(client.id, leaf))).code == "invalid_client"
    known = Credential(id="c1", method="mtls", lookup=x5t(leaf), verifier=b"", owner="till", created_at=NOW, kind="issued")
    await desk.place.store.write(lambda tx: tx.add_credential(known))
    assert (await desk.shown(client.id, leaf)).id == client.id
    await desk.place.store.write(lambda tx: tx.end_credential("c1", NOW))
    assert (await refusal(desk.shown(client.id, leaf))).code == "invalid_client"


@pytest.mark.rfc("8705", "2.2")
async def test_a_registered_certificate_is_taken_and_no_other(desk: ClientDesk) -> None:
    mine, second, other = a_leaf(), a_leaf(), a_leaf()
    client = await registered(desk, mine, second)
    assert [(await desk.shown(client.id, each)).id for each in (mine, second)] == [client.id] * 2
    assert (await refusal(desk.shown(client.id, other))).why is Why.BAD_CERTIFICATE
    assert (await refusal(desk.shown(client.id, other, mine))).why is Why.BAD_CERTIFICATE, "the leaf alone was proven by the handshake"
    neighbour = await registered(desk, other)
    assert (await refusal(desk.shown(neighbour.id, mine))).why is Why.BAD_CERTIFICATE


async def test_a_registered_certificate_that_was_revoked_as_one_of_ours_is_refused(desk: ClientDesk) -> None:
    leaf = a_leaf()
    client = await registered(desk, leaf)
    known = Credential(id="c1", method="mtls", lookup=x5t(leaf), verifier=leaf, owner="till", created_at=NOW, kind="issued")
    await desk.place.store.write(lambda tx: tx.add_credential(known))
    assert (await desk.shown(client.id, leaf)).id == client.id
    await desk.place.store.write(lambda tx: tx.end_credential("c1", NOW))
    assert (await refusal(desk.shown(client.id, leaf))).why is Why.BAD_CERTIFICATE


async def test_a_registered_certificate_that_has_expired_is_refused(desk: ClientDesk) -> None:
    old, server = a_leaf(days=-1), a_leaf(usages=(ExtendedKeyUsageOID.SERVER_AUTH,))
    client = await registered(desk, old, server)
    for leaf in (old, server):
        assert (await refusal(desk.shown(client.id, leaf))).code == "invalid_client"


@pytest.mark.rfc("8705", "2.2.2")
async def test_certificates_are_found_at_the_clients_own_address(desk: ClientDesk) -> None:
    first, second, url = a_leaf(), a_leaf(), "https://till.example/keys.json"
    client = (await desk.client(auth="self_signed_tls_client_auth", jwks_uri=url)).client
    desk.pages[url] = json.dumps(keys_of_certificates([first])).encode()
    assert (await desk.shown(client.id, first)).id == client.id
    desk.pages[url] = json.dumps(keys_of_certificates([second])).encode()
    assert (await refusal(desk.shown(client.id, second))).code == "invalid_client", "asked for a moment ago"
    desk.place.now += 31
    assert (await desk.shown(client.id, second)).id == client.id
    assert (await refusal(desk.shown(client.id, first))).code == "invalid_client", "taken back"


async def test_a_certificate_proves_nothing_for_a_client_that_is_registered_otherwise(desk: ClientDesk, root: Root) -> None:
    id, secret = await desk.with_secret()
    leaf = a_leaf(root, *WHOLE)
    assert (await refusal(desk.shown(id, leaf))).code == "invalid_client"
    form = {"client_id": id, "client_secret": secret}
    beside = with_certificate(Presented((leaf,)))
    assert (await desk.auth.authenticate(form, beside)).id == id, "a certificate beside a secret is no second way: it may bind"
    client = await named(desk)
    assert (await refusal(desk.auth.authenticate({"client_id": client.id, "client_secret": "x" * 43}, beside))).code == "invalid_client"


@pytest.mark.parametrize("chain", [(), (b"",), (b"junk",), (b"\x30\x82" * 100,), (b"x" * 100_000,)])
async def test_what_is_no_certificate_is_refused_and_nothing_more(desk: ClientDesk, root: Root, chain: tuple[bytes, ...]) -> None:
    for client in (await named(desk), await registered(desk, a_leaf())):
        assert (await refusal(desk.shown(client.id, *chain))).code == "invalid_client"
        told = desk.auth.authenticate({"client_id": client.id}, with_certificate(Presented((), "xfcc", "spiffe://example.org/till")))
        assert (await refusal(told)).code == "invalid_client", "a name without its certificate"
    assert (await refusal(desk.form(client_id=client.id))).why is Why.MISSING


async def test_a_removed_client_is_not_let_in_by_its_certificate(desk: ClientDesk) -> None:
    leaf = a_leaf()
    client = await registered(desk, leaf)
    await desk.end(client.id)
    assert (await refusal(desk.shown(client.id, leaf))).why is Why.REVOKED
