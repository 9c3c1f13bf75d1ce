import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core import access_text, key_text
from doorward.core.errors import Refused, Why


def test_a_token_is_read_back_and_is_neither_a_key_nor_a_jwt() -> None:
    made = access_text.make(os.urandom)
    whole = made.whole.reveal()
    assert access_text.parse(whole).id == made.id
    assert len(whole) == 65
    assert whole not in repr(made)
    assert not key_text.begins_like_a_key(whole)
    assert not key_text.has_key_shape(whole)
    assert "." not in whole


@pytest.mark.parametrize("at", [4, 15, 20, 58, 59, 64])
def test_a_letter_that_was_mistyped_is_told_by_the_check_digits(at: int) -> None:
    whole = access_text.make(os.urandom).whole.reveal()
    wrong = whole[:at] + ("A" if whole[at] != "A" else "B") + whole[at + 1 :]
    with pytest.raises(Refused) as caught:
        access_text.parse(wrong)
    assert caught.value.why is Why.MALFORMED


@given(st.one_of(st.text(max_size=80), st.from_regex(r"oat_[0-9A-Za-z]{60,62}", fullmatch=True)))
def test_any_other_text_is_malformed(text: str) -> None:
    try:
        access_text.parse(text)
    except Refused as refused:
        assert refused.why is Why.MALFORMED
