"""admin/certificates.py and authority.py: what an operator may have signed or made known, and what becomes of it."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from doorward.admin import accounts, authority, certificates
from doorward.admin.actor import LOCAL, Actor
from doorward.admin.authority import AuthorityOrder
from doorward.admin.certificates import CertificateMaker, CertificateOrder
from doorward.admin.mistake import Mistake, NotAllowed, NotThere, Taken
from doorward.core.credential import Credential
from doorward.core.event import Kind
from doorward.core.presented import x5t
from doorward.crypto.authority import PURPOSE
from doorward.crypto.certificate_reading import read_certificate
from doorward.crypto.seal import SealBroken, Sealer
from doorward.ledger.reminders import remind
from doorward.ledger.reseal import reseal
from doorward.pki.authority import standing
from doorward.pki.profile import LONGEST_LIFE, Profile
from tests.methods.place import NOW, Place, a_place
from tests.pki.certificates import ORDERS, an_authority, issued, revoked

DAY = 86400.0


async def events(place: Place, kind: Kind) -> list[str]:
    return [entry.event.subject for entry in await place.store.journal.read() if entry.event.kind is kind]


async def registered(place: Place, data: bytes, owner: str = "shop", actor: Actor = LOCAL, **more: object) -> Credential:
    return await certificates.register(
        data, owner=owner, store=place.store, entropy=os.urandom, actor=actor, now=place.now, **more  # type: ignore[arg-type]
    )  # fmt: skip


def self_signed(name: str = "partner", *, days: float = 30, usage: x509.ObjectIdentifier | None = None) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = datetime.fromtimestamp(NOW - DAY, UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).serial_number(7).public_key(key.public_key())
    builder = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=days))
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


async def test_an_authority_is_made_once_and_stays(place: Place) -> None:
    with pytest.raises(NotThere, match="doorward cert ca"):
        await authority.show(store=place.store)
    first = await an_authority(place, name="Example CA", domains=("example.org",))
    assert await an_authority(place) == first
    with pytest.raises(Taken, match="never replaced"):
        await authority.create(AuthorityOrder(), store=place.store, sealer=place.sealer, entropy=os.urandom, actor=LOCAL, clock=place.clock)
    assert await authority.show(store=place.store) == first
    assert await events(place, Kind.AUTHORITY_CREATED) == [first.serial]
    assert (await standing(place.store))[1], "its list of revoked certificates is there from the first moment"


@pytest.mark.parametrize(
    "order", [{"life": 1.0}, {"life": 1e12}, {"name": ""}, {"name": "x" * 65}, {"name": "a\nb"}, {"domains": ("spiffe://x",)}]
)
async def test_an_authority_that_makes_no_sense_is_refused(place: Place, order: dict[str, object]) -> None:
    with pytest.raises(Mistake):
        await an_authority(place, **order)
    with pytest.raises(NotThere):
        await issued_without_authority(place)


async def issued_without_authority(place: Place) -> None:
    maker = CertificateMaker(sealer=place.sealer, entropy=os.urandom)
    await certificates.issue(CertificateOrder(name=ORDERS), store=place.store, maker=maker, actor=LOCAL, now=place.now)


async def test_at_once_there_is_one_authority_over_several_stores(tmp_path: Path) -> None:
    async with a_place(tmp_path) as one, a_place(tmp_path) as two:
        made = await asyncio.gather(*(an_authority(place) for place in (one, two, one, two)))
        assert len({each.serial for each in made}) == 1
        assert len(await events(one, Kind.AUTHORITY_CREATED)) == 1


async def test_an_issued_certificate_is_a_credential_found_by_its_thumbprint(place: Place) -> None:
    new = await issued(place, scopes=frozenset({"read:pets"}), owner="shop")
    told = read_certificate(new.chain.encode())
    found = await place.store.credentials.find("mtls", x5t(told.der))
    assert found is not None
    assert (found.id, found.data["serial"], found.owner, found.kind) == (told.serial, told.serial, "shop", "issued")
    assert (found.data["uri"], found.scopes, found.verifier) == (ORDERS, frozenset({"read:pets"}), told.der)
    assert (found.not_before, found.expires_at) == (NOW - 300, NOW + 30 * DAY)
    assert new.key is not None
    private = load_pem_private_key(new.key.reveal().encode(), None)
    certificate = x509.load_pem_x509_certificate(new.chain.encode())
    assert private.public_key() == certificate.public_key()
    assert "PRIVATE" not in repr(new)
    assert await events(place, Kind.CERTIFICATE_ISSUED) == [told.serial]


async def test_lives_are_30_days_of_a_client_90_of_a_server_and_never_beyond_the_authority(place: Place) -> None:
    await an_authority(place, life=60 * DAY)
    assert (await issued(place)).credential.expires_at == NOW + 30 * DAY
    assert (await issued(place, "a.example", profile=Profile.SERVER)).credential.expires_at == NOW + 60 * DAY
    assert (await issued(place, life=3600.0)).credential.expires_at == NOW + 3600
    for life in (0.0, LONGEST_LIFE + 1):
        with pytest.raises(Mistake, match="lives between"):
            await issued(place, life=life)
    place.now = NOW + 60 * DAY
    with pytest.raises(Mistake, match="has ended"):
        await issued(place)


async def test_of_a_request_only_the_key_is_taken(place: Place) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin")]))
    for extension in (
        x509.BasicConstraints(ca=True, path_length=None),
        x509.SubjectAlternativeName([x509.DNSName("bank.example"), x509.UniformResourceIdentifier("spiffe://example.org/admin")]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CODE_SIGNING]),
    ):
        asked = asked.add_extension(extension, critical=True)
    new = await issued(place, request=asked.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    certificate = x509.load_pem_x509_certificate(new.chain.encode())
    extensions = certificate.extensions
    assert new.key is None
    assert certificate.public_key() == key.public_key()
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier(ORDERS)]
    assert certificate.subject.rfc4514_string() == f"CN={ORDERS}"


async def test_a_request_that_is_none_issues_nothing(place: Place) -> None:
    with pytest.raises(Mistake, match="signing request"):
        await issued(place, request=b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")
    assert not await certificates.every(store=place.store)
    assert not await events(place, Kind.CERTIFICATE_ISSUED)


async def test_the_authoritys_own_key_gets_no_second_certificate(place: Place) -> None:
    made = await an_authority(place)
    plain = place.sealer.open(made.sealed, made.sealed_by, PURPOSE, made.serial)
    key = load_der_private_key(plain, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    with pytest.raises(Mistake, match="own key"):
        await issued(place, request=asked.public_bytes(Encoding.DER))


async def test_names_outside_of_the_authoritys_domains_are_refused(place: Place) -> None:
    await an_authority(place, domains=("example.org",))
    await issued(place)
    for name in ("spiffe://example.net/orders", "orders.example.net"):
        with pytest.raises(Mistake, match="outside"):
            await issued(place, name)


async def test_an_owner_that_ended_gets_none_and_takes_those_it_has_with_it(place: Place) -> None:
    await place.account("alice")
    new = await issued(place, owner="alice")
    await accounts.end("alice", store=place.store, actor=LOCAL, now=place.now)
    assert (await certificates.show(new.credential.id, store=place.store)).ended_at == NOW
    for make in (issued(place, owner="alice"), registered(place, self_signed(), "alice")):
        with pytest.raises(Mistake, match="has ended"):
            await make


async def test_nobody_gives_scopes_that_they_may_not_give(place: Place) -> None:
    await an_authority(place)
    maker = CertificateMaker(sealer=place.sealer, entropy=os.urandom)
    order = CertificateOrder(name=ORDERS, scopes=frozenset({"write:pets"}))
    clerk = Actor("clerk", frozenset({"read:pets"}))
    with pytest.raises(NotAllowed):
        await certificates.issue(order, store=place.store, maker=maker, actor=clerk, now=place.now)
    with pytest.raises(NotAllowed):
        await registered(place, self_signed(), actor=clerk, scopes=frozenset({"admin:keys"}))


async def test_a_revoked_certificate_is_ended_listed_and_journaled_once(place: Place) -> None:
    new = await issued(place)
    serial = new.credential.id
    done = await revoked(place, new)
    assert (done.credential.revoked_at, done.number) == (NOW, 2)
    assert (await revoked(place, new)).number == 2, "again is harmless, and signs nothing"
    assert await events(place, Kind.CERTIFICATE_REVOKED) == [serial]
    with pytest.raises(NotThere):
        await certificates.revoke("12", store=place.store, sealer=place.sealer, actor=LOCAL, clock=place.clock)


async def test_it_is_revoked_even_where_the_list_cannot_be_signed(place: Place) -> None:
    new = await issued(place)
    place.sealer = Sealer({"s2": b"2" * 32}, "s2", os.urandom)
    done = await revoked(place, new)
    assert (done.credential.revoked_at, done.number) == (NOW, None)
    with pytest.raises(SealBroken):
        await issued(place)


async def test_a_certificate_is_shown_by_serial_as_others_write_it_and_by_thumbprint(place: Place) -> None:
    new = await issued(place)
    serial = new.credential.id
    colons = ":".join(serial[at : at + 2] for at in range(0, len(serial), 2)).upper()
    for word in (serial, serial.upper(), colons, serial.lstrip("0"), serial.zfill(40), new.credential.lookup, new.credential.lookup[9:]):
        assert (await certificates.show(word, store=place.store)).id == serial
    key = await place.key()
    for word in ("", "x" * 10_000, "0", "ü", key.id, "x5t#S256:"):
        with pytest.raises(NotThere):
            await certificates.show(word, store=place.store)


async def test_a_foreign_certificate_is_registered_once(place: Place) -> None:
    pem = self_signed()
    found = await registered(place, pem, scopes=frozenset({"read:pets"}))
    assert (found.kind, found.owner, found.name, found.data["serial"]) == ("registered", "shop", "partner", "07")
    assert await place.store.credentials.find("mtls", x5t(read_certificate(pem).der)) == found
    assert await events(place, Kind.CERTIFICATE_REGISTERED) == [found.id]
    await certificates.revoke(found.id, store=place.store, sealer=place.sealer, actor=LOCAL, clock=place.clock)
    with pytest.raises(Taken, match="never taken again"):
        await registered(place, pem, "another")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (self_signed(days=1), "has ended"),
        (self_signed(usage=ExtendedKeyUsageOID.SERVER_AUTH), "not for clients"),
        (b"nonsense", "PEM or DER"),
        (b"", "PEM or DER"),
    ],
)
async def test_a_certificate_that_nobody_could_show_is_not_registered(place: Place, data: bytes, says: str) -> None:
    with pytest.raises(Mistake, match=says):
        await registered(place, data)
    assert not await certificates.every(store=place.store)


async def test_a_registered_name_with_controls_is_not_shown(place: Place) -> None:
    assert (await registered(place, self_signed("a\x1b[2Jb"))).name == "shop"


async def test_a_certificate_that_ends_soon_is_told_in_the_last_third_of_its_life(place: Place) -> None:
    short, long = await issued(place, life=3 * DAY), await issued(place, life=300 * DAY)
    gone = await issued(place, life=3 * DAY)
    await revoked(place, gone)
    assert await remind(place.store, NOW + 1.9 * DAY) == 0
    assert await remind(place.store, NOW + 2.1 * DAY) == 1
    assert await remind(place.store, NOW + 287 * DAY) == 1
    assert await remind(place.store, NOW + 287 * DAY) == 0
    assert await events(place, Kind.CERTIFICATE_ENDING) == [short.credential.id, long.credential.id]


async def test_the_authoritys_key_is_sealed_anew_with_the_others(place: Place) -> None:
    await an_authority(place)
    place.sealer.adopt({"s1": bytes(range(2, 34)), "s2": b"2" * 32}, "s2")
    assert await reseal(place.store, place.sealer, actor="me", now=NOW) == 1
    assert await reseal(place.store, place.sealer, actor="me", now=NOW) == 0
    place.sealer.adopt({"s2": b"2" * 32}, "s2")
    await issued(place)


async def test_nothing_of_a_key_is_in_the_journal_or_the_store(place: Place, tmp_path: Path) -> None:
    new = await issued(place)
    assert new.key is not None
    told = [str(entry.event) for entry in await place.store.journal.read()]
    body = new.key.reveal().splitlines()[1]
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("doorward.db*"))
    assert body not in "".join(told)
    assert body.encode() not in stored
    assert b"PRIVATE KEY" not in stored
