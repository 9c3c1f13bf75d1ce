import asyncio
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Refused
from doorward.core.store import Unavailable
from doorward.crypto.algorithms import ASYMMETRIC
from doorward.outbound import published_keys
from doorward.outbound.published_keys import (
    FRESH,
    PAUSE,
    NotItsKeys,
    PublishedKeys,
    authorization_server,
    openid_configuration,
    read_metadata,
)
from doorward.outbound.refusal import Failure, FetchError
from tests.crypto.vectors import example as vector
from tests.outbound.issuer import URL, Key, Publisher

ONE, TWO = Key("k1"), Key("k2")


class Room:
    def __init__(self, publisher: Publisher | None = None, jwks_uri: str | None = None, stale: float = 86400.0) -> None:
        self.now, self.changes = 1000.0, 0
        self.publisher = publisher or Publisher().publish(ONE.public())
        self.keys = PublishedKeys(
            URL,
            fetcher=self.publisher,
            algorithms=ASYMMETRIC,
            clock=lambda: self.now,
            stale=stale,
            jwks_uri=jwks_uri,
            on_change=self.changed,
        )

    def changed(self) -> None:
        self.changes += 1

    async def why(self, kid: str | None = "k1", alg: str = "ES256") -> str:
        try:
            await self.keys.find(kid, alg)
        except Refused as refused:
            return refused.why.name
        except Unavailable:
            return "unavailable"
        return "found"

    async def settled(self) -> None:
        while self.keys._task is not None:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)


async def test_the_first_use_fetches_and_the_second_does_not() -> None:
    room = Room()
    assert await room.why() == "found"
    assert await room.why() == "found"
    assert room.publisher.asked == [f"{URL}/.well-known/openid-configuration", f"{URL}/jwks"]
    assert room.changes == 1


async def test_a_jwks_uri_that_was_written_needs_no_discovery() -> None:
    room = Room(jwks_uri=f"{URL}/jwks")
    assert await room.why() == "found"
    assert room.publisher.asked == [f"{URL}/jwks"]


@pytest.mark.rfc("8414", "3.1")
async def test_an_issuer_without_openid_configuration_is_asked_as_an_authorization_server() -> None:
    room = Room()
    room.publisher.answers[authorization_server(URL)] = room.publisher.answers.pop(openid_configuration(URL))
    assert await room.why() == "found"


@pytest.mark.rfc("8414", "3.1")
def test_both_well_known_places_of_an_issuer_with_a_path() -> None:
    assert openid_configuration("https://h/t/") == openid_configuration("https://h/t") == "https://h/t/.well-known/openid-configuration"
    assert authorization_server("https://h:8443/t") == "https://h:8443/.well-known/oauth-authorization-server/t"
    assert authorization_server("https://h/") == authorization_server("https://h") == "https://h/.well-known/oauth-authorization-server"


@pytest.mark.rfc("8414", "3.1")
def test_the_examples_of_rfc_8414() -> None:
    places = vector("RFC 8414 section 3.1 / RFC 9728 section 3.1 (well-known before the path)")
    for issuer in ("https://example.com", "https://example.com/issuer1"):
        assert authorization_server(issuer) == places[issuer]


async def test_two_hundred_who_come_at_once_cause_one_fetch() -> None:
    room = Room()
    room.publisher.delay = 0.01
    assert set(await asyncio.gather(*(room.why() for _ in range(200)))) == {"found"}
    assert room.publisher.fetches == 1


async def test_a_flood_of_unknown_kids_causes_one_fetch_in_thirty_seconds_and_no_queue() -> None:
    room = Room()
    await room.why()
    for second in range(60):
        room.now += 1
        told = await asyncio.gather(*(room.why(f"x{second}-{number}") for number in range(50)))
        assert set(told) == {"UNKNOWN"}
    assert room.publisher.fetches == 1 + 60 // PAUSE
    assert room.keys._waiting == 0
    assert room.keys._task is None


async def test_more_than_can_wait_are_told_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_keys, "PATIENCE", 0.05)
    room = Room()
    room.publisher.gate = asyncio.Event()
    told = await asyncio.gather(*(room.why() for _ in range(600)))
    assert set(told) == {"unavailable"}
    assert room.keys._waiting == 0
    room.publisher.gate.set()
    await room.settled()
    assert await room.why() == "found"


async def test_a_slow_issuer_is_waited_for_a_moment_and_its_answer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_keys, "PATIENCE", 0.02)
    room = Room()
    room.publisher.gate = asyncio.Event()
    assert await room.why() == "unavailable"
    room.publisher.gate.set()
    await room.settled()
    assert await room.why() == "found"
    assert room.publisher.fetches == 1


async def test_whoever_gives_up_waiting_does_not_end_the_fetch_of_the_others() -> None:
    room = Room()
    room.publisher.gate = asyncio.Event()
    first, second = asyncio.create_task(room.why()), asyncio.create_task(room.why())
    await asyncio.sleep(0)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    room.publisher.gate.set()
    assert await second == "found"


async def test_an_issuer_that_fails_is_left_alone_for_a_while_and_answered_for_with_503() -> None:
    room = Room()
    good = dict(room.publisher.answers)
    room.publisher.fail()
    assert [await room.why() for _ in range(20)] == ["unavailable"] * 20
    assert len(room.publisher.asked) == 1
    room.publisher.answers = good
    room.now += PAUSE
    assert await room.why() == "found"


async def test_keys_are_kept_while_the_issuer_is_down_and_end_when_they_are_stale() -> None:
    room = Room(stale=7200)
    key = await room.keys.find("k1", "ES256")
    room.publisher.fail()
    room.now += 7199
    assert await room.why() == "found"
    assert room.keys.holds(key)
    await room.settled()
    assert await room.why("new") == "unavailable"  # it may be one that was published since: nobody can tell
    room.now += 1
    assert not room.keys.holds(key)
    assert await room.why() == "unavailable"
    assert room.changes == 2


async def test_keys_are_fetched_again_in_the_background_within_bounds() -> None:
    for told, kept in ((None, 900.0), (0.0, FRESH[0]), (1e9, FRESH[1]), (600.0, 600.0)):
        room = Room()
        room.publisher.max_age = told
        await room.why()
        room.now += kept - 1
        assert await room.why() == "found"
        assert room.keys._task is None
        room.now += 1
        assert await room.why() == "found"
        assert room.keys._task is not None
        await room.settled()
        assert room.publisher.fetches == 2
        assert room.changes == 1


async def test_rotation_a_new_key_is_found_and_a_withdrawn_one_forgotten() -> None:
    room = Room()
    old = await room.keys.find("k1", "ES256")
    room.publisher.publish(ONE.public(), TWO.public())
    room.now += PAUSE
    new = await room.keys.find("k2", "ES256")
    assert await room.keys.find("k1", "ES256") is old  # published again: the same object, so what it proved stays known
    room.publisher.publish(TWO.public())
    room.now += FRESH[1]
    room.keys.holds(old)
    await room.settled()
    assert not room.keys.holds(old)
    assert room.keys.holds(new)
    assert await room.why("k1") == "UNKNOWN"
    assert room.changes == 3


async def test_a_key_that_was_changed_under_its_kid_is_another_key() -> None:
    room = Room()
    old = await room.keys.find("k1", "ES256")
    room.publisher.publish(Key("k1").public())
    room.now += FRESH[1]
    room.keys.holds(old)
    await room.settled()
    assert not room.keys.holds(old)


@pytest.mark.rfc("8414", "3.3")
@pytest.mark.parametrize(
    "lie",
    [
        {"issuer": "https://evil.test", "jwks_uri": f"{URL}/jwks"},
        {"issuer": f"{URL}/", "jwks_uri": f"{URL}/jwks"},
        {"issuer": [URL], "jwks_uri": f"{URL}/jwks"},
        {"jwks_uri": f"{URL}/jwks"},
        {"issuer": URL},
        {"issuer": URL, "jwks_uri": [f"{URL}/jwks"]},
        b'{"issuer": "https://idp.test", "issuer": "https://idp.test", "jwks_uri": "https://idp.test/jwks"}',
        b"<html>",
        b"",
        b"[]",
        b"[" * 50_000,
        b'{"a":' * 50_000,
        b"\xff\xfe",
        FetchError(Failure.REDIRECTED),
        FetchError(Failure.TOO_LARGE),
    ],
)
async def test_metadata_that_is_not_of_this_issuer_gives_no_keys(lie: object) -> None:
    room = Room()
    room.publisher.answers[openid_configuration(URL)] = lie
    assert await room.why() == "unavailable"
    assert room.publisher.fetches == 0


@pytest.mark.parametrize(
    "lie",
    [
        {"keys": []},
        {"keys": {}},
        {"keys": None},
        {},
        {"keys": ["x", 1, None, []]},
        {"keys": [ONE.public(use="enc")]},
        {"keys": [{"kty": "oct", "k": "A" * 43, "kid": "k1", "alg": "HS256"}]},
        {"keys": [ONE.public()] * 65},
        b'{"keys": [], "keys": []}',
        b"<html>",
        b" " * 200_000,
        b'{"keys": ' + b"[" * 50_000,
        FetchError(Failure.BAD_TYPE),
        FetchError(Failure.TOO_SLOW),
    ],
)
async def test_a_key_set_that_lies_gives_no_keys_and_takes_none_away(lie: object) -> None:
    room = Room()
    good = room.publisher.answers[f"{URL}/jwks"]
    room.publisher.answers[f"{URL}/jwks"] = lie
    assert await room.why() == "unavailable"
    room.publisher.answers[f"{URL}/jwks"] = good
    room.now += PAUSE
    assert await room.why() == "found"
    room.publisher.answers[f"{URL}/jwks"] = lie
    room.now += FRESH[1]
    assert await room.why() == "found"
    await room.settled()
    assert await room.why() == "found"
    assert room.changes == 1


async def test_an_error_of_our_own_is_told_as_unavailable_and_does_not_stick() -> None:
    room = Room()
    good = dict(room.publisher.answers)
    room.publisher.answers = {openid_configuration(URL): RuntimeError("ours")}
    assert await room.why() == "unavailable"
    room.publisher.answers = good
    room.now += PAUSE
    assert await room.why() == "found"


async def test_look_says_why_there_are_no_keys() -> None:
    room = Room()
    assert await room.keys.look() is None
    down = Room()
    down.publisher.fail(Failure.NOT_PUBLIC)
    assert "not public" in str(await down.keys.look())


async def test_closed_while_it_fetches_it_ends() -> None:
    room = Room()
    room.publisher.gate = asyncio.Event()
    waiting = asyncio.create_task(room.why())
    await asyncio.sleep(0)
    room.keys.close()
    assert await waiting == "unavailable"
    assert room.keys._task is None


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)).map(
            lambda value: json.dumps(value).encode()
        ),
    )
)
def test_metadata_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(NotItsKeys):
        assert isinstance(read_metadata(data, URL), str)
