import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.core.request import Headers
from doorward.web.forwarded import parse_address, parse_forwarded
from doorward.web.proxy import Caller, Proxies

PROXIES = Proxies(["127.0.0.1/32", "10.0.0.0/8", "2001:db8:1::/48"])


def fields(*pairs: tuple[str, str]) -> Headers:
    return Headers((name.encode(), value.encode("latin-1")) for name, value in pairs)


def test_what_an_unlisted_peer_forwards_means_nothing() -> None:
    sent = fields(("host", "pets.test"), ("x-forwarded-for", "10.0.0.1"), ("x-forwarded-proto", "https"), ("forwarded", "for=10.0.0.9"))
    assert PROXIES.caller(sent, "192.0.2.9", "http") == Caller("192.0.2.9", "http", "pets.test")


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        (("203.0.113.7",), "203.0.113.7"),
        (("198.51.100.1, 203.0.113.7",), "203.0.113.7"),  # the caller wrote the left one
        (("198.51.100.1", "203.0.113.7, 10.1.1.1"), "203.0.113.7"),
        (("203.0.113.7:4711, 10.0.0.2",), "203.0.113.7"),
        (("[2001:db8::7]:443",), "2001:db8::7"),
        (("::ffff:203.0.113.7",), "203.0.113.7"),
        (("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        (("203.0.113.7, unknown, 10.0.0.2",), None),
        (("203.0.113.7, _hidden",), None),
    ],
)
def test_the_address_is_the_rightmost_that_is_no_listed_proxy(chain: tuple[str, ...], address: str | None) -> None:
    told = PROXIES.caller(fields(*(("x-forwarded-for", line) for line in chain)), "127.0.0.1", "http")
    assert told.address == address


@pytest.mark.parametrize("bad", ["", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.4, ,", "fe80::1%eth0", "[::1", "1.2.3.4:http"])
def test_an_address_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(Refused) as refused:
        PROXIES.told(fields(("x-forwarded-for", bad)))
    assert refused.value.why is Why.BAD_REQUEST


def test_long_tellings_are_read_and_not_remembered() -> None:
    proxies = Proxies(["127.0.0.1"])
    for number in range(5000):
        long = fields(("x-forwarded-for", "evil, " * 50 + f"203.0.113.{number % 250}"))
        assert proxies.caller(long, "127.0.0.1", "http").address == f"203.0.113.{number % 250}"
    assert proxies._read == {}
    for number in range(5000):
        proxies.caller(fields(("x-forwarded-for", f"evil-{number}, 203.0.113.7")), "127.0.0.1", "http")
    assert 0 < len(proxies._read) <= 4096


@pytest.mark.rfc("7239", "4")
def test_forwarded_is_read_from_the_right_like_the_other_family() -> None:
    sent = fields(
        ("forwarded", 'for=6.6.6.6;proto=http;host=evil.test, for="[2001:db8::9]:99";proto=https;host="pets.test:8443"'),
        ("forwarded", "For=10.0.0.4;proto=http;host=inner"),
    )
    assert PROXIES.told(sent) == Caller("2001:db8::9", "https", "pets.test:8443")


def test_two_families_that_do_not_agree_are_refused() -> None:
    with pytest.raises(Refused):
        PROXIES.told(fields(("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=127.0.0.1")))
    with pytest.raises(Refused):
        PROXIES.told(fields(("x-forwarded-proto", "http"), ("forwarded", "proto=https")))


def test_two_families_that_agree_pass() -> None:
    sent = fields(("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https"), ("forwarded", "for=203.0.113.7;proto=https"))
    assert PROXIES.told(sent) == Caller("203.0.113.7", "https", None)


def test_what_a_listed_proxy_leaves_out_stays_unknown() -> None:
    sent = fields(("host", "inner:8000"), ("x-forwarded-for", "203.0.113.7"))
    assert PROXIES.caller(sent, "127.0.0.1", "https") == Caller("203.0.113.7", None, None)


def test_a_listed_peer_that_forwards_nothing_calls_for_itself() -> None:
    assert PROXIES.caller(fields(("host", "localhost")), "127.0.0.1", "http") == Caller("127.0.0.1", "http", "localhost")


@pytest.mark.parametrize(("told", "scheme"), [("https", "https"), ("HTTPS", "https"), ("wss", "https"), ("ws", "http")])
def test_the_schemes_of_websockets_count_as_those_of_http(told: str, scheme: str) -> None:
    assert PROXIES.told(fields(("x-forwarded-proto", told))).scheme == scheme


@pytest.mark.parametrize(
    "pair", [("x-forwarded-proto", "https,http"), ("x-forwarded-proto", "gopher"), ("x-forwarded-host", "a b"), ("x-forwarded-host", "a/b")]
)
def test_a_scheme_or_host_that_is_none_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(Refused):
        PROXIES.told(fields(pair))


def test_a_scheme_told_twice_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        PROXIES.told(fields(("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")))
    assert refused.value.why is Why.SHOWN_TWICE


def test_a_unix_socket_is_trusted_only_when_listed() -> None:
    assert not PROXIES.trusts(None)
    assert Proxies(["unix"]).trusts(None)
    assert not Proxies(["unix"]).trusts("127.0.0.1")


def test_an_ipv4_peer_on_an_ipv6_socket_is_the_same_peer() -> None:
    assert PROXIES.trusts("::ffff:10.2.3.4")
    assert not PROXIES.trusts("::ffff:192.0.2.1")
    assert not PROXIES.trusts("not an address")


def test_what_is_no_network_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="10.0.0.1/8"):
        Proxies(["10.0.0.1/8"])


def test_many_peers_do_not_fill_the_memory() -> None:
    proxies = Proxies(["127.0.0.1/32"])
    for number in range(10_000):
        proxies.trusts(f"192.0.{number // 250}.{number % 250}")
    assert len(proxies._known) <= 4096


@given(st.lists(st.text(alphabet=st.characters(max_codepoint=255), max_size=60), max_size=3))
def test_any_forwarded_field_is_read_or_refused(values: list[str]) -> None:
    with contextlib.suppress(Refused):
        for element in parse_forwarded(values):
            assert all(name == name.lower() for name in element)


@given(st.text(alphabet='for=host;proto,"\\ \t10.[]:_a', max_size=80))
def test_nearly_right_forwarded_fields_are_read_or_refused(value: str) -> None:
    sent = Headers([(b"forwarded", value.encode())])
    with contextlib.suppress(Refused):
        PROXIES.told(sent)


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60))
def test_any_address_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        parse_address(text)


@given(st.dictionaries(st.sampled_from(["name", "for", "by", "host", "proto"]), st.text(alphabet='abc \\";,=.é', max_size=10), min_size=1))
def test_what_is_quoted_comes_back_as_it_was(element: dict[str, str]) -> None:
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in element.items()}
    text = ";".join(f'{name}="{value}"' for name, value in quoted.items())
    assert parse_forwarded([text]) == [element]
