"""core/route.py: patterns by segment, the first match, and what a route may not be."""

import contextlib
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.core.policy import parse
from doorward.core.route import Route, Routes, path_pattern


@pytest.mark.parametrize(
    ("pattern", "fits", "misses"),
    [
        ("/", ["/"], ["/a"]),
        ("/pets", ["/pets", "/pets/"], ["/", "/pet", "/petsy", "/pets/1", "/Pets"]),
        ("/pets/", ["/pets", "/pets/"], ["/pets/1"]),
        ("/pets/*", ["/pets/1", "/pets/1/"], ["/pets", "/pets/", "/pets/1/2"]),
        ("/pets/**", ["/pets", "/pets/", "/pets/1", "/pets/1/2", "/pets/1/2/"], ["/petsy", "/"]),
        ("/**", ["/", "/a", "/a/b/"], []),
        ("/**/edit", ["/edit", "/a/edit", "/a/b/edit/"], ["/a/edited", "/edit/a", "/aedit"]),
        ("/a/**/b/**/c", ["/a/b/c", "/a/x/b/y/z/c", "/a/b/b/c", "/a/b/c/c"], ["/a/c", "/a/c/b", "/a/bc"]),
        ("/a/**/b/*/**", ["/a/b/x", "/a/b/b/x"], ["/a/b", "/a/x"]),
        ("/**/**", ["/", "/a/b"], []),
        ("/v1.0/$x+(y)", ["/v1.0/$x+(y)"], ["/v1a0/$x+(y)"]),
    ],
)
def test_patterns_match_by_segment(pattern: str, fits: list[str], misses: list[str]) -> None:
    made = path_pattern(pattern)
    assert [path for path in fits if not made.fullmatch(path)] == []
    assert [path for path in misses if made.fullmatch(path)] == []


@pytest.mark.parametrize(
    "pattern", ["", "pets", "/a//b", "//", "/a/../b", "/./a", "/a?b", "/a#b", "/{id}", "/a%20b", "/***", "/*.json", "/a;b", "/a\n"]
)
def test_a_pattern_that_is_not_understood_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="path"):
        path_pattern(pattern)


def test_matching_stays_linear_in_the_callers_path() -> None:
    hostile = "/a" * 2000
    made = path_pattern("/**/a/**/a/**/a/**/a/**/a/**/b")
    begin = time.perf_counter()
    assert not made.fullmatch(hostile)
    assert time.perf_counter() - begin < 1.0


_segments = st.lists(st.sampled_from(["a", "b", "c", ".x"]), max_size=6)
_patterns = st.lists(st.sampled_from(["a", "b", "*", "**"]), max_size=5)


def fits(pattern: list[str], path: list[str]) -> bool:
    """The meaning of a pattern, written as its definition."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(fits(pattern[1:], path[skip:]) for skip in range(len(path) + 1))
    return bool(path) and pattern[0] in ("*", path[0]) and fits(pattern[1:], path[1:])


@given(_patterns, _segments, st.booleans())
@settings(max_examples=400)
def test_a_pattern_means_what_its_definition_says(pattern: list[str], path: list[str], slash: bool) -> None:
    text = "/" + "/".join(path) + ("/" if slash and path else "")
    assert (path_pattern("/" + "/".join(pattern)).fullmatch(text) is not None) == fits(pattern, path)


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_any_text_is_a_pattern_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(path_pattern(text), re.Pattern)


def test_the_first_matching_route_decides() -> None:
    opened, locked = Route(path="/pets/free", allow=None), Route(path="/pets/**", allow=parse("jwt"))
    routes = Routes([opened, locked])
    assert list(routes) == [opened, locked]
    assert len(routes) == 2
    assert routes.match("GET", "/pets/free") is opened
    assert routes.match("GET", "/pets/free/1") is locked
    assert Routes([locked, opened]).match("GET", "/pets/free") is locked


def test_no_match_is_refused() -> None:
    for routes in (Routes([]), Routes([Route(path="/pets", methods=frozenset({"GET"}), allow=None)])):
        with pytest.raises(Refused) as refused:
            routes.match("POST", "/pets")
        assert refused.value.why is Why.NO_ROUTE


@pytest.mark.rfc("9110", "9.3.2")
def test_head_goes_where_get_goes() -> None:
    """Else HEAD would fall through to a later and more open route."""
    locked, opened = Route(path="/admin", methods=frozenset({"GET"}), allow=parse("jwt")), Route(path="/**", allow=None)
    assert Routes([locked, opened]).match("HEAD", "/admin") is locked
    assert not Route(path="/admin", methods=frozenset({"POST"}), allow=None).answers("HEAD")
    assert not Route(path="/admin", methods=frozenset({"HEAD"}), allow=None).answers("GET")


@pytest.mark.rfc("9110", "9.1")
def test_methods_are_case_sensitive_and_small_letters_refused() -> None:
    assert not Route(path="/", methods=frozenset({"GET"}), allow=None).answers("get")
    with pytest.raises(ValueError, match="capitals"):
        Route(path="/", methods=frozenset({"get"}), allow=None)


def test_an_open_route_cannot_ask_for_what_nobody_can_show() -> None:
    for asked in ({"scopes": frozenset({"a"})}, {"roles": frozenset({"a"})}, {"fresh_within": 60.0}):
        with pytest.raises(ValueError, match="open to anyone"):
            Route(path="/", allow=None, **asked)


@pytest.mark.parametrize("word", ["@status", "@query-param", "Content-Type", "", "two words", "@METHOD", "a" * 65])
def test_what_no_signature_can_cover_is_refused_where_it_is_written(word: str) -> None:
    assert Route(path="/", allow=parse("http_signature"), cover=("@method", "@path", "content-type", "nonce")).cover[3] == "nonce"
    with pytest.raises(ValueError, match="cover"):
        Route(path="/", allow=parse("http_signature"), cover=("@method", word))


def test_what_a_route_asks_for_is_unfolded_once() -> None:
    route = Route(path="/pets", allow=parse("api_key or (api_key and jwt bound by app_and_user)"))
    assert route.asked == ("api_key", "jwt")
    assert [way.methods for way in route.ways] == [("api_key",), ("api_key", "jwt")]
    assert route.name == "/pets"
    assert Route(path="/pets", allow=None, name="pets").name == "pets"


@pytest.mark.parametrize(
    ("allow", "webhook", "says"),
    [
        ("webhook", "", "names no sender"),
        ("api_key or (api_key and webhook bound by independent)", "", "names no sender"),
        ("api_key", "orders", "does not allow"),
        ("webhook", "a b", "name of a sender"),
    ],
)
def test_a_route_for_webhooks_names_whose(allow: str, webhook: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Route(path="/hook", allow=parse(allow), webhook=webhook)


def test_a_route_for_webhooks_loads_with_its_sender() -> None:
    assert Route(path="/hook", allow=parse("api_key or webhook"), webhook="orders").webhook == "orders"
