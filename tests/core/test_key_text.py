import os
import re
import tomllib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core import key_text
from doorward.core.errors import Refused, Why


def test_a_key_has_the_published_form() -> None:
    key = key_text.make("sk", "live", lambda n: bytes([255]) * n)
    text = key.whole.reveal()
    assert re.fullmatch(r"sk_live_[0-9A-Za-z]{12}[0-9A-Za-z]{43}[0-9A-Za-z]{6}", text)
    assert text[-6:] == key_text.base62(zlib.crc32(text[:-6].encode()), 6)
    assert (key.start, key.last4) == (text[:12], text[-4:])


def test_check_digits_are_crc32_most_significant_first() -> None:
    assert zlib.crc32(b"123456789") == 0xCBF43926
    number = 0
    for digit in key_text.check_digits("123456789"):
        number = number * 62 + key_text.DIGITS.index(digit)
    assert number == 0xCBF43926
    assert key_text.check_digits("") == "000000"


@given(
    random=st.binary(min_size=32, max_size=32), env=st.sampled_from(key_text.ENVS), prefix=st.from_regex(r"[A-Za-z]{2,12}", fullmatch=True)
)
def test_what_is_made_is_read_again_and_found_by_the_pattern(random: bytes, env: str, prefix: str) -> None:
    key = key_text.make(prefix, env, lambda n: random[:n])
    text = key.whole.reveal()
    again = key_text.parse(text)
    assert (again.prefix, again.env, again.id) == (prefix, env, key.id)
    assert re.findall(key_text.PATTERN, f"KEY={text};") == [text]
    assert key_text.has_key_shape(text)
    assert key_text.begins_like_a_key(text)


@given(random=st.binary(min_size=32, max_size=32), at=st.integers(0, 68), letter=st.sampled_from(key_text.DIGITS))
def test_one_wrong_letter_is_always_found(random: bytes, at: int, letter: str) -> None:
    text = key_text.make("sk", "live", lambda n: random[:n]).whole.reveal()
    wrong = text[:at] + letter + text[at + 1 :]
    if wrong == text:
        assert key_text.parse(wrong).whole.reveal() == text
        return
    with pytest.raises(Refused) as caught:
        key_text.parse(wrong)
    assert caught.value.why is Why.MALFORMED


@given(st.text(max_size=200))
def test_any_text_is_a_key_or_malformed(text: str) -> None:
    try:
        key_text.parse(text)
    except Refused as refused:
        assert refused.why is Why.MALFORMED


def test_two_keys_never_share_id_or_secret() -> None:
    keys = [key_text.make("sk", "live", os.urandom) for _ in range(200)]
    assert len({key.id for key in keys}) == len({key.whole.reveal()[20:63] for key in keys}) == 200


@pytest.mark.parametrize("prefix", ["s", "sk1", "", "sk_live", "a" * 13, "ßß"])
def test_a_prefix_is_2_to_12_letters(prefix: str) -> None:
    with pytest.raises(ValueError, match="letters"):
        key_text.make(prefix, "live", os.urandom)


def test_another_environment_than_live_and_test_is_refused() -> None:
    with pytest.raises(ValueError, match="live or test"):
        key_text.make("sk", "prod", os.urandom)


def test_base62_pads_and_refuses_what_does_not_fit() -> None:
    assert key_text.base62(61, 3) == "00z"
    with pytest.raises(OverflowError):
        key_text.base62(62**3, 3)


def test_a_jwt_and_a_refresh_token_do_not_begin_like_a_key() -> None:
    assert not key_text.begins_like_a_key("eyJhbGciOiJub25lIn0.eyJhIjoxfQ.sk_live_")
    assert not key_text.begins_like_a_key("rt_" + "0" * 43)


def test_the_scanner_rules_hold_the_pattern() -> None:
    [rule] = tomllib.loads(key_text.gitleaks_rule())["rules"]
    text = key_text.make("rk", "test", os.urandom).whole.reveal()
    assert re.search(rule["regex"], f'key = "{text}"')
    assert any(word in text for word in rule["keywords"])
    assert key_text.PATTERN in key_text.trufflehog_rule()
