import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.crypto import base64url


@given(st.binary(max_size=100))
def test_it_agrees_with_the_standard_library(data: bytes) -> None:
    text = base64url.encode(data)
    assert text == base64.urlsafe_b64encode(data).rstrip(b"=")
    assert base64url.decode(text) == data


@pytest.mark.rfc("7515", "2")
@pytest.mark.rfc("4648", "3.5")
@given(st.binary(max_size=12) | st.text("AQgwZ-_+/=! \n", max_size=12).map(str.encode))
def test_only_the_one_canonical_spelling_is_read(text: bytes) -> None:
    try:
        data = base64url.decode(text)
    except Refused as refused:
        assert refused.why is Why.MALFORMED
    else:
        assert base64url.encode(data) == text


@pytest.mark.parametrize(
    "text", [b"A", b"AA==", b"AA=", b"AB", b"AAB", b"A+AA", b"A/AA", b"AA AA", b"AAAA\n", b"\xff\xff", b"=AAA", b"AA\x00A"]
)
def test_padding_foreign_letters_cut_lengths_and_left_over_bits_are_refused(text: bytes) -> None:
    with pytest.raises(Refused):
        base64url.decode(text)
