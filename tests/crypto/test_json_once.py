import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.crypto.json_once import read_object

VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), VALUES, max_size=5), st.sampled_from([None, 2]))
def test_any_json_object_is_read_as_the_standard_library_reads_it(members: dict[str, Any], indent: int | None) -> None:
    assert read_object(json.dumps(members, indent=indent).encode()) == members


@given(st.binary(max_size=60) | st.text('{}[]",:0123eE.-truefalsn \\u', max_size=40).map(str.encode))
def test_anything_else_is_malformed(data: bytes) -> None:
    try:
        read_object(data)
    except Refused as refused:
        assert refused.why is Why.MALFORMED
    else:
        assert isinstance(json.loads(data), dict)


@pytest.mark.rfc("8725", "2.6")
@pytest.mark.rfc("7519", "4")
@pytest.mark.parametrize(
    "text", ['{"a":1,"a":1}', '{"b":{"a":1,"a":2}}', '{"a":1,"\\u0061":2}', '{"a":[{"c":1,"c":1}]}', ' {"a":1, "a" :1}\n']
)
def test_a_member_that_appears_twice_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        read_object(text.encode())


@pytest.mark.rfc("8259", "2")
@pytest.mark.parametrize("data", [b' {"a":1}', b'\r\n\t{"a":1} \n', b'{ "a" : 1 }\n'])
def test_white_space_around_it_is_json(data: bytes) -> None:
    assert read_object(data) == {"a": 1}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"[]",
        b'"a"',
        b"1",
        b"null",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1}x',
        b'{"a":1}{}',
        b"\xef\xbb\xbf{}",
        b"\xff",
        b"{" * 8000,
    ],
)
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        read_object(data)


@pytest.mark.parametrize("data", [b'{"a":' + b"[" * 100_000 + b"}", b'{"a":' + b"9" * 5000 + b"}"])
def test_neither_deep_nesting_nor_a_giant_number_gets_through(data: bytes) -> None:
    with pytest.raises(Refused):
        read_object(data)


@pytest.mark.parametrize("data", [b"{", b'{"a"', b'{"a":', b'{"a":}', b'{"a":x}', b'{"a":[}', b" ", b"", b'{"a":1}x', b"\n{"])
def test_a_value_that_is_not_there_is_malformed(data: bytes) -> None:
    with pytest.raises(Refused):
        read_object(data)
