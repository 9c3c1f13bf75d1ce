from collections.abc import Mapping
from dataclasses import replace

import pytest

from doorward.admin import accounts, key_rotation, keys
from doorward.admin.actor import LOCAL, Actor
from doorward.admin.keys import KeyMaker, KeyOptions, KeyOrder
from doorward.admin.mistake import Mistake, NotAllowed, NotThere
from doorward.core.event import Kind, Topic
from doorward.core.limit import Rate
from doorward.core.store import Tx, Use
from tests.methods.place import Place

ORDER = KeyOrder(name="till", owner="shop", scopes=frozenset({"read:pets"}))
KEEPER = Actor("keeper", frozenset({"read:pets"}))
CHIEF = Actor("chief", frozenset({"admin:keys"}))


async def kinds(place: Place) -> list[Kind]:
    return [entry.event.kind for entry in await place.store.journal.last(50)]


async def make(place: Place, order: KeyOrder, actor: Actor = LOCAL, maker: KeyMaker | None = None) -> keys.NewKey:
    return await keys.create(order, store=place.store, maker=maker or place.maker, actor=actor, now=place.now)


async def test_a_key_is_shown_once_and_kept_as_a_mac_only(place: Place) -> None:
    new = await make(place, ORDER)
    stored = await keys.show(new.id, store=place.store)
    text = new.key.reveal()
    assert text[20:63] not in repr(stored)
    assert stored.verifier == place.peppers.mac(text.encode())
    assert (stored.start, stored.last4, stored.key_id) == (text[:12], text[-4:], "p1")
    assert text not in repr(new)
    [entry] = await place.store.journal.last(9)
    assert entry.event.kind is Kind.KEY_CREATED
    assert text[20:63] not in repr(entry)


@pytest.mark.parametrize("method", keys.KEY_METHODS)
async def test_a_key_that_nobody_owns_stands_for_itself(place: Place, method: str) -> None:
    new = await keys.create(KeyOrder(), store=place.store, maker=place.maker, actor=LOCAL, now=place.now, method=method)
    stored = await keys.show(new.id, store=place.store)
    assert (stored.owner, stored.name) == (new.id, new.id)
    assert [key.id for key in await keys.every(store=place.store, owner=new.id)] == [new.id]
    [entry] = await place.store.journal.last(9)
    assert (entry.event.data["owner"], entry.event.data["name"]) == (new.id, new.id)
    owned = await keys.create(KeyOrder(owner="shop"), store=place.store, maker=place.maker, actor=LOCAL, now=place.now, method=method)
    assert (owned.credential.owner, owned.credential.name) == ("shop", owned.id)
    done = await key_rotation.rotate(new.id, store=place.store, maker=place.maker, actor=LOCAL, now=place.now, overlap=60)
    assert (done.new.credential.owner, done.new.credential.name) == (new.id, new.id), "who it is stays when the key is another"


async def test_an_owner_or_a_name_that_is_empty_is_a_mistake_not_nobody(place: Place) -> None:
    for order in (KeyOrder(owner=""), KeyOrder(name=" ")):
        with pytest.raises(Mistake, match="1 to 128 characters"):
            await make(place, order)


async def test_the_kind_of_a_key_follows_its_prefix_and_admin_scopes_make_one_of_their_own(place: Place) -> None:
    made = [await make(place, replace(ORDER, prefix=prefix)) for prefix in ("sk", "pk", "rk", "acme")]
    assert [each.credential.kind for each in made] == ["secret", "publishable", "restricted", ""]
    admin = await make(place, replace(ORDER, scopes=frozenset({"admin:keys"})))
    assert admin.credential.kind == "admin"
    assert admin.credential.limits.rate == KeyOptions().admin_rate
    own = await make(place, replace(ORDER, scopes=frozenset({"admin:keys"}), rate=Rate(5, 1)))
    assert own.credential.limits.rate == Rate(5, 1)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"name": "a" * 129},
        {"name": "a\x00b"},
        {"name": "a\u202eb"},
        {"owner": "  "},
        {"scopes": frozenset({"a b"})},
        {"scopes": frozenset({'a"b'})},
        {"env": "prod"},
        {"prefix": "sk_"},
        {"methods": ("G E T",)},
        {"networks": ("10.0.0.1/8",)},
        {"networks": ("example.org",)},
        {"origins": ("shop.example",)},
        {"origins": ("https://shop.example/path",)},
        {"origins": ("https://u@shop.example",)},
        {"lifetime": 0.0},
        {"data": {"a": "b" * 1025}},
    ],
)
async def test_a_wrong_order_is_told_and_nothing_is_made(place: Place, changed: Mapping[str, object]) -> None:
    with pytest.raises(Mistake):
        await make(place, replace(ORDER, **changed))  # type: ignore[arg-type]
    assert await keys.every(store=place.store) == []


async def test_origins_are_kept_as_browsers_send_them(place: Place) -> None:
    new = await make(place, replace(ORDER, origins=("HTTPS://Shop.Example:443/", "http://[::1]:8080")))
    assert new.credential.limits.origins == ("https://shop.example", "http://[::1]:8080")


async def test_where_keys_must_end_one_without_an_end_is_refused(place: Place) -> None:
    strict = replace(place.maker, options=KeyOptions(max_age=86400.0))
    for lifetime in (None, 86401.0):
        with pytest.raises(Mistake, match="max_age"):
            await make(place, replace(ORDER, lifetime=lifetime), maker=strict)
    assert (await make(place, replace(ORDER, lifetime=86400.0), maker=strict)).credential.expires_at == place.now + 86400


async def test_nobody_gives_admin_scopes_but_by_admin_keys_or_at_the_machine(place: Place) -> None:
    admin = replace(ORDER, scopes=frozenset({"admin:all"}))
    for actor in (LOCAL, CHIEF):
        await make(place, admin, actor)
    with pytest.raises(NotAllowed):
        await make(place, admin, replace(KEEPER, scopes=frozenset({"admin:all"})))
    await make(place, ORDER, KEEPER)
    with pytest.raises(NotAllowed):
        await make(place, replace(ORDER, scopes=frozenset({"read:pets", "write:pets"})), KEEPER)


async def test_a_key_for_an_account_that_has_ended_is_not_made(place: Place) -> None:
    await place.account("alice")
    await accounts.end("alice", store=place.store, actor=LOCAL, now=place.now)
    with pytest.raises(Mistake, match="ended"):
        await make(place, replace(ORDER, owner="alice"))


async def test_revoking_is_one_receipt_and_again_is_harmless(place: Place) -> None:
    new = await make(place, ORDER)
    await keys.revoke(new.id, store=place.store, actor=LOCAL, now=place.now, why="leaked")
    place.now += 9
    assert (await keys.revoke(new.id, store=place.store, actor=LOCAL, now=place.now)).revoked_at == place.now - 9
    assert await kinds(place) == [Kind.KEY_CREATED, Kind.KEY_REVOKED]
    assert {(change.topic, change.id) for change in await place.store.changes.since(0)} == {(Topic.CREDENTIAL, new.id)}


async def test_what_is_no_key_is_not_there(place: Place) -> None:
    await place.account("alice")
    [password] = await place.store.credentials.list(owner="alice")
    for id in ("nothing", password.id):
        with pytest.raises(NotThere):
            await keys.revoke(id, store=place.store, actor=LOCAL, now=place.now)


async def test_keys_are_listed_over_many_pages_by_owner_and_method(place: Place) -> None:
    for number in range(5):
        await make(place, replace(ORDER, owner=f"shop{number % 2}"))
    await place.key(ORDER, method=keys.HMAC)
    assert len(await keys.every(store=place.store)) == 6
    assert len(await keys.every(store=place.store, owner="shop0")) == 3
    assert len(await keys.every(store=place.store, method=keys.HMAC)) == 1


class TestRotation:
    async def rotate(self, place: Place, id: str, overlap: float = 60.0, maker: KeyMaker | None = None) -> key_rotation.Rotation:
        return await key_rotation.rotate(id, store=place.store, maker=maker or place.maker, actor=LOCAL, now=place.now, overlap=overlap)

    async def test_the_new_key_may_what_the_old_one_may_and_lives_as_long(self, place: Place) -> None:
        order = replace(ORDER, prefix="acme", env="test", methods=("GET",), rate=Rate(5, 1), lifetime=1000.0, data={"team": "till"})
        old = await make(place, order)
        place.now += 500
        done = await self.rotate(place, old.id)
        new = done.new.credential
        for name in ("owner", "name", "scopes", "env", "kind", "limits", "data"):
            assert getattr(new, name) == getattr(old.credential, name)
        assert new.expires_at == place.now + 1000
        assert new.replaces == old.id
        assert done.new.key.reveal().startswith("acme_test_")
        stored = await keys.show(old.id, store=place.store)
        assert stored.expires_at == done.ends_at == place.now + 60
        assert (await kinds(place))[-1] is Kind.KEY_ROTATED

    async def test_an_old_key_that_ends_sooner_is_not_prolonged(self, place: Place) -> None:
        old = await make(place, replace(ORDER, lifetime=30.0))
        assert (await self.rotate(place, old.id)).ends_at == place.now + 30
        assert (await keys.show(old.id, store=place.store)).expires_at == place.now + 30

    async def test_without_overlap_the_old_key_ends_at_once(self, place: Place) -> None:
        old = await make(place, ORDER)
        await self.rotate(place, old.id, overlap=0.0)
        assert (await keys.show(old.id, store=place.store)).revoked_at == place.now

    async def test_an_hmac_key_is_rotated_too(self, place: Place) -> None:
        old = await place.key(ORDER, method=keys.HMAC)
        done = await self.rotate(place, old.id)
        sealed = done.new.credential
        assert place.sealer.open(sealed.verifier, sealed.key_id, "hmac", sealed.id).decode() == done.new.key.reveal()

    async def test_who_still_uses_the_old_key_is_told_the_latest_first(self, place: Place) -> None:
        old = await make(place, ORDER)
        minute = int(place.now // 60)
        uses = [
            Use(old.id, minute - 3, "admitted", 2, place.now - 180, "192.0.2.1"),
            Use(old.id, minute - 1, "admitted", 1, place.now - 60, "192.0.2.2"),
            Use(old.id, minute - 2, "admitted", 3, place.now - 120, "192.0.2.1"),
            Use(old.id, minute - 2000, "admitted", 9, place.now - 120000, "192.0.2.9"),
        ]

        async def work(tx: Tx) -> None:
            await tx.add_uses(uses)

        await place.store.write(work)
        callers = (await self.rotate(place, old.id)).callers
        assert [(caller.address, caller.count) for caller in callers] == [("192.0.2.2", 1), ("192.0.2.1", 5)]

    async def test_an_ended_key_is_not_rotated(self, place: Place) -> None:
        old = await make(place, replace(ORDER, lifetime=30.0))
        place.now += 30
        with pytest.raises(NotThere):
            await self.rotate(place, old.id)
        for overlap in (-1.0, 91 * 86400.0):
            with pytest.raises(Mistake):
                await self.rotate(place, old.id, overlap)

    async def test_where_keys_must_end_an_endless_one_gets_an_end_by_rotation(self, place: Place) -> None:
        old = await make(place, ORDER)
        done = await self.rotate(place, old.id, maker=replace(place.maker, options=KeyOptions(max_age=1000.0)))
        assert done.new.credential.expires_at == place.now + 1000
