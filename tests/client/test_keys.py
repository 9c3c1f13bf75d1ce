"""client/keys.py: what is the same on every request, and where it is not taken along."""

import httpx
import pytest

from doorward.client import ApiKey, Basic, Bearer, Unsafe

FIXED = [ApiKey("k"), Bearer("t"), Basic("ada", "pass:wörd")]


def moved(request: httpx.Request) -> httpx.Response:
    if request.url.host == "api.example":
        return httpx.Response(302, headers={"location": "https://evil.example/"})
    return httpx.Response(200, json={name: request.headers.get(name) for name in ("authorization", "x-api-key")})


@pytest.mark.parametrize("auth", FIXED, ids=["key", "token", "password"])
def test_a_redirect_to_another_origin_does_not_take_it_along(auth: httpx.Auth) -> None:
    with httpx.Client(transport=httpx.MockTransport(moved), auth=auth, follow_redirects=True) as web:
        assert web.get("https://api.example/").json() == {"authorization": None, "x-api-key": None}


def test_a_field_of_its_own_is_taken_along_by_httpx_so_it_is_not_the_default() -> None:
    with httpx.Client(transport=httpx.MockTransport(moved), auth=ApiKey("k", field="X-API-Key"), follow_redirects=True) as web:
        assert web.get("https://api.example/").json()["x-api-key"] == "k"


@pytest.mark.parametrize("auth", FIXED, ids=["key", "token", "password"])
def test_it_is_not_sent_over_plain_http(auth: httpx.Auth) -> None:
    with httpx.Client(transport=httpx.MockTransport(moved), auth=auth) as web, pytest.raises(Unsafe, match="plain http"):
        web.get("http://api.example/")


def test_a_name_with_a_colon_is_no_name_for_basic() -> None:
    with pytest.raises(ValueError, match="colon"):
        Basic("a:b", "p")


@pytest.mark.parametrize("text", ["s3cret\n", "s3cret\r\nX-Admin: 1", "s3cret\t", "s3cret ", "s3crét"])
def test_what_no_field_can_hold_is_told_at_once_and_not_shown(text: str) -> None:
    for make in (ApiKey, Bearer, lambda key: ApiKey(key, field="X-API-Key")):
        with pytest.raises(ValueError, match="read from a file") as caught:
            make(text)
        assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize("auth", FIXED, ids=["key", "token", "password"])
def test_no_repr_shows_it(auth: httpx.Auth) -> None:
    assert [text for text in ("Bearer k", "Bearer t", "YWRh") if text in repr(vars(auth))] == []
