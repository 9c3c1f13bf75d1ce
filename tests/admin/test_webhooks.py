import os

import pytest

from doorward.admin import webhooks
from doorward.admin.actor import LOCAL, Actor
from doorward.admin.mistake import Mistake, NotAllowed, NotThere, Taken
from doorward.admin.webhooks import NewSecret, SenderOrder
from doorward.core.secret import Secret
from doorward.crypto.seal import Sealer
from doorward.crypto.webhook_secrets import Live, seal, unseal
from doorward.ledger.reseal import reseal
from tests.methods.place import Place


async def add(place: Place, name: str = "orders", form: str = "standard", secret: Secret | None = None, actor: Actor = LOCAL) -> NewSecret:
    order = SenderOrder(name=name, form=form, scopes=frozenset({"write:orders"}))
    return await webhooks.add(order, secret, store=place.store, sealer=place.sealer, entropy=os.urandom, actor=actor, now=place.now)


async def rotate(place: Place, name: str, secret: Secret | None = None, overlap: float = 60.0) -> NewSecret:
    return await webhooks.rotate(
        name, secret, store=place.store, sealer=place.sealer, entropy=os.urandom, actor=LOCAL, now=place.now, overlap=overlap
    )


async def test_a_secret_is_shown_where_we_made_it_and_not_where_it_was_brought(place: Place) -> None:
    assert (await add(place)).secret is not None
    assert (await add(place, "other", "github", Secret("It's a Secret to Everybody"))).secret is None


async def test_names_are_never_reused(place: Place) -> None:
    await add(place)
    with pytest.raises(Taken):
        await add(place)
    await webhooks.revoke("orders", store=place.store, actor=LOCAL, now=place.now)
    with pytest.raises(Taken):
        await add(place)
    with pytest.raises(NotThere):
        await rotate(place, "orders")
    assert [each.name for each in await webhooks.every(store=place.store)] == ["orders"]


async def test_what_is_not_understood_is_said(place: Place) -> None:
    for name, form, secret in (
        ("a b", "github", None),
        ("x", "gitlab", None),
        ("x", "github", Secret("short")),
        ("x", "standard", Secret("x" * 40)),
    ):
        with pytest.raises(Mistake):
            await add(place, name, form, secret)
    with pytest.raises(NotThere):
        await webhooks.show("nobody", store=place.store)
    with pytest.raises(NotAllowed):
        await add(place, actor=Actor("eve", frozenset()))
    new = await add(place)
    with pytest.raises(Mistake, match="present secret"):
        await rotate(place, "orders", new.secret)
    with pytest.raises(Mistake, match="overlap"):
        await rotate(place, "orders", overlap=-1)


async def test_a_third_secret_drops_the_first(place: Place) -> None:
    await add(place)
    await rotate(place, "orders", overlap=1000)
    await rotate(place, "orders", overlap=500)
    sender = await webhooks.show("orders", store=place.store)
    assert len(unseal(sender.verifier, sender.key_id, place.sealer, sender.id)) == 2
    assert webhooks.old_until(sender, place.sealer, place.now) == place.now + 500
    assert webhooks.old_until(sender, place.sealer, place.now + 500) is None


async def test_what_is_sealed_is_sealed_anew_under_another_key(place: Place) -> None:
    new = await add(place)
    place.sealer.adopt({"s1": bytes(range(2, 34)), "s2": bytes(32)}, "s2")
    assert await reseal(place.store, place.sealer, actor="local operator", now=place.now) == 1
    sender = await webhooks.show("orders", store=place.store)
    alone = Sealer({"s2": bytes(32)}, "s2", os.urandom)
    assert unseal(sender.verifier, sender.key_id, alone, sender.id)[0].secret == new.secret


def test_a_sender_has_one_or_two_secrets(place: Place) -> None:
    for count in (0, 3):
        with pytest.raises(ValueError, match="1 to 2"):
            seal([Live(Secret("x"), None)] * count, place.sealer, "row")
