import asyncio
import contextlib
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.web.key_set import LARGEST, KeySet, fetch, read_keys
from tests.web.keys import TestKey
from tests.web.raw_server import serving

KEY = TestKey()
KID = KEY.jwks["keys"][0]["kid"]
URL = "https://door.test/oauth/jwks"


class Publisher:
    def __init__(self) -> None:
        self.now, self.asked, self.document = 1_000.0, 0, json.dumps(KEY.jwks).encode()
        self.error: Exception | None = None
        self.keys = KeySet(URL, lambda: self.now, self.fetch)

    async def fetch(self, url: str) -> bytes:
        assert url == URL
        self.asked += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return self.document


async def test_many_who_ask_at_once_cause_one_fetch() -> None:
    publisher = Publisher()
    found = await asyncio.gather(*(publisher.keys.find(KID) for _ in range(20)))
    assert all(key is not None for key in found)
    assert publisher.asked == 1


async def test_unknown_names_cause_one_fetch_in_30_seconds() -> None:
    publisher = Publisher()
    for number in range(50):
        assert await publisher.keys.find(f"x{number}") is None
    assert publisher.asked == 1
    publisher.now += 30
    await publisher.keys.find("y")
    assert publisher.asked == 2


async def test_a_withdrawn_key_is_gone_after_five_minutes() -> None:
    publisher = Publisher()
    assert await publisher.keys.find(KID) is not None
    publisher.document = json.dumps(TestKey().jwks).encode()
    publisher.now += 299
    assert await publisher.keys.find(KID) is not None
    publisher.now += 2
    assert await publisher.keys.find(KID) is None


@pytest.mark.parametrize("error", [httpx.ConnectError("no"), ValueError("large")])
async def test_what_was_fetched_serves_for_a_day_where_nobody_answers(error: Exception) -> None:
    publisher = Publisher()
    await publisher.keys.find(KID)
    publisher.error = error
    publisher.now += 80_000
    assert await publisher.keys.find(KID) is not None
    publisher.now += 10_000
    with pytest.raises(Refused) as refused:
        await publisher.keys.find(KID)
    assert refused.value.why is Why.UNAVAILABLE


async def test_before_the_first_fetch_it_is_unavailable_and_tried_again_soon() -> None:
    publisher = Publisher()
    publisher.error = httpx.ConnectError("no")
    with pytest.raises(Refused):
        await publisher.keys.find(KID)
    publisher.error, publisher.now = None, publisher.now + 1
    assert await publisher.keys.find(KID) is not None


@pytest.mark.parametrize("url", ["http://door.test/jwks", "ftp://door.test", "file:///etc/passwd", "door.test", "https://"])
def test_an_address_that_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        KeySet(url, lambda: 0.0)


def test_http_on_this_machine_is_taken() -> None:
    KeySet("http://localhost:1/jwks", lambda: 0.0)
    KeySet("http://127.0.0.1:1/jwks", lambda: 0.0)


@pytest.mark.parametrize(
    "document",
    [{}, {"keys": 7}, {"keys": [{}] * 65}, {"keys": KEY.jwks["keys"] * 2}, {"keys": [{"kid": "a", "alg": "ES256", "kty": "EC"}]}],
)
def test_what_is_no_key_set_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        read_keys(document)


@pytest.mark.parametrize(
    "jwk", [7, {}, {"kid": "a"}, {"kid": "a", "alg": "HS256"}, {"kid": "a", "alg": "none"}, {"kid": 7, "alg": ["ES256"]}]
)
def test_keys_that_cannot_prove_a_token_are_passed_over(jwk: Any) -> None:
    assert list(read_keys({"keys": [jwk, *KEY.jwks["keys"]]})) == [KID]


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3))
members = st.dictionaries(st.sampled_from(["kty", "kid", "alg", "crv", "x", "y", "n", "e"]), json_values | st.sampled_from(["EC", "ES256"]))


@given(st.lists(members | json_values, max_size=3) | json_values)
def test_any_document_is_read_or_refused(listed: Any) -> None:
    with contextlib.suppress(ValueError):
        read_keys({"keys": listed})


async def test_a_fetch_follows_no_redirect_and_reads_no_endless_body() -> None:
    async with serving(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n") as url:
        with pytest.raises(httpx.HTTPError):
            await fetch(url)
    large = LARGEST + 1
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % large + b" " * large) as url:
        with pytest.raises(ValueError, match="larger"):
            await fetch(url)
    async with serving(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"keys":[]}') as url:
        assert await fetch(url) == b'{"keys":[]}'
