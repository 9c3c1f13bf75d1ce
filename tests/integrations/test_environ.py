import io
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.core.path import read_path
from doorward.core.request import Headers
from doorward.integrations.environ import reader, scope_of, strip
from tests.integrations.wsgi_caller import environ


def headers(**fields: str) -> Headers:
    return Headers(scope_of(environ() | fields)["headers"])


def test_the_path_is_read_as_it_was_sent() -> None:
    for name in ("RAW_URI", "REQUEST_URI"):
        scope = scope_of(environ("/a b", QUERY_STRING="x=%2f") | {name: "/a%20b?x=%2f"})
        assert (scope["raw_path"], scope["query_string"], scope["path"]) == (b"/a%20b", b"x=%2f", "/a b")
    assert scope_of(environ("/b", SCRIPT_NAME="/a", RAW_URI="/a/b"))["path"] == "/a/b"


@pytest.mark.parametrize(("raw", "path"), [("/b", "/a"), ("/a?x", "/a"), ("http://host/a", "/a"), ("/a%2fb", "/a"), ("*", "/")])
def test_a_path_that_the_application_sees_otherwise_is_refused(raw: str, path: str) -> None:
    with pytest.raises(Refused) as caught:
        scope_of(environ(path, RAW_URI=raw))
    assert caught.value.why is Why.BAD_PATH


@pytest.mark.parametrize("path", ["/a%2fb", "/a\\b", "/a;b", "//a", "/a/../b", "/a\x00", "/a%", "a"])
def test_of_a_server_that_tells_no_raw_path_what_is_ambiguous_decoded_is_refused(path: str) -> None:
    with pytest.raises(Refused) as caught:
        read_path(scope_of(environ(path))["raw_path"].decode())
    assert caught.value.why is Why.BAD_PATH


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_characters="%;\\?#"), max_size=20))
def test_whatever_else_such_a_server_gives_is_judged_as_the_application_reads_it(text: str) -> None:
    path = "/" + text
    as_wsgi = path.encode().decode("latin-1")
    try:
        judged = read_path(scope_of(environ(as_wsgi))["raw_path"].decode())
    except Refused as refused:
        assert refused.why is Why.BAD_PATH
    else:
        assert judged == path


def test_a_field_that_was_sent_twice_is_two_again() -> None:
    for name, value in (
        ("HTTP_X_API_KEY", "a,b"),
        ("HTTP_X_API_KEY", ","),
        ("HTTP_AUTHORIZATION", "Bearer a,Bearer b"),
        ("HTTP_AUTHORIZATION", "Basic YTpi, Bearer b"),
        ("HTTP_AUTHORIZATION", "DPoP a,DPoP b"),
        ("HTTP_X_SIGNATURE", "00,00"),
        ("HTTP_HOST", "a,b"),
        ("HTTP_WEBHOOK_ID", "a,a"),
        ("CONTENT_LENGTH", "1,1"),
    ):
        field = name.removeprefix("HTTP_").replace("_", "-").lower().encode()
        with pytest.raises(Refused) as caught:
            headers(**{name: value}).one(field)
        assert caught.value.why is Why.SHOWN_TWICE


def test_fields_that_are_lists_stay_whole() -> None:
    assert headers(HTTP_X_FORWARDED_FOR="a, b").one(b"x-forwarded-for") == "a, b"
    assert headers(HTTP_AUTHORIZATION='Digest a="b", c="d"').one(b"authorization") == 'Digest a="b", c="d"'
    assert headers(HTTP_STRIPE_SIGNATURE="t=1,v1=00").one(b"stripe-signature") == "t=1,v1=00"


@pytest.mark.parametrize("field", ["HTTP_SCRIPT_NAME", "HTTP_PATH_INFO"])
def test_no_request_says_where_the_application_is_mounted_since_proxies_hand_on_a_callers_word(field: str) -> None:
    with pytest.raises(Refused) as caught:
        scope_of(environ("/admin", SCRIPT_NAME="/open") | {field: "/open"})
    assert caught.value.why is Why.BAD_REQUEST
    assert scope_of(environ("/admin", SCRIPT_NAME="/mounted"))["path"] == "/mounted/admin", "by the operator"


def test_names_of_identity_and_words_about_certificates_are_taken_away() -> None:
    asked = environ(HTTP_X_AUTH_SUBJECT="eve", HTTP_X_AUTH_IDENTITY="x", HTTP_X_SSL_CLIENT_CERT="x", HTTP_CLIENT_CERT="x", HTTP_ACCEPT="x")
    strip(asked)
    assert {name for name in asked if name.startswith("HTTP_")} == {"HTTP_HOST", "HTTP_ACCEPT"}


def test_a_body_is_read_once_and_read_again_by_the_application() -> None:
    asked = environ(body=b"hello")
    assert reader(asked, 5)() == b"hello"
    assert (asked["wsgi.input"].read(), asked["CONTENT_LENGTH"]) == (b"hello", "5")
    chunked = environ(HTTP_TRANSFER_ENCODING="chunked") | {"wsgi.input": io.BytesIO(b"hello"), "wsgi.input_terminated": True}
    assert reader(chunked, 5)() == b"hello"
    assert "HTTP_TRANSFER_ENCODING" not in chunked
    assert reader(environ(), 5)() == b""


def test_a_body_that_is_too_large_cut_or_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("gone")

    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "wsgi.input": io.BytesIO(b"123456")}
    for asked, expected in (
        (environ(body=b"123456"), Why.BODY_TOO_LARGE),
        (environ() | chunked, Why.BODY_TOO_LARGE),
        (environ(body=b"123") | {"CONTENT_LENGTH": "4"}, Why.BAD_REQUEST),
        (environ() | chunked | {"wsgi.input_terminated": False}, Why.BAD_REQUEST),
        (environ() | chunked | {"wsgi.input": Broken()}, Why.BAD_REQUEST),
        (environ(body=b"123") | {"wsgi.input": Broken()}, Why.BAD_REQUEST),
    ):
        with pytest.raises(Refused) as caught:
            reader(asked, 5)()
        assert caught.value.why is expected
    monkeypatch.setattr("doorward.integrations.environ.SECONDS", -1.0)
    with pytest.raises(Refused) as caught:
        reader(environ(body=b"123"), 5)()
    assert caught.value.why is Why.BODY_TOO_SLOW


_names = st.sampled_from(
    ["HTTP_X_API_KEY", "HTTP_AUTHORIZATION", "RAW_URI", "PATH_INFO", "QUERY_STRING", "CONTENT_LENGTH", "REMOTE_ADDR", "HTTP_HOST"]
)
_values = st.text(st.characters(max_codepoint=255), max_size=40) | st.text(string.printable, max_size=40)


@given(st.dictionaries(_names, _values))
def test_any_environ_is_read_or_refused(fields: dict[str, str]) -> None:
    try:
        Headers(scope_of(environ() | fields)["headers"])
    except Refused as refused:
        assert refused.why in (Why.BAD_PATH, Why.HEADER_TOO_LARGE)
