import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from doorward.core.limit import Rate
from doorward.core.store import Unavailable
from doorward.integrations.wsgi import Blocking, WsgiGuard
from tests.integrations.wsgi_caller import blocking, call, environ
from tests.web.door import Words, route


def application(asked: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    principal = asked["doorward.principal"]
    told = {
        "caller": principal.subject if principal else None,
        "size": len(asked["wsgi.input"].read(int(asked.get("CONTENT_LENGTH") or 0))),
        "identity": sorted(name for name in asked if name.startswith("HTTP_X_AUTH")),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]


@pytest.fixture
def its() -> Iterator[Blocking]:
    made = blocking()
    yield made
    made.thread.stop()


def test_the_application_knows_who_calls(its: Blocking) -> None:
    guard = WsgiGuard(application, its, route("/**", rate=Rate(100, 60)))
    status, headers, body = call(guard, environ(HTTP_X_API_KEY="ann", HTTP_X_AUTH_SUBJECT="eve"))
    assert (status, json.loads(body)) == (200, {"caller": "ann", "size": 0, "identity": []})
    assert headers["Ratelimit-Policy"] == '"default";q=100;w=60'
    assert headers["X-Request-Id"]


def test_a_refusal_is_our_document_and_the_application_is_not_asked(its: Blocking) -> None:
    guard = WsgiGuard(application, its, route("/**"))
    for asked, expected in (
        (environ(HTTP_X_API_KEY="wrong"), "invalid_credential"),
        (environ(), "missing_credential"),
        (environ(HTTP_X_API_KEY="ann,ann"), "invalid_credential"),
        (environ("/a;b", HTTP_X_API_KEY="ann"), "bad_request"),
        (environ("/a", RAW_URI="/b", HTTP_X_API_KEY="ann"), "bad_request"),
        (environ(HTTP_X_API_KEY="ann", HTTP_X_BIG="x" * 9000), "header_too_large"),
    ):
        status, headers, body = call(guard, asked)
        assert json.loads(body)["code"] == expected
        assert headers["Content-Type"] == "application/problem+json"
        assert ("Www-Authenticate" in headers) == (status == 401)


def test_the_answer_to_head_has_no_content(its: Blocking) -> None:
    status, _, body = call(WsgiGuard(application, its, route("/**")), environ(method="HEAD"))
    assert (status, body) == (401, b"")


def test_a_body_is_verified_and_played_again_and_one_past_the_cap_is_413(its: Blocking) -> None:
    guard = WsgiGuard(application, its, route("/**"))
    assert json.loads(call(guard, environ(method="POST", body=b"hello", HTTP_X_API_KEY="signer"))[2])["size"] == 5
    status, headers, body = call(guard, environ(method="POST", body=bytes(1025), HTTP_X_API_KEY="signer"))
    assert (status, json.loads(body)["code"]) == (413, "body_too_large")
    assert "Connection" not in headers  # PEP 3333 leaves it to the server


def test_a_store_that_does_not_answer_is_503() -> None:
    its = blocking([Words(error=Unavailable("locked"))])
    status, headers, _ = call(WsgiGuard(application, its, route("/**")), environ(HTTP_X_API_KEY="ann"))
    assert (status, headers["Retry-After"]) == (503, "1")
    its.thread.stop()


def test_many_threads_ask_at_once(its: Blocking) -> None:
    guard = WsgiGuard(application, its, route("/**"))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: call(guard, environ(HTTP_X_API_KEY=f"ann{n}")), range(200)))
    assert [json.loads(body)["caller"] for _, _, body in answers] == [f"ann{n}" for n in range(200)]


def test_a_limit_is_charged_once_where_two_doors_stand_behind_each_other(its: Blocking) -> None:
    its_route = route("/**", rate=Rate(10, 60))
    guard = WsgiGuard(WsgiGuard(application, its, its_route), its, its_route)
    status, headers, _ = call(guard, environ(HTTP_X_API_KEY="ann"))
    assert (status, headers["Ratelimit"].split(";")[1]) == (200, "r=9")


def test_a_listed_proxy_is_believed_about_address_and_scheme_and_nobody_else(its: Blocking) -> None:
    guard = WsgiGuard(application, its, route("/**"))
    told = {"HTTP_X_API_KEY": "ann", "HTTP_X_FORWARDED_FOR": "192.0.2.9", "HTTP_X_FORWARDED_HOST": "pets.example"}
    for proto, address, status in (
        ("https", "127.0.0.1", 200),
        ("http", "127.0.0.1", 403),
        ("https,https", "127.0.0.1", 401),
        ("https", "192.0.2.1", 403),
    ):
        assert call(guard, environ() | told | {"HTTP_X_FORWARDED_PROTO": proto, "REMOTE_ADDR": address})[0] == status


def test_a_door_within_says_the_request_id_once(its: Blocking) -> None:
    within = WsgiGuard(application, its, route("/**"))
    said: list[list[tuple[str, str]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        said.append(headers)

    list(WsgiGuard(within, its, route("/**"))(environ(HTTP_X_API_KEY="ann"), start_response))
    assert [name for name, _ in said[0]].count("X-Request-Id") == 1
