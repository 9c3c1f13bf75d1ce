import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.oauth.errors import OAuthError
from doorward.oauth.form import LARGEST, MOST, Form, parse_form, parse_json, read_form
from doorward.web.body import Replay
from tests.methods.place import request

FORM = "application/x-www-form-urlencoded"


def refused(body: bytes) -> OAuthError:
    with pytest.raises(OAuthError) as caught:
        parse_form(body)
    assert (caught.value.code, caught.value.status) == ("invalid_request", 400)
    return caught.value


@pytest.mark.rfc("6749", "B")
def test_a_form_is_decoded_as_utf_8() -> None:
    assert parse_form(b"a=%C3%A9+%2B&b=\xc3\xa9&c=x=y").values == {"a": "é +", "b": "é", "c": "x=y"}


@pytest.mark.rfc("6749", "3.2")
def test_an_empty_parameter_counts_as_left_out_and_one_sent_twice_is_refused() -> None:
    assert parse_form(b"scope=&a=1&&b").values == {"a": "1"}
    assert refused(b"a=1&a=1").why is Why.SHOWN_TWICE
    assert refused(b"a=&a=1").why is Why.SHOWN_TWICE
    assert refused(b"a=1&%61=2").why is Why.SHOWN_TWICE


@pytest.mark.rfc("8707", "2")
def test_resource_alone_may_be_repeated() -> None:
    form = parse_form(b"resource=https%3A%2F%2Fa.example&resource=https://b.example&scope=x")
    assert form.resources == ("https://a.example", "https://b.example")
    assert parse_json(b'{"resource":["https://a.example","https://b.example"]}').resources == form.resources
    assert refused(b"resource=a&resource=b&scope=x&scope=x").why is Why.SHOWN_TWICE


def test_what_is_not_utf_8_or_too_many_is_refused() -> None:
    for body in (b"a=%ff", b"\xff=1", b"&".join(b"p%d=1" % number for number in range(MOST + 1))):
        refused(body)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"nothing", b'{"a":1}', b'{"a":null}', b'{"a":["x"]}', b'{"a":"x","a":"y"}', b'{"a":"\\ud800"}']
)
def test_json_that_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(OAuthError) as caught:
        parse_json(body)
    assert caught.value.code == "invalid_request"


@given(
    body=st.one_of(
        st.binary(max_size=300), st.text(alphabet="ab=&%+2cé\ud800 ", max_size=60).map(lambda text: text.encode("utf-8", "replace"))
    )
)
def test_any_bytes_are_a_form_or_an_invalid_request(body: bytes) -> None:
    for parse in (parse_form, parse_json):
        try:
            form = parse(body)
        except OAuthError as error:
            assert (error.code, error.status) == ("invalid_request", 400)
        else:
            assert isinstance(form, Form)
            assert all(value.encode() for value in form.values.values())


@given(
    values=st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda name: name != "resource"), st.text(min_size=1, max_size=20), max_size=6
    )
)
def test_a_json_object_of_texts_is_the_same_form(values: dict[str, str]) -> None:
    try:
        body = json.dumps(values).encode()
        expected = {name: value for name, value in values.items() if (name + value).encode()}
    except UnicodeEncodeError:
        return
    assert parse_json(body).values == expected


async def read(body: bytes, kind: str | None, query: str = "") -> Form:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body}

    replay = Replay(receive, str(len(body)), LARGEST)
    fields = [("Content-Type", kind)] if kind is not None else []
    return await read_form(request(fields, method="POST", query=query, body=replay.read, has_body=bool(body)))


async def test_another_content_type_is_an_invalid_request() -> None:
    assert (await read(b"a=1", f"{FORM}; charset=UTF-8")).values == {"a": "1"}
    assert (await read(b'{"a":"1"}', "application/json")).values == {"a": "1"}
    for kind in (None, "", "text/plain", "multipart/form-data; boundary=x"):
        with pytest.raises(OAuthError, match="invalid_request"):
            await read(b"a=1", kind)


async def test_a_body_past_the_cap_is_too_large() -> None:
    with pytest.raises(Refused) as caught:
        await read(b"a=" + b"1" * LARGEST, FORM)
    assert caught.value.why is Why.BODY_TOO_LARGE


@pytest.mark.rfc("6749", "2.3.1")
async def test_a_secret_in_the_url_is_refused() -> None:
    for query in ("client_secret=x", "a=1&token=x"):
        with pytest.raises(OAuthError, match="invalid_request"):
            await read(b"a=1", FORM, query)
    assert (await read(b"a=1", FORM, "version=2")).values == {"a": "1"}
