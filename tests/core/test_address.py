"""core/address.py: one reading of where a caller is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.address import counted_as, is_loopback, read_address


@pytest.mark.rfc("4291", "2.5.5.2")
def test_a_mapped_address_is_the_ipv4_address() -> None:
    assert str(read_address("::ffff:192.0.2.1")) == "192.0.2.1"
    assert counted_as("::ffff:192.0.2.1") == counted_as("192.0.2.1") == "192.0.2.1"
    assert is_loopback("::ffff:127.0.0.1")


@pytest.mark.parametrize("text", ["", "here", "192.0.2.1:80", "[::1]", "192.0.2", "0300.0.0.1", "127.1", "1" * 5000])
def test_what_is_no_address_is_none_and_counted_together(text: str) -> None:
    assert read_address(text) is None
    assert counted_as(text) == "unreadable"
    assert not is_loopback(text)


def test_ipv6_is_counted_by_its_64_bit_network() -> None:
    assert counted_as("2001:db8::1") == counted_as("2001:db8:0:0:ffff::9") == "2001:db8::/64"
    assert counted_as("2001:db8:0:1::1") == "2001:db8:0:1::/64"
    assert counted_as("192.0.2.1") != counted_as("192.0.2.2")


def test_an_address_that_is_not_told_is_not_counted() -> None:
    assert counted_as(None) is None
    assert read_address(None) is None
    assert not is_loopback(None)


@given(st.one_of(st.text(max_size=50), st.ip_addresses().map(str)))
def test_any_text_is_counted_under_some_name(text: str) -> None:
    name = counted_as(text)
    assert name
    assert is_loopback(text) == (read_address(text) is not None and read_address(text).is_loopback)  # type: ignore[union-attr]  # asked before
