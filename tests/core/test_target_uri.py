import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.request import Headers, Request
from doorward.core.route import Route
from doorward.core.target_uri import LONGEST, normalized, target_uri

HERE = Route(path="/**", allow=None)


def request(path: str = "/pets", scheme: str | None = "https", host: str | None = "api.example", query: str = "") -> Request:
    return Request("GET", path, query, Headers(()), scheme, host, "192.0.2.1", None, False)


@pytest.mark.rfc("3986", "6.2.2")
@pytest.mark.rfc("3986", "6.2.3")
@pytest.mark.rfc("9449", "4.3")
@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("HTTPS://API.Example/Pets", "https://api.example/Pets"),
        ("https://api.example:443/", "https://api.example/"),
        ("http://api.example:80/", "http://api.example/"),
        ("https://api.example:/", "https://api.example/"),
        ("https://api.example", "https://api.example/"),
        ("https://api.example?a=1", "https://api.example/"),
        ("https://api.example/pets?a=/../b#c", "https://api.example/pets"),
        ("https://api.example/pets#", "https://api.example/pets"),
        ("https://api.example/%7eann/%70ets", "https://api.example/~ann/pets"),
        ("https://api.example/a%2fb%c3%a9", "https://api.example/a%2Fb%C3%A9"),
        ("https://api.example/a/./b/../pets", "https://api.example/a/pets"),
        ("https://api.example/a/%2e%2e/pets", "https://api.example/pets"),
        ("https://api.example/../../pets", "https://api.example/pets"),
        ("https://api.example/a/..", "https://api.example/"),
        ("https://api.example/a/.", "https://api.example/a/"),
        ("https://[2001:DB8::1]:443/", "https://[2001:db8::1]/"),
        ("https://[::1]:8443/x", "https://[::1]:8443/x"),
    ],
)
def test_equivalent_spellings_are_one(one: str, same: str) -> None:
    assert normalized(one) == normalized(same) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://api.example/pets", "https://api.example/pets/"),
        ("https://api.example/pets", "https://api.example/Pets"),
        ("https://api.example/pets", "http://api.example/pets"),
        ("https://api.example/pets", "https://api.example:8443/pets"),
        ("http://api.example:443/", "https://api.example/"),
        ("https://api.example/a%2fb", "https://api.example/a/b"),
        ("https://api.example./", "https://api.example/"),
        ("https://api.example//pets", "https://api.example/pets"),
        ("https://[::1]/", "https://127.0.0.1/"),
    ],
)
def test_others_stay_two(one: str, other: str) -> None:
    assert normalized(one) is not None
    assert normalized(one) != normalized(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/pets",
        "api.example/pets",
        "ftp://api.example/",
        "https:/api.example/",
        "https:///pets",
        "https://user@api.example/",
        "https://api.example@evil.example/",
        "https://user:pw@api.example/",
        "https://api.example:port/",
        "https://api.example:123456/",
        "https://api example/",
        "https://api.example/a b",
        "https://api.example/%zz",
        "https://api.example/%",
        "https://api.example\\@evil.example/",
        "https://api.example/a\\b",
        "https://api.example/\x00",
        "https://api.example/\npets",
        "https://bücher.example/",
        "https://api.example/ä",
        "https://api.ex%61mple/",
        "https://[::1/",
        "https://[::1%25eth0]/",
        "https://" + "a" * LONGEST,
    ],
)
def test_what_is_no_http_uri_matches_nothing(text: str) -> None:
    assert normalized(text) is None


@given(st.text(max_size=200))
def test_any_text_is_read_or_not_and_reading_again_changes_nothing(text: str) -> None:
    for uri in (text, "https://api.example/" + text):
        if (once := normalized(uri)) is not None:
            assert normalized(once) == once
            assert "?" not in once
            assert "#" not in once


def test_the_routes_origin_counts_before_what_is_told() -> None:
    route = Route(path="/**", allow=None, origin="https://public.example")
    assert target_uri(request(host="evil.example"), route) == "https://public.example/pets"
    assert target_uri(request(scheme=None, host=None), route) == "https://public.example/pets"
    assert target_uri(request(host="API.example:443", query="a=1"), HERE) == "https://api.example/pets"


@pytest.mark.parametrize(("scheme", "host"), [(None, "api.example"), ("https", None), (None, None)])
def test_what_nobody_tells_is_not_guessed(scheme: str | None, host: str | None) -> None:
    assert target_uri(request(scheme=scheme, host=host), HERE) is None
