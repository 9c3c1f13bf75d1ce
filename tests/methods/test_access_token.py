import os
from dataclasses import replace

import pytest

from doorward.core import access_text, key_text
from doorward.core.access_text import AccessText
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.event import Change, Topic
from doorward.core.policy import By
from doorward.core.proof import Proof
from doorward.core.revoked import Revoked
from doorward.core.route import Route
from doorward.core.store import Tx, Unavailable
from doorward.methods.access_token import AccessToken, opaque_data
from doorward.methods.api_key import ApiKeyOptions
from tests.methods.place import NOW, Place, request

ROUTE = Route(path="/**", allow=By("access_token"))
KEY = "x5t#S256:abc"


async def given(place: Place, **more: object) -> AccessText:
    text = access_text.make(os.urandom)
    made = Credential(
        id=text.id,
        method=access_text.METHOD,
        lookup=text.id,
        verifier=place.peppers.mac(text.whole.reveal().encode()),
        key_id=place.peppers.current,
        owner="alice",
        created_at=NOW,
        expires_at=NOW + 60,
        scopes=frozenset({"read:pets"}),
        data=opaque_data(client="orders", audiences=("https://door.example", "https://api"), bound_to=frozenset(), seq=5),
    )

    async def work(tx: Tx) -> None:
        await tx.add_credential(replace(made, **more))  # type: ignore[arg-type]  # names of its fields

    await place.store.write(work)
    return text


async def proof(method: AccessToken, text: AccessText, route: Route = ROUTE, scheme: str = "Bearer") -> Proof:
    shown = method.find(request([("Authorization", f"{scheme} {text.whole.reveal()}")]), route)
    assert shown is not None
    return await method.prove(shown)


async def why(method: AccessToken, text: AccessText, route: Route = ROUTE) -> Why:
    with pytest.raises(Refused) as caught:
        await proof(method, text, route)
    return caught.value.why


async def test_it_tells_client_subject_and_scopes(place: Place) -> None:
    shown = await proof(place.access_token(), await given(place))
    assert (shown.subject, shown.client, shown.scopes, shown.expires_at) == ("alice", "orders", frozenset({"read:pets"}), NOW + 60)
    assert (shown.bound_to, shown.ath, shown.issuer) == (frozenset(), None, None)


@pytest.mark.rfc("9449", "7.1")
async def test_a_bound_one_tells_its_keys_and_its_own_digest(place: Place) -> None:
    data = opaque_data(
        client="orders", audiences=("https://door.example",), bound_to=frozenset({KEY, "jkt:x"}), seq=0, authenticated_at=NOW
    )
    shown = await proof(place.access_token(), await given(place, data=data), scheme="DPoP")
    assert shown.bound_to == {KEY, "jkt:x"}
    assert shown.ath is not None
    assert len(shown.ath) == 43
    assert shown.authenticated_at == NOW


@pytest.mark.rfc("9068", "4")
async def test_the_audience_is_the_routes(place: Place) -> None:
    method, text = place.access_token(), await given(place)
    await proof(method, text, replace(ROUTE, audience="https://api"))
    assert await why(method, text, replace(ROUTE, audience="https://other")) is Why.WRONG_AUDIENCE


@pytest.mark.parametrize(("topic", "id"), [(Topic.CLIENT, "orders"), (Topic.SUBJECT, "alice")])
async def test_it_ends_with_its_client_and_with_all_tokens_of_its_subject(place: Place, topic: Topic, id: str) -> None:
    revoked = Revoked()
    method, old = place.access_token(revoked), await given(place)
    newer = await given(place, data=opaque_data(client="orders", audiences=("https://door.example",), bound_to=frozenset(), seq=7))
    revoked.apply(Change(topic=topic, id=id, at=NOW, until=NOW + 60, seq=6))
    assert await why(method, old) is Why.REVOKED
    assert (await proof(method, newer)).subject == "alice", "made after it, by the number of the change"


async def test_an_epoch_in_the_store_ends_it_before_it_is_announced_here(place: Place) -> None:
    await place.account()
    method, text = place.access_token(), await given(place)

    async def work(tx: Tx) -> None:
        await tx.set_epoch("alice", NOW + 1)

    await place.store.write(work)
    assert await why(method, text) is Why.REVOKED


async def test_it_ends_with_its_grant(place: Place) -> None:
    assert await why(place.access_token(), await given(place, grant_id="a grant that was swept")) is Why.REVOKED


async def test_while_revocations_are_not_known_nothing_is_proven(place: Place) -> None:
    with pytest.raises(Unavailable):
        await proof(place.access_token(fresh=False), await given(place))


async def test_keys_and_jwts_are_not_its_own_and_it_is_no_key(place: Place) -> None:
    method, key = place.access_token(), key_text.make("sk", "live", os.urandom)
    for text in (key.whole.reveal(), "eyJ.eyJ.x", "rt_" + "x" * 43):
        assert method.find(request([("Authorization", f"Bearer {text}")]), ROUTE) is None
    token = (await given(place)).whole.reveal()
    assert place.api_key().find(request([("Authorization", f"Bearer {token}")]), ROUTE) is None
    with pytest.raises(ValueError, match="foreign_prefixes"):
        ApiKeyOptions(foreign_prefixes=("oat_",))


async def test_expired_ones_are_swept(place: Place) -> None:
    text = await given(place)
    assert await place.store.sweep(NOW + 59) == 0
    assert await place.store.sweep(NOW + 61) == 1
    assert await place.store.credentials.get(text.id) is None
