"""Structured fields: the working group's parser vectors, and what is written is read again."""

import base64
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.crypto.structured_field import (
    LARGEST,
    LONGEST,
    BadField,
    Bare,
    Date,
    Display,
    InnerList,
    Item,
    Member,
    Token,
    parse_dictionary,
    parse_item,
    parse_list,
)
from doorward.crypto.structured_text import write_dictionary, write_item, write_list
from tests.crypto.vectors import FOLDER, read

CASES = [case for file in sorted((FOLDER / "structured-fields").glob("*.json")) for case in read(f"structured-fields/{file.name}")]


def bare(value: Any) -> Bare:
    match value:
        case {"__type": "token", "value": text}:
            return Token(text)
        case {"__type": "binary", "value": text}:
            return base64.b32decode(text)
        case float():
            return Decimal(str(value))
        case bool() | int() | str():
            return value
    raise AssertionError(value)


def member(value: Any) -> Member:
    first, params = value
    read_params = {name: bare(each) for name, each in params}
    if isinstance(first, list):
        return InnerList(tuple(Item(bare(one), {name: bare(each) for name, each in rest}) for one, rest in first), read_params)
    return Item(bare(first), read_params)


def parsed(case: dict[str, Any]) -> Any:
    if case["header_type"] == "item":
        return parse_item(", ".join(case["raw"]))
    return (parse_list if case["header_type"] == "list" else parse_dictionary)(case["raw"])


def expected(case: dict[str, Any]) -> Any:
    if case["header_type"] == "item":
        return member(case["expected"])
    if case["header_type"] == "list":
        return [member(each) for each in case["expected"]]
    return {name: member(each) for name, each in case["expected"]}


def written(case: dict[str, Any], value: Any) -> str:
    if case["header_type"] == "item":
        return write_item(value)
    return write_list(value) if case["header_type"] == "list" else write_dictionary(value)


@pytest.mark.rfc("9651", "4.2")
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_vector_of_the_working_group_is_read_as_it_says(case: dict[str, Any]) -> None:
    if case.get("must_fail"):
        with pytest.raises(BadField):
            parsed(case)
        return
    try:
        found = parsed(case)
    except BadField:
        assert case.get("can_fail"), case["name"]  # section 4.2.7: padding and left-over bits may be refused, and are
        return
    assert found == expected(case)
    if isinstance(found, dict):
        assert list(found) == [name for name, _ in case["expected"]]
    canonical = ", ".join(case.get("canonical", case["raw"]))
    assert written(case, found) == canonical


KEYS = st.from_regex(r"[a-z*][a-z0-9_.*-]{0,8}", fullmatch=True)
BARE = st.one_of(
    st.booleans(),
    st.integers(-LARGEST, LARGEST),
    st.decimals(min_value=-999999999999, max_value=999999999999, places=3),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
    st.from_regex(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]{0,12}", fullmatch=True).map(Token),
    st.binary(max_size=40),
    st.integers(-LARGEST, LARGEST).map(Date),
    st.text(st.characters(codec="utf-8"), max_size=12).map(Display),
)
PARAMS = st.dictionaries(KEYS, BARE, max_size=3)
ITEMS = st.builds(Item, BARE, PARAMS)
MEMBERS = st.one_of(ITEMS, st.builds(InnerList, st.lists(ITEMS, max_size=3).map(tuple), PARAMS))


@pytest.mark.rfc("9651", "4.1")
@given(item=ITEMS, members=st.lists(MEMBERS, max_size=4), dictionary=st.dictionaries(KEYS, MEMBERS, max_size=4))
def test_what_is_written_is_read_again(item: Item, members: list[Member], dictionary: dict[str, Member]) -> None:
    assert parse_item(write_item(item)) == item
    assert parse_list(write_list(members)) == members
    again = parse_dictionary(write_dictionary(dictionary), once=True)
    assert again == dictionary
    assert list(again) == list(dictionary)


@given(text=st.one_of(st.text(max_size=60), st.text('ab(): ;=,"\\?10.-@%*\t', max_size=60)))
def test_any_text_is_read_or_refused_and_what_is_read_is_written_alike(text: str) -> None:
    for parse, write in ((parse_item, write_item), (parse_list, write_list), (parse_dictionary, write_dictionary)):
        try:
            found: Any = parse(text)
        except BadField:
            continue
        assert parse(write(found)) == found


def test_a_field_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadField, match="at most"):
        parse_list("a" * (LONGEST + 1))


def test_a_long_field_takes_no_more_than_its_length() -> None:
    assert len(parse_list(", ".join(["a;b"] * 10000))) == 10000
    for text in ("(" * LONGEST, "a;" * (LONGEST // 2), '"' + "\\" * (LONGEST - 1), ":" + "=" * (LONGEST - 1)):
        with pytest.raises(BadField):
            parse_list(text)


@pytest.mark.parametrize("text", ["a=1, a=2", "a;b;b", "a=(x;c;c)"])
def test_what_comes_twice_is_refused_where_it_may_come_once(text: str) -> None:
    assert parse_dictionary(text)
    with pytest.raises(BadField, match="twice"):
        parse_dictionary(text, once=True)


@pytest.mark.rfc("9651", "3.3.7")
@pytest.mark.rfc("9651", "3.3.8")
def test_dates_and_display_strings_are_read() -> None:
    assert parse_item("@1659578233") == Item(Date(1659578233))
    assert parse_item('%"f%c3%bc%c3%bc"') == Item(Display("füü"))
    for wrong in ("@1.5", '%"%C3%BC"', '%"%ff"', '%"open'):
        with pytest.raises(BadField):
            parse_item(wrong)


@pytest.mark.parametrize("value", ["\n", "ü", LARGEST + 1, Decimal(10) ** 12, Decimal("NaN"), Token("no token"), Token("")])
def test_a_value_that_no_field_can_hold_is_not_written(value: Bare) -> None:
    with pytest.raises(BadField):
        write_item(Item(value))
