"""core/spiffe_id.py: what is a SPIFFE ID, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.spiffe_id import LONGEST, SpiffeId


@pytest.mark.parametrize("text", ["spiffe://example.org/orders", "spiffe://a_b-c.d/x/y.z/_-", "spiffe://example.org", "spiffe://1/2"])
def test_an_id_reads_back_as_it_was_written(text: str) -> None:
    assert str(SpiffeId.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spiffe:",
        "spiffe://",
        "spiffe:///orders",
        "SPIFFE://example.org/orders",
        "https://example.org/orders",
        "spiffe://Example.org/orders",
        "spiffe://example.org:8080/orders",
        "spiffe://me@example.org/orders",
        "spiffe://example.org/",
        "spiffe://example.org/orders/",
        "spiffe://example.org//orders",
        "spiffe://example.org/./orders",
        "spiffe://example.org/../orders",
        "spiffe://example.org/or%64ers",
        "spiffe://example.org/orders?x=1",
        "spiffe://example.org/orders#x",
        "spiffe://example.org/ord ers",
        "spiffe://example.org/órders",
        "spiffe://exämple.org/orders",
        "spiffe://example.org/orders\n",
        "spiffe://" + "a" * 256 + "/x",
        "spiffe://example.org/" + "a" * LONGEST,
    ],
)
def test_what_another_reader_might_take_otherwise_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="SPIFFE ID"):
        SpiffeId.parse(text)


@given(st.text(max_size=60) | st.from_regex(r"spiffe://[a-z./:%_-]{0,20}", fullmatch=True))
def test_any_text_is_read_whole_or_refused(text: str) -> None:
    try:
        found = SpiffeId.parse(text)
    except ValueError:
        return
    assert str(found) == text
    assert text.isascii()
