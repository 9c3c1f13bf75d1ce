"""core/clock.py: lengths of time as people write them."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.clock import Drawn, moment, span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("0s", 0.0), ("250ms", 0.25), ("10s", 10.0), ("5m", 300.0), ("24h", 86400.0), ("30d", 2592000.0), ("2w", 1209600.0)],
)
def test_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "s", "1.5h", "-1s", "1 h", "1H", "1h30m", "٣s", "10s\n", "1" * 10 + "s"])
def test_anything_else_is_refused_with_the_forms_that_are_understood(text: str) -> None:
    with pytest.raises(ValueError, match="10s, 5m, 24h, 30d"):
        span(text)


@given(st.text(max_size=20))
def test_any_text_is_a_length_or_a_value_error(text: str) -> None:
    try:
        assert span(text) >= 0
    except ValueError as error:
        assert len(str(error)) < 250


@pytest.mark.parametrize(
    ("at", "text"),
    [(None, None), (0.0, "1970-01-01T00:00:00Z"), (1_800_000_000.9, "2027-01-15T08:00:00Z"), (6e14, "9999-12-31T23:59:59Z")],
)
def test_a_moment_is_told_in_utc_to_the_second(at: float | None, text: str | None) -> None:
    assert moment(at) == text


def test_drawn_entropy_is_never_given_twice() -> None:
    asked: list[int] = []

    def entropy(count: int) -> bytes:
        asked.append(count)
        return os.urandom(count)

    drawn = Drawn(entropy)
    given = [drawn(12) for _ in range(1000)] + [drawn(5000)]
    assert len(set(given)) == 1001
    assert [len(each) for each in given] == [12] * 1000 + [5000]
    assert len(asked) < 6
