import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route as Path

from doorward.core.limit import Rate
from doorward.integrations.starlette import Refusal, Requirement
from tests.integrations.test_fastapi import KEY, means
from tests.web.door import Words, route

NEEDED = Requirement(means(), route("/**", rate=Rate(100, 60)))


@NEEDED.endpoint
async def decorated(request: Request) -> Response:
    return PlainTextResponse(request.scope["principal"].subject)


@NEEDED.endpoint
def threaded(request: Request) -> Response:
    return PlainTextResponse(request.scope["principal"].subject)


async def asked(request: Request) -> Response:
    principal = await NEEDED(request)
    return JSONResponse({"caller": principal.subject if principal else None, "size": len(await request.body())})


APP = Starlette(routes=[Path("/decorated", decorated), Path("/threaded", threaded), Path("/asked", asked, methods=["GET", "POST"])])


async def ask(path: str, key: str | None = None, app: Starlette = APP, method: str = "GET", content: bytes = b"") -> httpx.Response:
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://pets.test") as web:
        return await web.request(method, path, headers={"X-API-Key": key} if key else {}, content=content)


@pytest.mark.parametrize("path", ["/decorated", "/threaded"])
async def test_a_decorated_endpoint_knows_who_calls(path: str) -> None:
    answer = await ask(path, KEY["X-API-Key"])
    assert (answer.status_code, answer.text) == (200, "ann")
    assert answer.headers["ratelimit-policy"] == '"default";q=100;w=60'


@pytest.mark.parametrize("path", ["/decorated", "/threaded", "/asked"])
async def test_a_refusal_is_our_document(path: str) -> None:
    answer = await ask(path, "wrong")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credential")
    assert answer.headers["www-authenticate"] == 'Bearer realm="doorward", error="invalid_token"'
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_was_verified_is_still_there() -> None:
    answer = await ask("/asked", "signer", method="POST", content=b"hello")
    assert answer.json() == {"caller": "signer", "size": 5}


async def test_a_signed_body_that_somebody_read_away_before_is_refused_and_no_error() -> None:
    async def read_away(request: Request) -> Response:
        async for _ in request.stream():
            pass
        return PlainTextResponse(str(await NEEDED(request)))

    app = Starlette(routes=[Path("/", read_away, methods=["POST"])])
    answer = await ask("/", "signer", app, "POST", b"hello")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credential")


async def test_an_applications_own_handler_stays_in_force() -> None:
    async def own(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return PlainTextResponse("mine", error.status_code)

    assert (await ask("/asked", app=Starlette(routes=APP.routes, exception_handlers={Refusal: own}))).text == "mine"


async def test_a_route_open_to_anyone_has_no_principal() -> None:
    needed = Requirement(means(), route("/**", None))

    async def open_endpoint(request: Request) -> Response:
        return PlainTextResponse(str(await needed(request)))

    assert (await ask("/", app=Starlette(routes=[Path("/", open_endpoint)]))).text == "None"


async def test_outside_of_starlettes_own_handling_it_is_an_http_error_and_no_500() -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "client": ("127.0.0.1", 1), "scheme": "http"}
    with pytest.raises(HTTPException) as raised:
        await Requirement(means([Words()]), route("/**"))(Request(scope))
    assert raised.value.status_code == 401
    assert raised.value.headers is not None
    assert raised.value.headers["www-authenticate"] == 'Bearer realm="doorward"'
