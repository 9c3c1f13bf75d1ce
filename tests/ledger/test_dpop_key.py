from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from doorward.core.errors import Refused, Why
from doorward.crypto.dpop_nonce import DpopNonces
from doorward.ledger.dpop_key import DpopKeys
from doorward.methods.dpop import Dpop
from tests.methods.dpop_client import DpopClient
from tests.methods.place import NOW, Place, a_place, request

CLIENT = DpopClient("EdDSA")
TOKEN = "/oauth/token"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path) as made:
        yield made


def keys(place: Place, issuer: str = "https://door.example") -> DpopKeys:
    dpop = Dpop(nonces=DpopNonces(place.peppers, place.clock, 180.0), clock=place.clock)
    return DpopKeys(dpop=dpop, once=place.store.once, clock=place.clock, issuer=issuer)


def asked(htu: str, path: str = TOKEN, **more: Any) -> Any:
    return request([("DPoP", CLIENT.proof("POST", htu, **more))], method="POST", path=path)


async def why(of: DpopKeys, shown: Any) -> Why:
    with pytest.raises(Refused) as caught:
        await of.of(shown)
    return caught.value.why


@pytest.mark.rfc("9449", "5")
async def test_the_key_of_a_proof_for_this_door_is_told_and_none_where_there_is_no_proof(place: Place) -> None:
    of = keys(place)
    told = await of.of(asked(f"https://door.example{TOKEN}"))
    assert told is not None
    assert told.jkt == CLIENT.jkt
    assert await of.of(request(method="POST", path=TOKEN)) is None


@pytest.mark.parametrize(
    ("issuer", "path", "htu", "taken"),
    [
        ("https://door.example", TOKEN, "https://door.example/oauth/token", True),
        ("https://door.example/", TOKEN, "https://DOOR.example:443/oauth/token", True),
        ("https://door.example", TOKEN, "https://api.example/oauth/token", True),  # as the connection tells it
        ("https://door.example/shop", "/shop/oauth/token", "https://door.example/shop/oauth/token", True),
        ("https://door.example/shop", TOKEN, "https://door.example/shop/oauth/token", True),
        ("https://door.example", TOKEN, "https://evil.example/oauth/token", False),
        ("https://door.example", TOKEN, "https://door.example/oauth/tokens", False),
        ("https://door.example", TOKEN, "http://door.example/oauth/token", False),
        ("https://door.example/shop", TOKEN, "https://door.example/till/oauth/token", False),
    ],
)
async def test_the_issuers_url_and_the_one_that_was_asked_count(place: Place, issuer: str, path: str, htu: str, taken: bool) -> None:
    if taken:
        assert await keys(place, issuer).of(asked(htu, path)) is not None
    else:
        assert await why(keys(place, issuer), asked(htu, path)) is Why.BAD_DPOP


@pytest.mark.rfc("9449", "11.1")
async def test_a_proof_counts_once_and_only_proving_it_uses_nothing_up(place: Place) -> None:
    of, shown = keys(place), asked(f"https://door.example{TOKEN}")
    for _ in range(3):
        assert await of.prove(shown) is not None
    assert await of.of(shown) is not None
    assert await why(of, shown) is Why.REPLAYED
    assert await why(of, asked(f"https://door.example{TOKEN}", at=NOW - 61)) is Why.STALE
