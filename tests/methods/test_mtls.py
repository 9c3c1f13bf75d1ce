"""methods/mtls.py: whose certificate it is, and when it counts for nothing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doorward.admin import accounts
from doorward.admin.actor import LOCAL
from doorward.core.authority import ISSUED, REGISTERED
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.policy import By
from doorward.core.presented import Presented, x5t
from doorward.core.proof import Proof
from doorward.core.route import Route
from doorward.core.store import Tx
from doorward.crypto.client_chain import LARGEST, OWN, ClientTrust
from doorward.crypto.revocation_list import RevocationLists, read_lists
from doorward.methods.mtls import Mtls, MtlsOptions
from tests.certificates import DAY, NOW, SERVER, Made, authority, leaf, revocation_list
from tests.methods.place import Place, a_place, request

ROUTE = Route(path="/**", allow=By("mtls"))
OURS, PARTNERS = authority("ours"), authority("partners")
ORDERS = "spiffe://example.org/orders"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path) as made:
        yield made


def method(place: Place, *, lists: Sequence[bytes] = (), domains: dict[str, str] | None = None, allow_cn: bool = False) -> Mtls:
    lists_read = RevocationLists([each for data in lists for each in read_lists(data)])
    trust = ClientTrust({OWN: [OURS.certificate], "partners.pem": [PARTNERS.certificate]}, lists_read, domains or {})
    return Mtls(trust=trust, credentials=place.store.credentials, accounts=place.store.accounts, clock=place.clock, allow_cn=allow_cn)


async def proof(mtls: Mtls, *chain: Made, told: Presented | None = None) -> Proof:
    arrived = request()._replace(certificate=told or Presented(tuple(each.der for each in chain)))
    shown = mtls.find(arrived, ROUTE)
    assert shown is not None
    return await mtls.prove(shown)


async def refusal(mtls: Mtls, *chain: Made, told: Presented | None = None) -> Why:
    with pytest.raises(Refused) as caught:
        await proof(mtls, *chain, told=told)
    return caught.value.why


async def known(place: Place, made: Made, *, owner: str = "shop", kind: str = REGISTERED, **more: Any) -> Credential:
    credential = Credential(
        id=f"crt{made.certificate.serial_number:x}"[:24],
        method="mtls",
        lookup=x5t(made.der),
        verifier=made.der,
        owner=owner,
        kind=kind,
        created_at=place.now,
        expires_at=made.certificate.not_valid_after_utc.timestamp(),
    )
    credential = replace(credential, **more)

    async def work(tx: Tx) -> None:
        await tx.add_credential(credential)

    await place.store.write(work)
    return credential


async def end(place: Place, credential: Credential) -> None:
    async def work(tx: Tx) -> None:
        await tx.end_credential(credential.id, place.now)

    await place.store.write(work)


async def test_no_certificate_is_not_mine(place: Place) -> None:
    assert method(place).find(request(), ROUTE) is None


async def test_a_spiffe_id_comes_before_a_registered_owner_before_a_dns_name_before_a_cn(place: Place) -> None:
    mtls = method(place, allow_cn=True)
    all_three = leaf(PARTNERS, uris=[ORDERS], dns=["till.example.org"])
    await known(place, all_three)
    assert (await proof(mtls, all_three)).subject == ORDERS
    named = leaf(PARTNERS, dns=["Till.example.org"])
    assert (await proof(mtls, named)).subject == "till.example.org"
    await known(place, named)
    assert (await proof(mtls, named)).subject == "shop"
    assert (await proof(mtls, leaf(PARTNERS, common_name="till 7"))).subject == "till 7"


async def test_a_common_name_counts_only_where_that_is_allowed(place: Place) -> None:
    assert await refusal(method(place), leaf(PARTNERS, common_name="till")) is Why.BAD_CERTIFICATE
    assert (await proof(method(place, allow_cn=True), leaf(PARTNERS, common_name="till"))).subject == "till"
    assert await refusal(method(place, allow_cn=True), leaf(PARTNERS, common_name=ORDERS)) is Why.BAD_CERTIFICATE


@pytest.mark.rfc("8705", "3.1")
async def test_the_proof_shows_the_key_and_ends_with_the_certificate(place: Place) -> None:
    made = leaf(PARTNERS, uris=[ORDERS], ends=NOW + DAY)
    found = await proof(method(place), made)
    assert found.keys == {x5t(made.der)}
    assert (found.expires_at, found.csrf, found.scopes, found.env) == (NOW + DAY + 1, "", None, None)
    assert found.credential_id == x5t(made.der)


@pytest.mark.rfc("8705", "2.2")
async def test_a_registered_certificate_needs_no_ca_and_its_own_names_count_for_nothing(place: Place) -> None:
    alone = leaf(None, uris=[ORDERS], dns=["root.example.org"])
    assert await refusal(method(place), alone) is Why.BAD_CERTIFICATE
    credential = await known(place, alone, scopes=frozenset({"read:pets"}))
    found = await proof(method(place), alone)
    assert (found.subject, found.scopes, found.credential_id) == ("shop", frozenset({"read:pets"}), credential.id)
    await end(place, credential)
    assert await refusal(method(place), alone) is Why.REVOKED


async def test_a_registered_certificate_is_held_to_its_time_and_purpose_too(place: Place) -> None:
    for made, why in (
        (leaf(None, begins=NOW - 2 * DAY, ends=NOW - 1), Why.EXPIRED),
        (leaf(None, begins=NOW + 60), Why.NOT_YET),
        (leaf(None, purposes=[SERVER]), Why.BAD_CERTIFICATE),
    ):
        await known(place, made)
        assert await refusal(method(place), made) is why


async def test_one_that_claims_to_be_of_our_ca_but_is_not_known_is_refused(place: Place) -> None:
    made = leaf(OURS, uris=[ORDERS])
    assert await refusal(method(place), made) is Why.BAD_CERTIFICATE
    credential = await known(place, made, owner=ORDERS, kind=ISSUED)
    assert (await proof(method(place), made)).credential_id == credential.id
    await end(place, credential)
    assert await refusal(method(place), made) is Why.REVOKED


async def test_one_that_our_ca_issued_counts_only_below_our_ca(place: Place) -> None:
    stranger = leaf(authority("ours"), uris=[ORDERS])
    await known(place, stranger, owner=ORDERS, kind=ISSUED)
    assert await refusal(method(place), stranger) is Why.BAD_CERTIFICATE


async def test_it_dies_with_the_account_that_it_names_or_belongs_to(place: Place) -> None:
    service = await place.service("till.example.org")
    made, other = leaf(PARTNERS, dns=["till.example.org"]), leaf(None)
    await known(place, other, owner="till.example.org")
    for each in (made, other):
        found = await proof(method(place), each)
        assert (found.subject, found.owner_kind, found.scopes) == (service.account.name, "service", frozenset({"read:pets"}))
    await accounts.end("till.example.org", store=place.store, actor=LOCAL, now=place.now)
    for each in (made, other):
        assert await refusal(method(place), each) is Why.REVOKED


async def test_a_name_that_is_a_persons_brings_none_of_her_scopes(place: Place) -> None:
    await place.account("alice")
    found = await proof(method(place, allow_cn=True), leaf(PARTNERS, common_name="alice"))
    assert (found.subject, found.owner_kind, found.scopes, found.roles) == ("alice", "person", None, frozenset())


async def test_revocation_lists_are_asked_on_each_request(place: Place) -> None:
    made = leaf(PARTNERS, uris=[ORDERS])
    mtls = method(place, lists=[revocation_list(PARTNERS, ends=NOW + 60)])
    assert (await proof(mtls, made)).expires_at == NOW + 60
    place.now += 60
    assert await refusal(mtls, made) is Why.BAD_CERTIFICATE  # stale: fail closed
    mtls.trust = method(place, lists=[revocation_list(PARTNERS, [made.certificate.serial_number])]).trust
    assert await refusal(mtls, made) is Why.REVOKED


async def test_a_registered_certificate_on_its_cas_list_is_revoked_also_where_the_way_to_that_ca_is_left_out(place: Place) -> None:
    issuing = authority("issuing", PARTNERS)
    made, other = leaf(issuing), leaf(issuing)
    await known(place, made)
    await known(place, other)
    mtls = method(place, lists=[revocation_list(issuing, [made.certificate.serial_number])])
    assert await refusal(mtls, made, issuing) is Why.REVOKED
    assert await refusal(mtls, made) is Why.REVOKED
    assert (await proof(mtls, other)).subject == (await proof(mtls, other, issuing)).subject == "shop"


async def test_another_ca_than_its_own_may_not_speak_for_a_trust_domain(place: Place) -> None:
    mtls = method(place, domains={"example.org": OWN, "partners.example": "partners.pem"})
    ours = leaf(OURS, uris=[ORDERS])
    await known(place, ours, owner=ORDERS, kind=ISSUED)
    assert (await proof(mtls, ours)).subject == ORDERS
    assert (await proof(mtls, leaf(PARTNERS, uris=["spiffe://partners.example/a"]))).subject == "spiffe://partners.example/a"
    assert await refusal(mtls, leaf(PARTNERS, uris=[ORDERS])) is Why.BAD_CERTIFICATE
    assert await refusal(mtls, leaf(PARTNERS, uris=["spiffe://elsewhere.example/a"])) is Why.BAD_CERTIFICATE


async def test_a_name_that_a_proxy_told_alone_shows_no_key(place: Place) -> None:
    found = await proof(method(place), told=Presented((), "x-forwarded-client-cert", ORDERS))
    assert (found.subject, found.keys, found.credential_id) == (ORDERS, frozenset(), f"told:{ORDERS}")
    assert (await proof(method(place), told=Presented((), "l5d-client-id", "web.shop.serviceaccount"))).subject == "web.shop.serviceaccount"
    assert await refusal(method(place), told=Presented((), "x", "spiffe://example.org")) is Why.BAD_CERTIFICATE
    assert await refusal(method(place, domains={"example.org": OWN}), told=Presented((), "x", ORDERS)) is Why.BAD_CERTIFICATE
    assert await refusal(method(place), told=Presented((), "x", None)) is Why.MALFORMED


async def test_too_much_is_refused_before_any_work(place: Place) -> None:
    for chain in ((bytes(LARGEST + 1),), (b"x",) * 11):
        with pytest.raises(Refused) as caught:
            method(place).find(request()._replace(certificate=Presented(chain)), ROUTE)
        assert caught.value.why is Why.MALFORMED


@pytest.mark.parametrize("entry", ["example.org", "=own", "example.org=elsewhere.pem"])
def test_domains_that_are_not_understood_refuse_to_start(entry: str) -> None:
    with pytest.raises(ValueError, match="domains"):
        MtlsOptions(domains=(entry,))
    assert MtlsOptions(client_ca=("a.pem",), domains=("example.org=a.pem",)).speakers == {"example.org": "a.pem"}
