"""server.py: the doors whole, in process, where a part of them cannot do its work or time goes by."""

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from doorward.admin.accounts import AccountOrder, PasswordMaker, create
from doorward.admin.actor import LOCAL
from doorward.app import Doorward
from doorward.cli.init import lay_out
from doorward.core.secret import Secret
from doorward.crypto.hashing_pool import HashingPool
from doorward.crypto.password import CHEAPEST_FOR_TESTS
from doorward.data_dir import DataDir
from doorward.server import Server

ASKED = {"X-Original-Method": "GET", "X-Original-URI": "/pets"}


class Clock:
    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
async def place(tmp_path: Path) -> DataDir:
    made = DataDir(tmp_path / "d", {})
    await lay_out(made)
    made.settings.write_text('[server]\ntrusted_proxies = ["127.0.0.1/32"]\n[[route]]\npath = "/**"\nallow = "basic or jwt"\n')
    return made


@asynccontextmanager
async def client(door: Doorward) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Server(door), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as web:
        yield web


async def add_ada(door: Doorward) -> None:
    home = door.parts.home
    maker = PasswordMaker(pool=HashingPool(1), params=CHEAPEST_FOR_TESTS, entropy=home.entropy)
    await create(AccountOrder(name="ada", password=Secret("pw")), store=home.store, maker=maker, actor=LOCAL, now=home.clock())


async def test_without_a_signing_key_verify_is_unavailable_and_no_error(place: DataDir) -> None:
    with sqlite3.connect(place.database) as db:
        db.execute("DELETE FROM signing_keys")
    db.close()
    async with Doorward(place.path, environ={}) as door, client(door) as web:
        await add_ada(door)
        answer = await web.get("/verify", headers=ASKED, auth=("ada", "pw"))
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"]
        assert (await web.get("/readyz")).status_code == 503


async def test_a_long_token_that_was_signed_out_stays_out(place: DataDir) -> None:
    clock = Clock()
    async with Doorward(place.path, environ={}, clock=clock) as door, client(door) as web:
        await add_ada(door)
        issuer = door.parts.options.server.issuer
        made = await door.parts.mint.issue("ada", audience=issuer, scopes=frozenset(), life=86400, actor="me")
        bearer = {"Authorization": f"Bearer {made.access_token.reveal()}"}
        assert (await web.get("/verify", headers=ASKED | bearer)).status_code == 200
        assert (await web.post("/auth/logout", headers=bearer)).status_code == 204
        await door.parts.watch.catch_up()
        clock.ahead = 86000.0
        door.parts.revoked.forget(clock())
        await door.parts.store.sweep(clock())
        assert (await web.get("/verify", headers=ASKED | bearer)).json()["code"] == "revoked_credential"
