from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.admin import words
from doorward.admin.mistake import Mistake

READERS: list[Callable[[str], object]] = [
    words.label,
    words.account_name,
    words.email,
    words.record_id,
    lambda text: words.scopes([text]),
    lambda text: words.http_methods([text]),
    lambda text: words.networks([text]),
    lambda text: words.origins([text]),
]


@pytest.mark.parametrize("read", READERS)
@given(text=st.one_of(st.text(max_size=300), st.from_regex(r"(https?://)?[a-z0-9.\[\]:@/%-]{0,40}")))
def test_any_text_is_read_or_told(read: Callable[[str], object], text: str) -> None:
    try:
        assert read(text)
    except Mistake as reason:
        assert str(reason)


@pytest.mark.rfc("6454", "7")
def test_an_origin_is_scheme_host_and_a_port_that_is_not_the_usual() -> None:
    assert words.origins(["https://A.example", "https://a.example:443", "http://a.example:81/"]) == (
        "https://a.example",
        "http://a.example:81",
    )


@pytest.mark.rfc("6749", "3.3")
def test_a_scope_has_no_space_quote_or_backslash() -> None:
    assert words.scopes(["read:pets"]) == frozenset({"read:pets"})
    for text in ("a b", 'a"b', "a\\b", "", "é"):
        with pytest.raises(Mistake):
            words.scopes([text])


def test_names_written_in_two_ways_are_one() -> None:
    assert words.label(" cafe\u0301 ") == "caf\u00e9"


def test_a_network_with_host_bits_is_refused_with_the_mend() -> None:
    with pytest.raises(Mistake, match=r"192\.0\.2\.0/24"):
        words.networks(["192.0.2.7/24"])
