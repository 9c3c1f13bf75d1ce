"""A home-grown table of keys moves over without its callers noticing."""

import base64
import hashlib
import hmac
import os
from collections.abc import Callable

import bcrypt
import pytest
from argon2 import PasswordHasher
from blake3 import blake3

from doorward.admin.actor import LOCAL
from doorward.admin.key_csv import ImportOrder
from doorward.admin.key_import import import_keys
from doorward.admin.keys import KeyOptions
from doorward.core.errors import Refused, Why
from doorward.core.proof import Proof
from doorward.crypto.password import HashingPool
from doorward.methods.api_key import ApiKey, ApiKeyOptions
from tests.methods.place import ROUTE, Place, request

KEY = "acme-0123456789abcdef"
PLAIN = KEY.encode()
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASHES: dict[str, Callable[[], str]] = {
    "sha256-hex": lambda: hashlib.sha256(PLAIN).hexdigest(),
    "sha256-base64": lambda: base64.b64encode(hashlib.sha256(PLAIN).digest()).decode(),
    "sha512-hex": lambda: hashlib.sha512(PLAIN).hexdigest(),
    "sha512-base64": lambda: base64.b64encode(hashlib.sha512(PLAIN).digest()).decode(),
    "hmac-sha256-hex": lambda: hmac.new(bytes(range(1, 33)), PLAIN, "sha256").hexdigest(),
    "hmac-sha256-base64": lambda: base64.b64encode(hmac.digest(bytes(range(1, 33)), PLAIN, "sha256")).decode(),
    "bcrypt": lambda: bcrypt.hashpw(PLAIN, bcrypt.gensalt(4)).decode(),
    "argon2": lambda: CHEAP.hash(PLAIN),
    "blake3-salt-hex": lambda: f"salt:{blake3(b'salt' + PLAIN).hexdigest()}",
    "blake3-key-salt-hex": lambda: f"salt:{blake3(PLAIN + b'salt').hexdigest()}",
}


class CountingPool(HashingPool):
    jobs = 0

    async def run(self, fn: Callable[..., object], *args: object, **kwargs: object) -> object:  # type: ignore[override]
        self.jobs += 1
        return await super().run(fn, *args, **kwargs)


async def bring(place: Place, form: str, hashed: str | None = None, id: str = "old-1", start: str = "acme-012") -> None:
    text = hashed or HASHES[form]()
    lines = ["id,name,owner,hash,start,scopes,expires\n", f'{id},till,shop,"{text}",{start},read:pets write:pets,\n']
    order = ImportOrder(form=form, pepper_id="old" if form.startswith("hmac") else "")
    await import_keys(lambda: lines, order, store=place.store, actor=LOCAL, options=KeyOptions(), entropy=os.urandom, now=place.now)


def method(place: Place) -> ApiKey:
    return place.api_key(ApiKeyOptions(foreign_prefixes=("acme-",)))


async def prove(asked: ApiKey, text: str, header: str = "X-API-Key") -> Proof:
    shown = asked.find(request([(header, text)]), ROUTE)
    assert shown is not None
    return await asked.prove(shown)


async def refusal(asked: ApiKey, text: str) -> Why:
    with pytest.raises(Refused) as caught:
        await prove(asked, text)
    return caught.value.why


@pytest.mark.parametrize("form", HASHES)
async def test_a_key_of_foreign_shape_is_proven_by_its_old_hash(place: Place, form: str) -> None:
    await bring(place, form)
    for _ in range(2):
        proof = await prove(method(place), KEY)
        assert (proof.subject, proof.scopes, proof.credential_id) == ("shop", frozenset({"read:pets", "write:pets"}), "old-1")
    assert (await prove(method(place), f"Bearer {KEY}", "Authorization")).subject == "shop"
    assert await refusal(method(place), KEY + "x") is Why.UNKNOWN
    assert await refusal(method(place), "acme-999") is Why.UNKNOWN


@pytest.mark.parametrize("form", ["bcrypt", "argon2"])
async def test_a_slow_hash_is_paid_once_then_never_again_for_the_right_key(place: Place, form: str) -> None:
    await bring(place, form)
    place.pool = pool = CountingPool(threads=1)
    asked = method(place)
    await prove(asked, KEY)
    assert pool.jobs == 1
    await prove(asked, KEY)
    await prove(method(place), KEY)
    assert pool.jobs == 1
    stored = await place.store.credentials.get("old-1")
    assert stored is not None
    assert stored.key_id == "p1"


async def test_an_unknown_start_costs_what_a_wrong_key_costs_once_a_slow_hash_was_seen(place: Place) -> None:
    await bring(place, "bcrypt")
    place.pool = pool = CountingPool(threads=1)
    asked = method(place)
    await refusal(asked, KEY[:-1] + "x")
    assert pool.jobs == 1
    await refusal(asked, "other-0123456789abcdef")
    assert pool.jobs == 2


async def test_without_slow_hashes_garbage_is_never_hashed_slowly(place: Place) -> None:
    await bring(place, "sha256-hex")
    place.pool = pool = CountingPool(threads=1)
    await refusal(method(place), "garbage-of-some-length")
    assert pool.jobs == 0


async def test_keys_of_one_start_are_told_apart(place: Place) -> None:
    for number in range(3):
        text = bcrypt.hashpw(f"acme-012-{number}".encode(), bcrypt.gensalt(4)).decode()
        await bring(place, "bcrypt", text, id=f"old-{number}")
    for number in range(3):
        assert (await prove(method(place), f"acme-012-{number}")).credential_id == f"old-{number}"


async def test_an_upgraded_key_does_not_pay_for_its_siblings(place: Place) -> None:
    for number in range(3):
        text = bcrypt.hashpw(f"acme-012-{number}".encode(), bcrypt.gensalt(4)).decode()
        await bring(place, "bcrypt", text, id=f"old-{number}")
    place.pool = pool = CountingPool(threads=1)
    await prove(method(place), "acme-012-2")
    paid = pool.jobs
    assert (await prove(method(place), "acme-012-2")).credential_id == "old-2"
    assert pool.jobs == paid


async def test_the_hash_itself_is_no_key(place: Place) -> None:
    """Whoever read the old table cannot call with what stands in it."""
    await bring(place, "sha256-hex")
    assert await refusal(method(place), hashlib.sha256(PLAIN).hexdigest()) is Why.UNKNOWN
