"""core/limit.py: GCRA as arithmetic, and the text form of a rate."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.core.limit import Rate, verdict
from tests.core.stage import MeterInMemory

rates = st.builds(Rate, st.integers(1, 1_000_000), st.sampled_from([1, 60, 3600, 86400]))


@pytest.mark.parametrize(("text", "rate"), [("1/s", Rate(1, 1)), ("100/m", Rate(100, 60)), ("5/h", Rate(5, 3600)), ("9/d", Rate(9, 86400))])
def test_a_rate_is_a_number_a_slash_and_a_unit(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate
    assert str(rate) == text


@pytest.mark.parametrize(
    "text", ["", "100", "0/m", "-1/m", "1.5/m", "100/w", "100 / m", "/m", "100/M", "٣/m", "1/m\n", "9" * 10 + "/d", "1000001/s"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="rate"):
        Rate.parse(text)


@given(rates)
def test_a_rate_is_read_back_as_it_was_written(rate: Rate) -> None:
    assert Rate.parse(str(rate)) == rate


@given(st.text(max_size=20))
def test_any_text_is_a_rate_that_can_be_kept_or_a_value_error(text: str) -> None:
    try:
        rate = Rate.parse(text)
    except ValueError:
        return
    assert rate.step >= 1


def test_the_arithmetic_of_one_rate() -> None:
    rate = Rate(100, 60)
    assert (rate.step, rate.depth) == (600_000, 60_000_000)
    fresh = verdict(rate, 0, 5_000_000, allowed=True)
    assert (fresh.remaining, fresh.reset, fresh.retry_after) == (100, 0.0, 0.0)
    half = verdict(rate, 35_000_000, 5_000_000, allowed=True)
    assert (half.remaining, half.reset) == (50, 30.0)
    full = verdict(rate, 65_000_000, 5_000_000, allowed=False)
    assert (full.remaining, full.reset, full.retry_after) == (0, 60.0, 0.6)


@given(rates, st.integers(0, 10**17), st.integers(0, 10**17), st.booleans())
def test_a_verdict_is_within_its_bounds(rate: Rate, arrival: int, now: int, allowed: bool) -> None:
    said = verdict(rate, arrival, now, allowed=allowed)
    assert 0 <= said.remaining <= rate.count
    assert said.reset >= 0
    assert said.retry_after >= 0


@given(st.integers(1, 20), st.lists(st.floats(0, 30, allow_nan=False), max_size=60))
@settings(max_examples=100)
async def test_no_window_lets_more_than_twice_the_rate_through_and_a_rested_one_the_whole(count: int, gaps: list[float]) -> None:
    """GCRA with a burst of the whole count: any window of the period admits at most count at once and count as they drip."""
    rate, meter, now, admitted = Rate(count, 60), MeterInMemory(), 0.0, []
    for gap in gaps:
        now += gap
        if (await meter.take("k", rate, now)).allowed:
            admitted.append(now)
    for begin in admitted:
        assert sum(begin <= at < begin + 60 for at in admitted) <= 2 * count
    now += 60
    burst = [(await meter.take("k", rate, now)).allowed for _ in range(count + 1)]
    assert burst == [True] * count + [False]


async def test_retry_after_is_when_it_works_again() -> None:
    rate, meter = Rate(3, 1), MeterInMemory()
    for _ in range(3):
        assert (await meter.take("k", rate, 10.0)).allowed
    refused = await meter.take("k", rate, 10.0)
    assert not (await meter.take("k", rate, 10.0 + refused.retry_after - 0.01)).allowed
    assert (await meter.take("k", rate, 10.0 + refused.retry_after + 0.00001)).allowed
