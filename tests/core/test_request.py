"""core/request.py: header fields and cookies that are sent twice are refused, never guessed."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.core.request import HEADER_LIMIT, Headers
from tests.core.stage import request


def test_a_field_is_found_by_its_lower_case_name() -> None:
    headers = Headers([(b"x-api-key", b"one"), (b"accept", b"a"), (b"accept", b"b"), (b"accept", b"c")])
    assert headers.one(b"x-api-key") == "one"
    assert headers.one(b"cookie") is None
    assert headers.every(b"accept") == ("a", "b", "c")
    assert headers.every(b"x-api-key") == ("one",)
    assert headers.every(b"cookie") == ()
    assert list(headers.names()) == [b"x-api-key", b"accept"]
    assert b"accept" in headers
    assert b"cookie" not in headers


@pytest.mark.parametrize("times", [2, 3])
def test_a_field_sent_twice_is_refused_where_one_is_expected(times: int) -> None:
    with pytest.raises(Refused) as refused:
        request(headers=[(b"authorization", b"Bearer a")] * times).authorization("bearer")
    assert refused.value.why is Why.SHOWN_TWICE
    assert "Bearer a" not in str(refused.value.detail)


def test_a_field_past_8_kib_is_refused() -> None:
    Headers([(b"x", b"a" * HEADER_LIMIT)])
    with pytest.raises(Refused) as refused:
        Headers([(b"x", b"a" * (HEADER_LIMIT + 1))])
    assert refused.value.why is Why.HEADER_TOO_LARGE


@pytest.mark.rfc("9110", "11.6.2")
def test_the_scheme_of_authorization_has_no_case() -> None:
    for line in (b"Bearer abc", b"bearer abc", b"BEARER   abc "):
        shown = request(headers=[(b"authorization", line)])
        assert shown.authorization("bearer") == "abc"
        assert shown.authorization("basic") is None
    assert request(headers=[(b"authorization", b"Bearer")]).authorization("bearer") == ""
    assert request().authorization("bearer") is None


@pytest.mark.rfc("9110", "9.2.1")
def test_safe_methods_are_four() -> None:
    assert [method for method in ("GET", "HEAD", "OPTIONS", "TRACE", "POST", "get", "PROPFIND") if request(method).unsafe] == [
        "POST",
        "get",
        "PROPFIND",
    ]


@pytest.mark.rfc("6265", "5.4")
def test_a_cookie_is_found_among_others() -> None:
    shown = request(headers=[(b"cookie", b"a=1; __Host-doorward=abc=; b")])
    assert shown.cookie("__Host-doorward") == "abc="
    assert shown.cookie("a") == "1"
    assert shown.cookie("b") is None
    assert shown.cookie("c") is None
    assert request().cookie("a") is None


@pytest.mark.rfc("9113", "8.2.3")
def test_a_cookie_field_may_come_in_pieces() -> None:
    shown = request(headers=[(b"cookie", b"a=1"), (b"cookie", b"b=2")])
    assert (shown.cookie("a"), shown.cookie("b")) == ("1", "2")


@pytest.mark.parametrize("lines", [[b"a=1; a=2"], [b"a=1", b"a=1"], [b"a=1; b=2", b" a=3"]])
def test_a_cookie_sent_twice_is_refused(lines: list[bytes]) -> None:
    with pytest.raises(Refused) as refused:
        request(headers=[(b"cookie", line) for line in lines]).cookie("a")
    assert refused.value.why is Why.SHOWN_TWICE


@pytest.mark.parametrize("blank", [b"\xa0", b"\x85", b"\x0b", b"\x0c", b"\x1c"])
def test_only_what_browsers_strip_is_stripped_from_a_cookies_name(blank: bytes) -> None:
    """A name that is no `__Host-` name to the browser must be none to us, else a page beside us could fix a session."""
    assert request(headers=[(b"cookie", blank + b"__Host-doorward=evil")]).cookie("__Host-doorward") is None


def test_the_target_is_as_on_the_wire() -> None:
    assert request(path="/a%20b").target == "/a%20b"


@pytest.mark.parametrize(
    ("scheme", "host", "origin"),
    [
        ("https", "API.example", "https://api.example"),
        ("https", "api.example:443", "https://api.example"),
        ("http", "api.example:80", "http://api.example"),
        ("https", "api.example:80", "https://api.example:80"),
        ("http", "api.example:443", "http://api.example:443"),
        ("https", "[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        (None, "api.example", None),
        ("https", None, None),
        ("https", "", None),
    ],
)
@pytest.mark.rfc("6454", "6.2")
def test_the_origin_has_no_case_and_no_default_port(scheme: str | None, host: str | None, origin: str | None) -> None:
    assert request(scheme=scheme, host=host).origin == origin


@pytest.mark.parametrize(
    "address", ["192.0.2.1", "127.evil", "::1234", "::1:2:3:4", "128.0.0.1", "::ffff:192.0.2.1", "", None, "localhost"]
)
def test_loopback_is_an_address_not_how_one_begins(address: str | None) -> None:
    assert not request(address=address).loopback


def test_a_preflight_announces_its_method() -> None:
    whole = [(b"origin", b"https://page.example"), (b"access-control-request-method", b"PUT")]
    assert request("OPTIONS", headers=whole).announces == "PUT"
    assert request("OPTIONS", headers=whole[:1]).announces is None
    assert request("OPTIONS", headers=whole[1:]).announces is None
    assert request("GET", headers=whole).announces is None


@given(st.lists(st.tuples(st.sampled_from([b"cookie", b"authorization", b"x"]), st.binary(max_size=40)), max_size=6), st.text(max_size=5))
@settings(max_examples=200)
def test_any_header_fields_are_read_or_refused(raw: list[tuple[bytes, bytes]], name: str) -> None:
    shown = request(headers=raw)
    reads: list[Callable[[], str | None]] = [
        lambda: shown.cookie(name),
        lambda: shown.authorization("bearer"),
        lambda: shown.header(b"x"),
    ]
    for read in reads:
        try:
            found = read()
        except Refused as refused:
            assert refused.why is Why.SHOWN_TWICE
        else:
            assert found is None or isinstance(found, str)
