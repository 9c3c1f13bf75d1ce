"""pki/published.py: a worker follows what others change, and asks the store only then."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from doorward.admin import accounts, keys
from doorward.admin.actor import LOCAL
from doorward.admin.taking_back import taking_back
from doorward.core.authority import RevocationList
from doorward.core.event import Change, Topic
from doorward.crypto.certificate_reading import serial_text
from doorward.crypto.seal import Sealer
from doorward.pki.crl import EVERY
from doorward.pki.published import Published
from doorward.stores.watch import Watch
from tests.methods.place import NOW, Place, a_place
from tests.pki.certificates import an_authority, issued, revoked


async def follower(place: Place) -> tuple[Published, Watch]:
    made = Published(place.store, place.sealer, place.clock)
    watch = Watch(place.store.changes, on_change=(made.on_change,))
    await watch.catch_up()
    await made.load()
    return made, watch


async def step(made: Published, watch: Watch) -> set[str]:
    await watch.catch_up()
    await made.follow()
    return listed(made.revoked)


def listed(found: RevocationList | None) -> set[str]:
    assert found is not None
    return {serial_text(each.serial_number) for each in x509.load_der_x509_crl(found.der)}


async def test_another_workers_authority_and_revocations_are_followed(tmp_path: Path) -> None:
    async with a_place(tmp_path) as one, a_place(tmp_path) as two:
        made, watch = await follower(two)
        await made.follow()
        assert made.authority is None
        new = await issued(one)
        assert await step(made, watch) == set()
        assert made.authority == await an_authority(one)
        await revoked(one, new)
        assert await step(made, watch) == {new.credential.id}


async def test_a_revocation_whose_process_died_before_it_signed_is_listed_by_a_worker(place: Place) -> None:
    new = await issued(place)
    made, watch = await follower(place)
    await taking_back(place.store).credential(new.credential.id, actor="me", now=place.now)
    assert await step(made, watch) == {new.credential.id}


async def test_the_end_of_an_owner_is_followed(place: Place) -> None:
    await place.account("alice")
    new = await issued(place, owner="alice")
    made, watch = await follower(place)
    await accounts.end("alice", store=place.store, actor=LOCAL, now=place.now)
    assert await step(made, watch) == {new.credential.id}


def counting(made: Published, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    count, publish = [0], made._publisher.publish

    async def counted() -> object:
        count[0] += 1
        return await publish()

    monkeypatch.setattr(made._publisher, "publish", counted)
    return lambda: count[0]


async def test_what_concerns_no_certificate_costs_no_list(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await an_authority(place)
    await place.account("alice")
    key = await place.key()
    made, watch = await follower(place)
    published = counting(made, monkeypatch)
    await keys.revoke(key.id, store=place.store, actor=LOCAL, now=place.now)
    await accounts.end("alice", store=place.store, actor=LOCAL, now=place.now)
    await step(made, watch)
    assert published() == 0


async def test_more_changes_than_are_counted_are_looked_through_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await an_authority(place)
    made, watch = await follower(place)
    published = counting(made, monkeypatch)
    for number in range(5000):
        made.on_change(Change(topic=Topic.CREDENTIAL, id=str(number), at=NOW, until=NOW))
    assert len(made._suspects) <= 1000
    await step(made, watch)
    assert published() == 1


async def test_a_list_that_is_overdue_is_signed_by_whoever_notices_and_not_in_a_loop(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await an_authority(place)
    made, watch = await follower(place)
    published = counting(made, monkeypatch)
    place.now = NOW + 2 * EVERY - 1
    await step(made, watch)
    assert published() == 0
    place.now = NOW + 2 * EVERY
    await step(made, watch)
    assert made.revoked is not None
    assert (published(), made.revoked.number) == (1, 2)
    place.now += 3 * EVERY
    place.sealer.adopt({"other": b"o" * 32}, "other")
    with caplog.at_level(logging.ERROR):
        for _ in range(10):
            await step(made, watch)
    assert (published(), len(caplog.records)) == (2, 1)


async def test_a_list_that_cannot_be_signed_here_is_served_as_it_was(place: Place) -> None:
    new = await issued(place)
    made, watch = await follower(place)
    made._publisher = type(made._publisher)(place.store, Sealer({"x": b"x" * 32}, "x", os.urandom), place.clock)
    await taking_back(place.store).credential(new.credential.id, actor="me", now=place.now)
    assert await step(made, watch) == set()
