"""pki/crl.py: the list holds every revocation that was committed, its number only grows, and nothing is signed twice."""

import asyncio
from pathlib import Path

import pytest
from cryptography import x509

from doorward.admin import accounts
from doorward.admin.actor import LOCAL
from doorward.core.authority import RevocationList
from doorward.crypto import authority as crypto_authority
from doorward.crypto.certificate_reading import serial_text
from doorward.pki import crl
from doorward.pki.crl import EVERY, LIFE
from tests.methods.place import NOW, Place, a_place
from tests.pki.certificates import an_authority, issued, publisher, revoked

DAY = 86400.0


async def published(place: Place) -> RevocationList:
    _, found = await publisher(place).publish()
    assert found is not None
    return found


def serials(found: RevocationList) -> dict[str, x509.RevokedCertificate]:
    listed = x509.load_der_x509_crl(found.der)
    assert listed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == found.number
    return {serial_text(each.serial_number): each for each in listed}


async def test_without_an_authority_there_is_no_list(place: Place) -> None:
    assert await publisher(place).publish() == (None, None)


@pytest.mark.rfc("5280", "5.2.3")
async def test_the_same_is_not_signed_again_before_an_hour_is_over(place: Place) -> None:
    await an_authority(place)
    first = await published(place)
    assert (first.number, serials(first)) == (1, {})
    place.now = NOW + EVERY - 1
    assert (await published(place)) == first
    place.now = NOW + EVERY
    second = await published(place)
    assert (second.number, second.next_update) == (2, place.now + LIFE)


@pytest.mark.rfc("5280", "5.3.1")
async def test_what_was_revoked_and_what_its_owner_left_behind_is_listed(place: Place) -> None:
    await place.account("alice")
    one, owned, kept = await issued(place), await issued(place, owner="alice"), await issued(place)
    await revoked(place, one)
    await accounts.end("alice", store=place.store, actor=LOCAL, now=place.now)
    listed = serials(await published(place))
    assert set(listed) == {one.credential.id, owned.credential.id}
    assert kept.credential.id not in listed
    reason = listed[owned.credential.id].extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.cessation_of_operation
    assert not list(listed[one.credential.id].extensions), "no reason is told where none is known"
    assert listed[one.credential.id].revocation_date_utc.timestamp() == NOW


@pytest.mark.rfc("5280", "3.3")
async def test_an_expired_certificate_leaves_once_it_was_on_a_list_made_after_its_end(place: Place) -> None:
    short = await issued(place, life=3600.0)
    await revoked(place, short)
    place.now = NOW + 3600 + 301
    assert short.credential.id in serials(await published(place)), "the first list after its end still holds it"
    place.now += 600
    later = await published(place)
    assert short.credential.id not in serials(later)


async def test_over_many_pages_every_one_is_found(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crl, "_PAGE", 2)
    made = [await issued(place) for _ in range(5)]
    for each in made:
        await revoked(place, each)
    assert set(serials(await published(place))) == {each.credential.id for each in made}


async def test_revocations_at_once_from_several_processes_are_all_on_the_last_list(tmp_path: Path) -> None:
    async with a_place(tmp_path) as one, a_place(tmp_path) as two:
        made = [await issued(one) for _ in range(12)]
        done = await asyncio.gather(*(revoked(place, each) for each, place in zip(made, [one, two] * 6, strict=True)))
        last = await published(two)
        assert set(serials(last)) == {each.credential.id for each in made}
        assert last.number == max(each.number or 0 for each in done)


async def test_a_list_that_another_made_meanwhile_is_not_written_over(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    new, other = await issued(place), await issued(place)
    sign, turns = crypto_authority.Signer.revocation_list, iter([True])
    loop = asyncio.get_running_loop()

    def slow(self: crypto_authority.Signer, *args: object, **words: object) -> bytes:
        if next(turns, False):
            asyncio.run_coroutine_threadsafe(revoked(place, other), loop).result(10)
        return sign(self, *args, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(crypto_authority.Signer, "revocation_list", slow)
    done = await revoked(place, new)
    last = await published(place)
    assert (done.number, last.number) == (2, 2), "the other's list held both: it stands"
    assert set(serials(last)) == {new.credential.id, other.credential.id}
