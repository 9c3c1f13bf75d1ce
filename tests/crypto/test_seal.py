import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.crypto.seal import SealBroken, Sealer

SEALER = Sealer({"one": b"1" * 32}, "one", os.urandom)


@given(st.binary(max_size=200), st.text(max_size=20), st.text(max_size=20))
def test_what_was_sealed_opens_with_the_same_purpose_and_row(plain: bytes, purpose: str, row: str) -> None:
    assert SEALER.open(SEALER.seal(plain, purpose, row), "one", purpose, row) == plain


@given(st.binary(max_size=60), st.integers(0, 10_000))
def test_one_changed_bit_breaks_the_seal(plain: bytes, place: int) -> None:
    sealed = bytearray(SEALER.seal(plain, "hmac", "7"))
    sealed[place // 8 % len(sealed)] ^= 1 << place % 8
    with pytest.raises(SealBroken):
        SEALER.open(bytes(sealed), "one", "hmac", "7")


@given(st.binary(max_size=100))
def test_garbage_is_a_broken_seal_and_nothing_else(data: bytes) -> None:
    with pytest.raises(SealBroken):
        SEALER.open(data, "one", "hmac", "7")


@pytest.mark.parametrize(("purpose", "row"), [("hmac", "8"), ("totp", "7"), ("hma", "c7"), ("", "hmac7")])
def test_sealed_bytes_do_not_move_to_another_row_or_purpose(purpose: str, row: str) -> None:
    with pytest.raises(SealBroken):
        SEALER.open(SEALER.seal(b"secret", "hmac", "7"), "one", purpose, row)


def test_an_older_key_still_opens_and_its_id_cannot_be_swapped() -> None:
    both = Sealer({"one": b"1" * 32, "two": b"2" * 32, "copy": b"1" * 32}, "two", os.urandom)
    sealed = SEALER.seal(b"secret", "hmac", "7")
    assert both.open(sealed, "one", "hmac", "7") == b"secret"
    for other in ("two", "copy", "gone"):
        with pytest.raises(SealBroken):
            both.open(sealed, other, "hmac", "7")


def test_two_seals_of_the_same_are_different_and_show_nothing() -> None:
    one, two = SEALER.seal(b"a" * 32, "p", "r"), SEALER.seal(b"a" * 32, "p", "r")
    assert one != two
    assert b"aaaa" not in one
    assert "1111" not in repr(SEALER)


def test_a_sealing_key_has_256_bits() -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        Sealer({"a": b"short"}, "a", os.urandom)
    with pytest.raises(ValueError, match="not among"):
        Sealer({"a": b"a" * 32}, "b", os.urandom)
