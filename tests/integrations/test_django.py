from collections.abc import Callable, Iterator
from typing import Any

import django
import httpx
import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, JsonResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from doorward.core.route import Route
from doorward.integrations.wsgi import Blocking
from tests.integrations.wsgi_caller import blocking
from tests.web.door import route

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[], SECRET_KEY="of a test", DEFAULT_CHARSET="utf-8")
    django.setup()

from doorward.integrations.django import front, guard, require


class Front:
    def __init__(self, its: Blocking) -> None:
        self.blocking = its

    def route(self, allow: str, **words: Any) -> Route:
        return route("/**", allow, **words)


def told(request: HttpRequest) -> JsonResponse:
    auth = [name for name in request.headers if "Auth" in name]
    return JsonResponse({"caller": request.principal.subject, "size": len(request.body), "auth": auth})


@require("api_key")
def pets(request: HttpRequest) -> JsonResponse:
    return told(request)


@require("api_key")
async def pets_async(request: HttpRequest) -> JsonResponse:
    return told(request)


def reads_form(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    def handle(request: HttpRequest) -> Any:
        len(request.POST)
        return get_response(request)

    return handle


urlpatterns = [path("pets", pets), path("pets/async", pets_async), path("open", told)]
VIEWS = ["/pets", "/pets/async"]


@pytest.fixture
def its() -> Iterator[Blocking]:
    made = blocking()
    with override_settings(DOORWARD=Front(made), ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"]):
        yield made
    made.thread.stop()


async def ask(client: Any, where: str, key: str | None, *, method: str = "get", **more: Any) -> Any:
    headers = ({"X-API-Key": key} if key else {}) | more.pop("headers", {})
    answer = getattr(client, method)(where, headers=headers, **more)
    return await answer if isinstance(client, AsyncClient) else answer


async def every(where: str, key: str | None, **more: Any) -> list[Any]:
    """Under WSGI and under ASGI."""
    from asgiref.sync import sync_to_async

    under_wsgi = await sync_to_async(lambda: _sync(where, key, dict(more)))()
    return [under_wsgi, await ask(AsyncClient(), where, key, **more)]


def _sync(where: str, key: str | None, more: dict[str, Any]) -> Any:
    headers = ({"X-API-Key": key} if key else {}) | more.pop("headers", {})
    return getattr(Client(), more.pop("method", "get"))(where, headers=headers, **more)


@pytest.mark.parametrize("where", VIEWS)
async def test_a_view_knows_who_calls_and_nobody_says_it_in_our_name(its: Blocking, where: str) -> None:
    for answer in await every(where, "ann", headers={"X-Auth-Subject": "eve"}):
        assert (answer.status_code, answer.json()) == (200, {"caller": "ann", "size": 0, "auth": []})
        assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize("where", VIEWS)
async def test_a_refusal_is_our_document(its: Blocking, where: str) -> None:
    for key, code in (("wrong", "invalid_credential"), (None, "missing_credential")):
        for answer in await every(where, key):
            assert (answer.status_code, answer.json()["code"]) == (401, code)
            assert (answer.headers["Content-Type"], bool(answer.headers["WWW-Authenticate"])) == ("application/problem+json", True)


@pytest.mark.parametrize("where", VIEWS)
async def test_a_signed_body_is_there_for_the_view_and_one_past_the_cap_is_413(its: Blocking, where: str) -> None:
    said: dict[str, Any] = {"method": "post", "content_type": "application/octet-stream"}
    for answer in await every(where, "signer", data=b"hello", **said):
        assert answer.json() == {"caller": "signer", "size": 5, "auth": []}
    for answer in await every(where, "signer", data=bytes(1025), **said):
        assert answer.status_code == 413
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=3):
        for answer in await every(where, "signer", data=b"hello", **said):
            assert answer.status_code == 413


@override_settings(MIDDLEWARE=[f"{__name__}.reads_form"])  # type: ignore[untyped-decorator]
def test_a_body_that_was_read_as_a_form_before_is_refused_and_no_error(its: Blocking) -> None:
    answer = Client().post("/pets", {"a": "b"}, headers={"X-API-Key": "signer"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credential")


@override_settings(MIDDLEWARE=["doorward.integrations.django.guard"])  # type: ignore[untyped-decorator]
async def test_the_middleware_decides_by_the_routes_of_the_file(its: Blocking) -> None:
    for answer in await every("/open", "ann"):
        assert answer.json()["code"] == "no_route"  # this gate has none
    assert guard is not None


async def test_spellings_with_underscores_are_refused_where_they_can_be_told(its: Blocking) -> None:
    transport = httpx.ASGITransport(get_asgi_application(), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://pets.test") as web:
        answer = await web.get("/pets/async", headers={"X-API-Key": "ann", "X_Auth_Subject": "eve"})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        answer = await web.get("/pets/async", headers={"X-API-Key": "ann", "X-Auth-Subject": "eve"})
        assert (answer.status_code, answer.json()["auth"]) == (200, [])
        twice = await web.get("/pets/async", headers=[("X-API-Key", "ann"), ("X-API-Key", "ann")])
        assert twice.status_code == 401


def test_without_the_setting_it_says_what_is_missing() -> None:
    with override_settings(DOORWARD=None), pytest.raises(ImproperlyConfigured, match="DOORWARD"):
        front()
