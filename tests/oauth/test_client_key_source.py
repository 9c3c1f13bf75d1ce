"""Keys that a client publishes at its own address: asked when needed, and never the way in for anybody else."""

import asyncio
import json
from pathlib import Path

import pytest

from doorward.core.client import Client
from doorward.core.errors import Why
from doorward.core.store import Unavailable
from doorward.crypto.algorithms import generate
from doorward.crypto.jwk import to_jwk
from doorward.oauth.client_key_source import KeySource
from doorward.outbound.fetch import Fetcher, FetchOptions
from tests.oauth.client_desk import ClientDesk, KeyPair, refusal
from tests.outbound.servers import answering, authority, json_answer, listening, resolving

URL = "https://till.example/keys.json"
OLD, NEW = KeyPair(kid="old"), KeyPair(kid="new")


def page(*keys: KeyPair) -> bytes:
    return json.dumps({"keys": [key.public for key in keys]}).encode()


@pytest.fixture
async def till(desk: ClientDesk) -> Client:
    desk.pages[URL] = page(OLD)
    return (await desk.client(auth="private_key_jwt", jwks_uri=URL)).client


async def test_a_client_changes_its_keys_without_us(desk: ClientDesk, till: Client) -> None:
    assert (await desk.assertion(OLD.sign(desk.claims(till)))).id == till.id
    desk.pages[URL] = page(OLD, NEW)
    desk.place.now += 30
    assert (await desk.assertion(NEW.sign(desk.claims(till)))).id == till.id, "a kid that is not there is looked for"
    desk.pages[URL] = page(NEW)
    desk.place.now += 300
    assert (await refusal(desk.assertion(OLD.sign(desk.claims(till))))).why is Why.UNKNOWN, "what was taken back ends within 5 minutes"
    assert desk.asked == [URL] * 3


async def test_strangers_cannot_make_us_ask_again_and_again(desk: ClientDesk, till: Client) -> None:
    for number in range(50):
        forged = KeyPair(kid=f"k{number}", private=OLD.private)
        assert (await refusal(desk.assertion(forged.sign(desk.claims(till))))).why is Why.UNKNOWN
    await asyncio.gather(*(refusal(desk.assertion(NEW.sign(desk.claims(till)))) for _ in range(20)))
    assert desk.asked == [URL]
    assert (await desk.assertion(OLD.sign(desk.claims(till)))).id == till.id


async def test_what_cannot_be_fetched_is_no_refusal_of_the_client(desk: ClientDesk, till: Client) -> None:
    del desk.pages[URL]
    with pytest.raises(Unavailable):
        await desk.assertion(OLD.sign(desk.claims(till)))
    for junk in (b"", b"[]", b"{}", b'{"keys": {}}', b"\xff", b'{"keys": [], "keys": []}', page(*[OLD] * 33)):
        desk.pages[URL] = junk
        desk.place.now += 2
        with pytest.raises(Unavailable):
            await desk.assertion(OLD.sign(desk.claims(till)))
    desk.pages[URL] = page(OLD)
    desk.place.now += 2
    assert (await desk.assertion(OLD.sign(desk.claims(till)))).id == till.id


async def test_keys_that_prove_nothing_are_passed_over(desk: ClientDesk, till: Client) -> None:
    other = {**to_jwk(generate("ES256").public_key()), "kid": "leaked", "d": "AAAA"}
    listed = [{"kty": "oct", "k": "AAAA", "kid": "old", "alg": "HS256"}, other, {"kty": "new"}, 7, OLD.public]
    desk.pages[URL] = json.dumps({"keys": listed}).encode()
    assert (await desk.assertion(OLD.sign(desk.claims(till)))).id == till.id


async def test_two_clients_of_one_address_are_two(desk: ClientDesk, till: Client) -> None:
    second = (await desk.client(auth="private_key_jwt", jwks_uri=URL)).client
    for client in (till, second):
        assert (await desk.assertion(OLD.sign(desk.claims(client)))).id == client.id
    assert desk.asked == [URL]


async def test_over_a_real_connection_private_addresses_are_for_those_that_are_listed(desk: ClientDesk, tmp_path: Path) -> None:
    options = FetchOptions(allow=("127.0.0.1/32",), ca_bundle=str(authority().bundle(tmp_path)))
    open_to, closed = Fetcher(options, resolve=resolving(["127.0.0.1"])), Fetcher(resolve=resolving(["127.0.0.1"]))
    async with listening(answering(json_answer(page(OLD))), authority().tls(tmp_path)) as place:
        client = (await desk.client(auth="private_key_jwt", jwks_uri=place.url)).client
        keys = await KeySource(open_to.get, desk.place.clock).of(client, lambda keys: not keys.keys)
        assert [key.kid for key in keys.keys] == ["old"]
        with pytest.raises(Unavailable):
            await KeySource(closed.get, desk.place.clock).of(client, lambda keys: not keys.keys)
