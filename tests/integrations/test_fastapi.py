from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Body, Depends, FastAPI, Header, Request, WebSocket

from doorward.core.limit import Rate
from doorward.core.method import Method
from doorward.core.proof import KEY_IN_QUERY, Principal
from doorward.core.route import Route
from doorward.integrations.fastapi import requirement
from doorward.integrations.means import Means
from tests.web.door import LOCAL, Words, answerer, call, gate, route

KEY = {"X-API-Key": "ann"}


def means(methods: Sequence[Method[Any]] | None = None, largest: int = 1024) -> Any:
    its_gate = gate([], methods or [Words()])

    async def ready() -> Means:
        return Means(gate=its_gate, answerer=answerer(its_gate), proxies=LOCAL, largest_body=largest)

    return ready


def made(its_route: Route, methods: list[Words] | None = None, largest: int = 1024) -> FastAPI:
    app = FastAPI()
    needed = requirement(means(methods, largest), its_route)

    @app.get("/pets")
    async def pets(caller: Annotated[Principal, Depends(needed)]) -> dict[str, Any]:
        return {"caller": caller.subject}

    @app.post("/pets")
    async def add(caller: Annotated[Principal, Depends(needed)], request: Request) -> dict[str, Any]:
        return {"caller": caller.subject, "size": len(await request.body())}

    @app.post("/json")
    async def add_json(_: Annotated[Principal, Depends(needed)], pet: Annotated[dict[str, str], Body()]) -> dict[str, str]:
        return pet

    @app.websocket("/socket")
    async def socket(websocket: WebSocket, caller: Annotated[Principal, Depends(needed)]) -> None:
        await websocket.accept()
        await websocket.send_text(caller.subject)
        await websocket.close()

    return app


@asynccontextmanager
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=True, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://pets.test") as made_client:
        yield made_client


async def test_a_key_in_the_query_is_warned_about() -> None:
    app = made(route("/**", allow_query_key=True), [Words(claims={KEY_IN_QUERY: True})])
    async with client(app) as web:
        assert "in the query" in (await web.get("/pets", headers=KEY)).headers["x-auth-warning"]


async def test_what_a_caller_says_in_our_name_does_not_reach_the_endpoint() -> None:
    app = FastAPI()
    needed = requirement(means(), route())

    @app.post("/pets")
    async def pets(
        _: Annotated[Principal, Depends(needed)], request: Request, x_auth_subject: Annotated[str | None, Header()] = None
    ) -> str:
        return f"{x_auth_subject} {'x-auth-subject' in request.headers}"

    async with client(app) as web:
        assert (await web.post("/pets", headers={**KEY, "X-Auth-Subject": "eve"}, json={})).json() == "None False"
        assert (await web.post("/pets", headers={**KEY, "X_Auth_Subject": "eve"}, json={})).status_code == 400


async def test_the_endpoint_gets_the_principal() -> None:
    async with client(made(route("/**", rate=Rate(10, 60)))) as web:
        answer = await web.get("/pets", headers=KEY)
    assert answer.json() == {"caller": "ann"}
    assert answer.headers["ratelimit"] == '"default";r=9;t=6'
    assert answer.headers["x-request-id"]


async def test_a_refusal_is_our_document_with_all_its_fields() -> None:
    async with client(made(route("/**", scopes=frozenset({"write:pets"})))) as web:
        missing, lacking = await web.get("/pets"), await web.get("/pets", headers=KEY)
    assert (missing.status_code, missing.json()["code"]) == (401, "missing_credential")
    assert missing.headers["content-type"] == "application/problem+json"
    assert missing.headers["www-authenticate"] == 'Bearer realm="doorward"'
    assert (lacking.status_code, lacking.json()["code"]) == (403, "insufficient_scope")
    assert 'scope="write:pets"' in lacking.headers["www-authenticate"]


async def test_a_signed_body_is_read_and_still_there_for_the_endpoint() -> None:
    words = Words()
    async with client(made(route("/**"), [words])) as web:
        answer = await web.post("/pets", headers={"X-API-Key": "signer"}, content=b"hello")
        assert answer.json() == {"caller": "signer", "size": 5}
        answer = await web.post("/json", headers={"X-API-Key": "signer"}, json={"name": "Rosa"})
        assert answer.json() == {"name": "Rosa"}
    assert words.bodies == [b"hello", b'{"name":"Rosa"}']


async def test_a_signed_body_past_the_cap_is_refused() -> None:
    async with client(made(route("/**"), largest=4)) as web:
        answer = await web.post("/pets", headers={"X-API-Key": "signer"}, content=b"hello")
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert (await web.post("/pets", headers=KEY, content=b"hello")).status_code == 200


async def test_the_page_shows_how_to_authenticate() -> None:
    app = made(route("/**", "api_key or jwt or (basic and hmac bound by independent) or session"))
    listed = app.openapi()
    assert set(listed["components"]["securitySchemes"]) == {"api_key", "jwt", "basic", "hmac", "session"}
    assert {"api_key": []} in listed["paths"]["/pets"]["get"]["security"]
    assert "parameters" not in listed["paths"]["/pets"]["get"]


@pytest.mark.parametrize("extensions", [{}, {"websocket.http.response": {}}])
async def test_a_websocket_is_admitted_or_refused_before_it_is_accepted(extensions: dict[str, Any]) -> None:
    app = made(route("/**"))
    told = await call(app, "/socket", kind="websocket", headers=[("X-API-Key", "ann")], extensions=extensions)
    assert (told.accepted, told.body) == (True, b"ann")
    told = await call(app, "/socket", kind="websocket", extensions=extensions)
    assert not told.accepted
    assert (told.status, told.code) == (401, "missing_credential") if extensions else told.closed == 1008


@pytest.mark.parametrize(("origin", "accepted"), [("http://pets.test", True), ("http://evil.test", False)])
async def test_a_cookie_alone_opens_no_websocket_for_another_origin(origin: str, accepted: bool) -> None:
    ambient = Words("session", None, ambient=True, place=b"x-cookie")
    app = made(route("/**", "session"), [ambient])
    sent = [("X-Cookie", "ann"), ("Origin", origin), ("Host", "pets.test")]
    assert (await call(app, "/socket", kind="websocket", headers=sent)).accepted is accepted
