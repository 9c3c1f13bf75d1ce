"""pki/profile.py: names are what a standard calls a name, and lives are bounded."""

import re
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.pki import profile
from doorward.pki.profile import LONGEST_LIFE, MOST_NAMES, Profile, check_life, check_within, dns_name


def test_a_spiffe_id_a_dns_name_and_a_plain_name_are_told_apart() -> None:
    workload = profile.names("spiffe://example.org/orders", (), (), Profile.CLIENT)
    assert (workload.uris, workload.dns, workload.common_name) == (("spiffe://example.org/orders",), (), "spiffe://example.org/orders")
    host = profile.names("Orders.Example.org", ("b.example.org", "orders.example.org"), ("192.0.2.1", "2001:DB8::1"), Profile.SERVER)
    assert (host.name, host.dns) == ("orders.example.org", ("orders.example.org", "b.example.org"))
    assert host.ips == (ip_address("192.0.2.1"), ip_address("2001:db8::1"))
    plain = profile.names("till 4", (), (), Profile.CLIENT)
    assert (plain.uris, plain.dns, plain.common_name) == ((), (), "till 4")


def test_a_name_too_long_for_a_common_name_has_none() -> None:
    assert profile.names("spiffe://example.org/" + "a" * 100, (), (), Profile.CLIENT).common_name is None


@pytest.mark.rfc("1123", "2.1")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "plain name"),
        ("a" * 65, "plain name"),
        ("-till", "plain name"),
        ("till/4", "plain name"),
        ("till\n", "plain name"),
        ("till\x00", "plain name"),
        ("Jürgen", "plain name"),
        ("spiffe://example.org", "has a path"),
        ("https://example.org/x", "SPIFFE ID"),
        ("2001:db8::1", "--ip"),
        ("192.0.2.1", "--ip"),
        ("example..org", "labels"),
        ("example.org.", "labels"),
        (".example.org", "labels"),
        ("-a.example.org", "labels"),
        ("a_b.example.org", "labels"),
        ("a b.example.org", "labels"),
        ("a" * 64 + ".org", "labels"),
        (".".join(["abcdefgh"] * 30), "labels"),
        ("bücher.example", "xn--"),
        ("*.example.org", "in a server's certificate only"),
    ],
)
def test_what_is_no_name_is_refused_with_the_mend(name: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        profile.names(name, (), (), Profile.CLIENT)


def test_a_wildcard_stands_alone_and_at_the_left_of_a_servers_name() -> None:
    assert profile.names("x", ("*.example.org",), (), Profile.SERVER).dns == ("*.example.org",)
    for name in ("*", "*.org", "*.*.example.org", "a.*.example.org", "*a.example.org"):
        with pytest.raises(ValueError, match="label|plain"):
            profile.names("x", (name,), (), Profile.SERVER)


@pytest.mark.parametrize("given_as", [Profile.SERVER, Profile.BOTH])
def test_a_server_that_nobody_could_find_is_refused(given_as: Profile) -> None:
    with pytest.raises(ValueError, match="--dns or --ip"):
        profile.names("till", (), (), given_as)
    assert profile.names("till", (), ("::1",), given_as).ips


def test_addresses_are_addresses_and_names_are_bounded() -> None:
    for ip in ("10.0.0.0/8", "fe80::1%eth0", "x", "010.0.0.1", "1" * 10_000):
        with pytest.raises(ValueError, match="address"):
            profile.names("till", (), (ip,), Profile.CLIENT)
    with pytest.raises(ValueError, match="at most"):
        profile.names("till", ["a.example"] * MOST_NAMES, ["::1"], Profile.CLIENT)


@pytest.mark.rfc("5280", "4.2.1.10")
def test_what_lies_outside_of_the_authoritys_domains_is_not_signed() -> None:
    for name, dns in (("spiffe://example.org/x", ()), ("spiffe://a.example.org/x", ("b.example.org",)), ("till", ())):
        check_within(profile.names(name, dns, (), Profile.CLIENT), ("example.org",))
    for name, dns in (("spiffe://badexample.org/x", ()), ("spiffe://org/x", ()), ("till", ("example.com",)), ("x.example.net", ())):
        with pytest.raises(ValueError, match="outside"):
            check_within(profile.names(name, dns, (), Profile.CLIENT), ("example.org",))


@pytest.mark.parametrize("life", [0.0, -1.0, 59.0, LONGEST_LIFE + 1, float("nan"), float("inf")])
def test_a_life_has_bounds(life: float) -> None:
    with pytest.raises(ValueError, match="lives between"):
        check_life(life)


@given(st.text(max_size=80) | st.from_regex(r"[a-z0-9.*:/-]{1,40}", fullmatch=True), st.sampled_from(Profile))
def test_any_text_is_a_name_or_a_sentence(text: str, wanted: Profile) -> None:
    try:
        found = profile.names(text, (), ("::1",), wanted)
    except ValueError as reason:
        assert len(str(reason)) < 200
        return
    assert found.common_name or found.uris or found.dns
    assert all(part.isascii() and part.isprintable() for part in (*found.uris, *found.dns, found.name))


@given(st.text(max_size=300))
def test_a_dns_name_is_in_lower_case_and_stays_as_it_is(text: str) -> None:
    try:
        found = dns_name(text)
    except ValueError:
        return
    assert dns_name(found) == found == text.lower()
