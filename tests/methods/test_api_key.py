from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.admin import accounts, key_rotation, keys, words
from doorward.admin.actor import LOCAL
from doorward.admin.keys import KeyOrder
from doorward.core import key_text
from doorward.core.errors import Refused, Why
from doorward.core.limit import Rate
from doorward.core.proof import KEY_IN_QUERY, Proof
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.methods.api_key import ApiKey, ApiKeyOptions
from tests.methods.place import ROUTE, Place, request

ORDER = KeyOrder(name="till", owner="shop", scopes=frozenset({"read:pets"}))


async def prove(method: ApiKey, asked: Request, route: Route = ROUTE) -> Proof:
    shown = method.find(asked, route)
    assert shown is not None
    return await method.prove(shown)


async def refusal(method: ApiKey, asked: Request, route: Route = ROUTE) -> Why:
    with pytest.raises(Refused) as caught:
        await prove(method, asked, route)
    return caught.value.why


@pytest.mark.parametrize("place_of", ["x-api-key", "bearer"])
@pytest.mark.rfc("6750", "2.1")
async def test_a_key_proves_its_owner_and_scopes_in_either_place(place: Place, place_of: str) -> None:
    new = await place.key(replace(ORDER, rate=Rate(5, 60)))
    text = new.key.reveal()
    proof = await prove(place.api_key(), request([("X-API-Key", text) if place_of == "x-api-key" else ("Authorization", f"Bearer {text}")]))
    assert (proof.subject, proof.scopes, proof.env, proof.credential_id) == ("shop", frozenset({"read:pets"}), "live", new.id)
    assert proof.rate == Rate(5, 60)
    assert proof.authenticated_at == place.now


async def test_the_same_key_in_two_places_is_refused(place: Place) -> None:
    text = (await place.key()).key.reveal()
    with pytest.raises(Refused) as caught:
        place.api_key().find(request([("X-API-Key", text), ("Authorization", f"Bearer {text}")]), ROUTE)
    assert caught.value.why is Why.SHOWN_TWICE


def test_another_bearer_token_is_not_an_api_key_and_may_stand_beside_one(place: Place) -> None:
    method = place.api_key()
    assert method.find(request([("Authorization", "Bearer eyJhbGciOiJFUzI1NiJ9.e30.AAAA")]), ROUTE) is None
    assert method.find(request([("Authorization", "Bearer 8f14e45fceea167a")]), ROUTE) is None
    key = key_text.make("sk", "live", lambda n: bytes(n)).whole.reveal()
    assert method.find(request([("Authorization", "Bearer eyJ.e30.AA"), ("X-API-Key", key)]), ROUTE) is not None


async def test_a_test_key_relabelled_as_a_live_one_does_not_pass(place: Place) -> None:
    text = (await place.key(replace(ORDER, env="test"))).key.reveal()
    relabelled = text.replace("_test_", "_live_")[:-6]
    forged = relabelled + key_text.check_digits(relabelled)
    assert await refusal(place.api_key(), request([("X-API-Key", forged)])) is Why.UNKNOWN


async def test_a_key_in_the_query_is_taken_only_where_the_route_allows_it_and_is_told_to_the_door(place: Place) -> None:
    text = (await place.key()).key.reveal()
    method = place.api_key()
    asked = request(query=f"a=1&api%5Fkey={text}")
    assert method.find(asked, ROUTE) is None
    allowing = Route(path="/**", allow=ROUTE.allow, allow_query_key=True)
    shown = method.find(asked, allowing)
    assert shown is not None
    assert shown.in_query
    assert text not in f"{shown}{shown!r}"
    assert (await method.prove(shown)).claims == {KEY_IN_QUERY: True}
    with pytest.raises(Refused) as caught:
        method.find(request([("X-API-Key", text)], query=f"api_key={text}"), allowing)
    assert caught.value.why is Why.SHOWN_TWICE
    with pytest.raises(Refused):
        method.find(request(query=f"api_key={text}&api_key={text}"), allowing)


@pytest.mark.parametrize("text", ["sk_live_short", "sk_live_" + "0" * 61, "sk_test_" + "a" * 62])
def test_a_cut_or_mistyped_bearer_key_is_told_so_before_any_store_is_asked(place: Place, text: str) -> None:
    with pytest.raises(Refused) as caught:
        place.api_key().find(request([("Authorization", f"Bearer {text}")]), ROUTE)
    assert caught.value.why is Why.MALFORMED


async def test_a_key_is_held_to_its_methods_networks_and_origins(place: Place) -> None:
    order = replace(ORDER, methods=("GET",), networks=("192.0.2.0/24",), origins=("https://shop.example",))
    text = (await place.key(order)).key.reveal()
    headers = [("X-API-Key", text), ("Origin", "https://shop.example")]
    method = place.api_key()
    for verb in ("GET", "HEAD"):
        assert (await prove(method, request(headers, method=verb))).subject == "shop"
    assert await refusal(method, request(headers, method="POST")) is Why.WRONG_METHOD
    assert await refusal(method, request(headers, address="198.51.100.1")) is Why.WRONG_ADDRESS
    assert await refusal(method, request(headers[:1])) is Why.WRONG_ORIGIN


async def test_not_before_and_the_end_are_kept_to_the_second(place: Place) -> None:
    text = (await place.key(replace(ORDER, not_before=place.now + 10, lifetime=60.0))).key.reveal()
    method, asked = place.api_key(), request([("X-API-Key", text)])
    assert await refusal(method, asked) is Why.NOT_YET
    place.now += 10
    assert (await prove(method, asked)).expires_at == place.now + 60
    place.now += 60
    assert await refusal(method, asked) is Why.EXPIRED


async def test_the_kind_of_the_owner_is_told_also_when_the_account_came_after_the_key(place: Place) -> None:
    method = place.api_key()
    asked = request([("X-API-Key", (await place.key(replace(ORDER, owner="alice"))).key.reveal())])
    assert (await prove(method, asked)).owner_kind == ""
    await place.account("alice")
    assert (await prove(method, asked)).owner_kind == "person"


async def test_a_key_dies_with_the_account_that_owns_it(place: Place) -> None:
    await place.account("alice")
    asked = request([("X-API-Key", (await place.key(replace(ORDER, owner="alice"))).key.reveal())])
    await accounts.end("alice", store=place.store, actor=LOCAL, now=place.now)
    assert await refusal(place.api_key(), asked) is Why.REVOKED


async def test_both_keys_work_while_a_rotation_overlaps_and_then_only_the_new_one(place: Place) -> None:
    old = await place.key()
    done = await key_rotation.rotate(old.id, store=place.store, maker=place.maker, actor=LOCAL, now=place.now, overlap=100.0)
    method = place.api_key()
    asks = [request([("X-API-Key", each.key.reveal())]) for each in (old, done.new)]
    for asked in asks:
        assert (await prove(method, asked)).subject == "shop"
    place.now += 100
    assert await refusal(method, asks[0]) is Why.EXPIRED
    assert (await prove(method, asks[1])).scopes == frozenset({"read:pets"})


async def test_a_revoked_key_with_a_wrong_secret_is_unknown_not_revoked(place: Place) -> None:
    new = await place.key()
    await keys.revoke(new.id, store=place.store, actor=LOCAL, now=place.now)
    other = key_text.make("sk", "live", lambda n: bytes(n)).whole.reveal()
    before = f"sk_live_{new.id}{other[20:63]}"
    assert await refusal(place.api_key(), request([("X-API-Key", before + key_text.check_digits(before))])) is Why.UNKNOWN
    assert await refusal(place.api_key(), request([("X-API-Key", new.key.reveal())])) is Why.REVOKED


def test_a_foreign_key_is_taken_as_bearer_only_with_a_registered_prefix(place: Place) -> None:
    asked = request([("Authorization", "Bearer acme-0123456789")])
    assert place.api_key().find(asked, ROUTE) is None
    assert place.api_key(ApiKeyOptions(foreign_prefixes=("acme-",))).find(asked, ROUTE) is not None


@given(value=st.text(st.characters(max_codepoint=255), max_size=600), where=st.sampled_from(["X-API-Key", "Authorization", "query"]))
def test_whatever_is_sent_is_found_refused_or_not_mine(value: str, where: str) -> None:
    method = ApiKey.__new__(ApiKey)
    method._options = ApiKeyOptions(foreign_prefixes=("acme",))
    allowing = Route(path="/**", allow=ROUTE.allow, allow_query_key=True)
    asked = (
        request(query=f"api_key={value}")
        if where == "query"
        else request([(where, f"Bearer {value}" if where == "Authorization" else value)])
    )
    try:
        shown = method.find(asked, allowing)
    except Refused as refused:
        assert refused.why in (Why.MALFORMED, Why.SHOWN_TWICE)
    else:
        assert shown is None or shown.text.reveal().isascii()


def test_networks_are_read_as_networks() -> None:
    assert words.networks(["192.0.2.7", "2001:db8::/32"]) == (ip_network("192.0.2.7/32"), ip_network("2001:db8::/32"))
