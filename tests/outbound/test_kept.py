"""Documents of others, kept for a while: one fetch however many wait, a pause, and what serves on when nothing answers."""

import asyncio

import pytest

from doorward.core.store import Unavailable
from doorward.outbound.fetch import Fetched, FetchError
from doorward.outbound.kept import _MOST, _MOST_WAITING, FRESH, SOONEST, STALE, Kept
from doorward.outbound.refusal import Failure

URL = "https://app.example/keys.json"


class Far:
    """`answer`: what is told next; None: nothing. `gate`: closed, nobody is answered."""

    def __init__(self) -> None:
        self.now, self.answer, self.asked, self.max_age = 1000.0, b"one", 0, None
        self.gate = asyncio.Event()
        self.gate.set()
        self.kept = Kept(self.get, self.read, lambda: self.now)

    now: float
    answer: bytes | None
    max_age: float | None

    async def get(self, url: str) -> Fetched:
        self.asked += 1
        await self.gate.wait()
        if self.answer is None:
            raise FetchError(Failure.UNREACHABLE, url)
        return Fetched(self.answer, "text/plain", self.max_age)

    def read(self, body: bytes) -> bytes:
        if body == b"broken":
            raise ValueError("not what was asked for")
        return body

    async def of(self, missing: bytes | None = None, url: str = URL) -> bytes:
        return await self.kept.of(url, lambda found: found == missing)


@pytest.fixture
async def far() -> Far:
    return Far()


async def test_it_is_fetched_once_and_again_when_it_is_old(far: Far) -> None:
    assert [await far.of() for _ in range(3)] == [b"one"] * 3
    far.answer, far.now = b"two", far.now + FRESH - 1
    assert (await far.of(), far.asked) == (b"one", 1)
    far.now += 1
    assert (await far.of(), far.asked) == (b"two", 2)


@pytest.mark.parametrize(("max_age", "fresh"), [(0, SOONEST), (60, 60), (86400, FRESH)])
async def test_its_own_age_counts_within_bounds(far: Far, max_age: float, fresh: float) -> None:
    far.max_age = max_age
    await far.of()
    far.now += fresh - 1
    await far.of()
    assert far.asked == 1
    far.now += 1
    await far.of()
    assert far.asked == 2


async def test_what_is_missing_is_looked_for_at_most_once_in_30_seconds(far: Far) -> None:
    for _ in range(50):
        assert await far.of(missing=b"one") == b"one"
    assert far.asked == 1, "it was fetched this very moment"
    far.now += SOONEST
    for _ in range(50):
        await far.of(missing=b"one")
    assert far.asked == 2


async def test_one_fetch_serves_all_who_wait(far: Far) -> None:
    far.gate.clear()
    waiting = [asyncio.create_task(far.of()) for _ in range(100)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    far.gate.set()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert told[1:] == [b"one"] * 99, "whoever gives up does not take the others along"
    assert far.asked == 1


async def test_only_so_many_wait(far: Far) -> None:
    far.gate.clear()
    waiting = [asyncio.create_task(far.of()) for _ in range(_MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await far.of()
    far.gate.set()
    assert await asyncio.gather(*waiting) == [b"one"] * _MOST_WAITING
    assert await far.of() == b"one"


async def test_nobody_waits_longer_than_two_seconds(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.outbound.kept.WAIT", 0.01)
    far.gate.clear()
    with pytest.raises(Unavailable):
        await far.of()
    far.gate.set()
    assert await far.of() == b"one", "the fetch went on"
    assert far.asked == 1
    far.gate.clear()
    far.now += FRESH
    assert await far.of() == b"one", "what we have serves"
    far.gate.set()


@pytest.mark.parametrize("answer", [None, b"broken"])
async def test_what_cannot_be_fetched_again_serves_until_it_is_stale(far: Far, answer: bytes | None) -> None:
    await far.of()
    far.answer = answer
    far.now += FRESH + STALE
    assert await far.of() == b"one"
    far.now += 1
    with pytest.raises(Unavailable):
        await far.of()


async def test_a_first_failure_is_tried_again_soon_and_not_at_once(far: Far) -> None:
    far.answer = None
    for _ in range(10):
        with pytest.raises(Unavailable):
            await far.of()
    assert far.asked == 1
    far.answer, far.now = b"one", far.now + 1
    assert await far.of() == b"one"


async def test_only_so_many_are_kept(far: Far) -> None:
    for number in range(_MOST + 20):
        await far.of(url=f"{URL}?{number}")
    assert len(far.kept._known) == _MOST
    before = far.asked
    await far.of(url=f"{URL}?{_MOST + 19}")
    assert far.asked == before
    await far.of(url=f"{URL}?0")
    assert far.asked == before + 1
