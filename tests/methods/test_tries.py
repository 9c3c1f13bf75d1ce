"""methods/tries.py: never more wrong guesses than the rate, and no right one refused for those beside it."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.core.limit import Rate
from doorward.core.store import Unavailable
from doorward.methods import tries
from doorward.methods.tries import Tries
from doorward.stores.memory import MemoryStore

NOW = 1_790_000_000.0


def clock() -> float:
    return NOW


def limited(count: int) -> Tries:
    return Tries(MemoryStore(clock).meter, Rate(count, 60), clock)


async def attempt(limit: Tries, keys: list[str], *, wrong: bool) -> Why | None:
    try:
        await limit.take(keys)
    except Refused as refused:
        return refused.why
    await asyncio.sleep(0)
    await limit.settle(keys, wrong=wrong)
    return None


async def test_a_burst_of_right_guesses_is_slowed_and_not_refused() -> None:
    limit = limited(3)
    assert await asyncio.gather(*(attempt(limit, ["a"], wrong=False) for _ in range(50))) == [None] * 50


async def test_a_burst_of_wrong_guesses_ends_at_the_rate() -> None:
    limit = limited(3)
    said = await asyncio.gather(*(attempt(limit, ["a"], wrong=True) for _ in range(50)))
    assert said.count(None) == 3
    assert said.count(Why.TOO_MANY_FAILURES) == 47
    assert await attempt(limit, ["a"], wrong=False) is Why.TOO_MANY_FAILURES


async def test_what_was_taken_of_one_key_is_given_back_when_another_has_none() -> None:
    limit = limited(1)
    assert await attempt(limit, ["account"], wrong=True) is None
    assert await attempt(limit, ["address", "account"], wrong=True) is Why.TOO_MANY_FAILURES
    assert await attempt(limit, ["address"], wrong=True) is None


async def test_how_many_wait_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "MOST_WAITING", 4)
    limit = limited(1)
    said = await asyncio.gather(*(attempt(limit, ["a"], wrong=False) for _ in range(10)))
    assert said.count(None) == 5
    assert said.count(Why.BUSY) == 5


async def test_one_who_gives_up_hands_the_turn_on() -> None:
    limit = limited(1)
    await limit.take(["a"])
    waiting = [asyncio.create_task(attempt(limit, ["a"], wrong=False)) for _ in range(3)]
    await asyncio.sleep(0.01)
    await limit.settle(["a"], wrong=False)
    waiting[0].cancel()
    assert await asyncio.wait_for(asyncio.gather(*waiting[1:]), 1) == [None, None]


async def test_no_limit_limits_nothing() -> None:
    limit = Tries(MemoryStore(clock).meter, None, clock)
    assert await asyncio.gather(*(attempt(limit, ["a"], wrong=True) for _ in range(50))) == [None] * 50


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=30), st.integers(1, 5))
async def test_in_any_order_at_most_the_rate_is_wrong_and_nobody_waits_for_ever(guesses: list[tuple[str, bool]], count: int) -> None:
    limit = limited(count)
    work = [attempt(limit, [key], wrong=wrong) for key, wrong in guesses]
    said = await asyncio.wait_for(asyncio.gather(*work), 5)
    for name in "ab":
        through = [wrong for (key, wrong), why in zip(guesses, said, strict=True) if key == name and why is None]
        assert sum(through) <= count


async def test_a_meter_that_fails_to_take_back_leaves_nobody_waiting() -> None:
    limit = limited(1)
    meter = limit._meter

    async def fail(key: str, rate: Rate, now: float) -> None:
        raise Unavailable("locked")

    await limit.take(["a"])
    waiting = asyncio.create_task(attempt(limit, ["a"], wrong=False))
    await asyncio.sleep(0.01)
    meter.give_back = fail  # type: ignore[method-assign]
    await limit.settle(["a"], wrong=False)
    assert await asyncio.wait_for(waiting, 1) is Why.TOO_MANY_FAILURES
    assert await asyncio.wait_for(attempt(limit, ["a"], wrong=False), 1) is Why.TOO_MANY_FAILURES


async def test_nobody_waits_for_longer_than_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "LONGEST_WAIT", 0.05)
    limit = limited(1)
    await limit.take(["a"])
    assert await attempt(limit, ["a"], wrong=False) is Why.BUSY
