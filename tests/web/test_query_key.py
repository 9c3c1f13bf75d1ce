from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from doorward.core.gate import Gate, GateOptions
from doorward.core.policy import By
from doorward.core.route import Route, Routes
from doorward.web.asgi import Receive, Scope, Send
from doorward.web.guard import Guard
from tests.methods.place import Place, a_place
from tests.web.door import LOCAL, answerer, call


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path) as made:
        yield made


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def guard_of(place: Place, *, allowed: bool) -> Guard:
    routes = Routes([Route(path="/**", allow=By("api_key"), allow_query_key=allowed)])
    gate = Gate([place.api_key()], routes, place.store.once, place.store.meter, place.clock, GateOptions())
    return Guard(app, gate=gate, answerer=answerer(gate), proxies=LOCAL, clock=place.clock)


async def test_a_key_in_the_query_is_warned_about_in_the_answer(place: Place) -> None:
    text = (await place.key()).key.reveal()
    told = await call(guard_of(place, allowed=True), f"/pets?api_key={quote(text)}")
    assert told.status == 200
    assert "X-API-Key" in (told.header("x-auth-warning") or "")
    told = await call(guard_of(place, allowed=True), headers=[("X-API-Key", text)])
    assert (told.status, told.header("x-auth-warning")) == (200, None)


async def test_a_key_in_the_query_is_no_key_where_the_route_does_not_allow_it(place: Place) -> None:
    text = (await place.key()).key.reveal()
    assert (await call(guard_of(place, allowed=False), f"/pets?api_key={text}")).status == 401
