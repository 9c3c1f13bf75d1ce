from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.outbound.reach import check_all, is_public, read_networks
from doorward.outbound.refusal import Failure, FetchError

INSIDE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "2001:4860:4860::8888%1",
    "4000::1",
]
OUTSIDE = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00::1",
    "2001:200::1",
    "2620:4f:8000::1",
]


@pytest.mark.rfc("4291", "2.5")
@pytest.mark.parametrize("text", INSIDE)
def test_it_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))
    with pytest.raises(FetchError) as caught:
        check_all(["8.8.8.8", text], (), secure=True)
    assert caught.value.why is Failure.NOT_PUBLIC


@pytest.mark.parametrize("text", OUTSIDE)
def test_it_is_public(text: str) -> None:
    assert is_public(ip_address(text))
    assert check_all([text, text], (), secure=True) == [ip_address(text)]


def test_what_is_listed_may_be_asked_and_nothing_beside_it() -> None:
    allow = read_networks(["127.0.0.1/32", "fd00::/8"])
    assert check_all(["127.0.0.1", "fd00::1"], allow, secure=False) == [ip_address("127.0.0.1"), ip_address("fd00::1")]
    for other in ("127.0.0.2", "::1", "::ffff:127.0.0.1"):
        with pytest.raises(FetchError) as caught:
            check_all([other], allow, secure=True)
        assert caught.value.why is Failure.NOT_PUBLIC


@pytest.mark.parametrize("texts", [[], ["x"], ["127.1"], ["8.8.8.8", ""]])
def test_what_is_no_address_is_none(texts: list[str]) -> None:
    with pytest.raises(FetchError) as caught:
        check_all(texts, (), secure=True)
    assert caught.value.why is Failure.NO_ADDRESS


@given(st.ip_addresses())
def test_nothing_is_public_that_the_standard_library_calls_private(address: IPv4Address | IPv6Address) -> None:
    if is_public(address):
        assert not (address.is_private)
        assert not (address.is_loopback)
        assert not (address.is_link_local)
        assert not (address.is_multicast)
        assert not (address.is_reserved)
