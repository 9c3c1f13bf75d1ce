"""core/path.py: one reading of a path, or a refusal (DECISIONS 12)."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.core.path import LONGEST, read_path


@pytest.mark.parametrize(
    "raw",
    [
        *("/a%2Fb", "/a%2fb", "/a%5Cb", "/a%5cb", "/a%252e", "/a%25", "/a%00", "/a%3Bb", "/a%3b"),
        *("/a/../b", "/..", "/.", "/a/.", "/a/./b", "/%2e%2e/b", "/%2E./b", "/a/.%2e", "/a/%2e"),
        *("//", "//a", "/a//b", "/a//"),
        *("/a;b", "/a;jsessionid=1/b", "/..;/b"),
        *("/a\\b", "/..\\b", "/a\x00", "/a\x1f", "/a\x7f", "/a\nb", "/a%0a", "/a%0D%0A", "/a%1f", "/a%7F", "/a%C2%85", "/a%E2%80%A8"),
        *("", "a", "*", "http://host/a", "/a?b", "/a#b"),
        *("/%", "/%2", "/%zz", "/%u002e", "/é", "/%ff", "/%C0%AE", "/%ED%A0%80"),
        "/" + "a" * LONGEST,
    ],
)
def test_an_ambiguous_path_is_refused(raw: str) -> None:
    with pytest.raises(Refused) as refused:
        read_path(raw)
    assert refused.value.why is Why.BAD_PATH
    assert refused.value.detail


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/", "/"),
        ("/pets", "/pets"),
        ("/pets/", "/pets/"),
        ("/.well-known/jwks.json", "/.well-known/jwks.json"),
        ("/a..b/...", "/a..b/..."),
        ("/a%20b", "/a b"),
        ("/%70ets", "/pets"),
        ("/caf%C3%A9", "/café"),
        ("/a:b@c,d=e&f+g!h*i'(j)", "/a:b@c,d=e&f+g!h*i'(j)"),
        ("/%3Fa%23", "/?a#"),
        ("/" + "a" * (LONGEST - 1), "/" + "a" * (LONGEST - 1)),
    ],
)
def test_a_plain_path_is_decoded_once(raw: str, path: str) -> None:
    assert read_path(raw) == path


_odd = st.lists(
    st.sampled_from(["/", ".", "..", "%2e", "%2F", "%", "%25", "a", ";", "\\", "%5c", "%00", "%C3%A9", "%c0%ae", "\n", "é", "?"]),
    max_size=12,
).map(lambda parts: "/" + "".join(parts))


@given(st.one_of(st.text(max_size=50), _odd))
@settings(max_examples=500)
def test_what_is_read_holds_nothing_that_two_programs_read_in_two_ways(raw: str) -> None:
    try:
        path = read_path(raw)
    except Refused as refused:
        assert refused.why is Why.BAD_PATH
        return
    assert path.startswith("/")
    assert "//" not in path
    assert not {".", ".."} & set(path.split("/"))
    assert not any(letter < " " or "\x7f" <= letter <= "\x9f" or letter in "\\;" for letter in path)


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="/\\;%"), min_size=1, max_size=8), max_size=4
    )
)
@settings(max_examples=200)
def test_an_encoded_plain_path_is_read_back(segments: list[str]) -> None:
    path = "/" + "/".join(segment for segment in segments if segment not in (".", ".."))
    assert read_path(quote(path, safe="/")) == path
