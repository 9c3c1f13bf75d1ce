import asyncio
import base64
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route as Path
from starlette.types import ASGIApp, Receive, Scope, Send

from doorward.core.limit import Rate
from doorward.core.proof import KEY_IN_QUERY
from doorward.crypto.client_chain import ClientTrust
from doorward.crypto.revocation_list import RevocationLists
from doorward.integrations.starlette import Refusal, Requirement
from doorward.methods.mtls import Mtls
from doorward.stores.memory import MemoryStore
from doorward.web.guard import Guard
from tests.certificates import NOW, authority, leaf
from tests.integrations.test_fastapi import KEY, means
from tests.web.door import Words, clock, route


class Looks:
    """A middleware that has read the fields before anybody was asked, as FastAPI itself does."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            assert "x-api-key" in Request(scope).headers
        await self.app(scope, receive, send)


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


async def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.integrations.starlette.SECONDS", 0.05)

    async def body() -> AsyncIterator[bytes]:
        yield b"h"
        await asyncio.sleep(60)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(APP, client=("127.0.0.1", 1)), base_url="http://pets.test") as web:
        answer = await web.post("/asked", headers={"X-API-Key": "signer"}, content=body())
    assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")


async def test_what_a_caller_says_in_our_name_is_taken_away_or_refused() -> None:
    @NEEDED.endpoint
    async def told(request: Request) -> Response:
        return JSONResponse([name for name in request.headers if name.startswith("x-auth")])

    app = Starlette(routes=[Path("/", told)])
    app.add_middleware(Looks)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=("127.0.0.1", 1)), base_url="http://pets.test") as web:
        answer = await web.get("/", headers={"X-API-Key": "ann", "X-Auth-Subject": "eve", "X-Auth-Anything": "eve"})
        assert (answer.status_code, answer.json()) == (200, [])
        spelled = await web.get("/", headers={"X-API-Key": "ann", "X_Auth_Subject": "eve"})
    assert (spelled.status_code, spelled.json()["code"]) == (400, "bad_request")


async def test_a_key_in_the_query_is_warned_about() -> None:
    needed = Requirement(means([Words(claims={KEY_IN_QUERY: True})]), route("/**", allow_query_key=True))

    @needed.endpoint
    async def endpoint(_: Request) -> Response:
        return PlainTextResponse("")

    answer = await ask("/", "ann", Starlette(routes=[Path("/", endpoint)]))
    assert "in the query" in answer.headers["x-auth-warning"]
    assert "x-auth-warning" not in (await ask("/decorated", "ann")).headers


async def test_a_guard_and_two_questions_within_are_one_request() -> None:
    its_means = means([Words(once=True, rate=Rate(2, 60))])
    outer, inner = Requirement(its_means, route("/**", rate=Rate(5, 60))), Requirement(its_means, route("/**", name="inner"))

    async def endpoint(request: Request) -> Response:
        await outer(request)
        await inner(request)
        return PlainTextResponse(f"{len(await request.body())}")

    ready = await its_means()
    app = Starlette(routes=[Path("/pets/1", endpoint, methods=["POST"])])
    guarded = Guard(app, gate=ready.gate, answerer=ready.answerer, proxies=ready.proxies, clock=clock, route=outer.route)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded, client=("127.0.0.1", 1)), base_url="http://pets.test") as web:
        answer = await web.post("/pets/1", headers={"X-API-Key": "signer"}, content=b"hello")
        assert (answer.status_code, answer.text) == (200, "5")
        assert answer.headers["ratelimit"].startswith('"default";r=1;')
        again = await web.post("/pets/1", headers={"X-API-Key": "signer"}, content=b"hello")
    assert (again.status_code, again.json()["code"]) == (401, "replayed_request")


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


async def test_the_certificate_of_the_connection_reaches_the_gate_and_no_field_tells_of_one() -> None:
    ca = authority("clients")
    made = leaf(ca, dns=["till.example.org"])
    trust = ClientTrust({"clients.pem": [ca.certificate]}, RevocationLists(), {})
    store = MemoryStore(lambda: NOW)
    mtls = Mtls(trust=trust, credentials=store.credentials, accounts=store.accounts, clock=lambda: NOW)
    needed = Requirement(means(methods=[mtls]), route("/**", "mtls"))

    async def endpoint(request: Request) -> Response:
        principal = await needed(request)
        assert principal is not None
        return PlainTextResponse(f"{principal.subject} {request.headers.get('client-cert')}")

    inner = Starlette(routes=[Path("/", endpoint)])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        chain = [made.pem.decode()] if b"x-tls" in dict(scope["headers"]) else []
        await inner({**scope, "extensions": {"tls": {"client_cert_chain": chain}}}, receive, send)

    transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://pets.test") as web:
        told = ":" + base64.b64encode(made.der).decode() + ":"
        assert (await web.get("/", headers={"X-TLS": "1", "Client-Cert": told})).text == "till.example.org None"
        assert (await web.get("/", headers={"Client-Cert": told})).status_code == 401
