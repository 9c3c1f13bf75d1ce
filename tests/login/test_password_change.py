"""A password is changed while people sign in with the old one: nothing of theirs lives on."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from doorward.admin import accounts
from doorward.admin.accounts import AccountOrder, PasswordMaker
from doorward.admin.actor import LOCAL
from doorward.app import Doorward
from doorward.cli.init import lay_out
from doorward.core.secret import Secret
from doorward.crypto.hashing_pool import HashingPool
from doorward.crypto.password import CHEAPEST_FOR_TESTS
from doorward.data_dir import DataDir
from doorward.server import Server


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Doorward]:
    place = DataDir(tmp_path / "d", {})
    await lay_out(place)
    place.settings.write_text('[limits]\nfailures = "off"\n[[route]]\npath = "/**"\nallow = "jwt or session"\n')
    async with Doorward(place.path, environ={}) as made:
        yield made


async def test_no_sign_in_with_the_old_password_outlives_its_change(door: Doorward) -> None:
    store, maker = door.parts.store, PasswordMaker(pool=HashingPool(1), params=CHEAPEST_FOR_TESTS, entropy=os.urandom)
    await accounts.create(AccountOrder(name="ada", password=Secret("old one")), store=store, maker=maker, actor=LOCAL, now=time.time())
    server, given = Server(door), list[tuple[dict[str, str], str]]()
    transport = httpx.ASGITransport(server, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as web:
        ended = asyncio.Event()

        async def sign_in_over_and_over() -> None:
            while not ended.is_set():
                answer = await web.post("/auth/login", json={"username": "ada", "password": "old one"})
                assert answer.status_code in (200, 401, 503)
                if answer.status_code == 200:
                    tokens = answer.json()
                    given.append(({"Authorization": f"Bearer {tokens['access_token']}"}, tokens["refresh_token"]))

        signing = [asyncio.create_task(sign_in_over_and_over()) for _ in range(8)]
        for number in range(5):
            before = len(given)
            while len(given) < before + 20:
                await asyncio.sleep(0.005)
            now = time.time()  # as the command line takes it: before the hash
            await accounts.change_password("ada", Secret(f"new {number}"), store=store, maker=maker, actor=LOCAL, now=now)
            await asyncio.sleep(0.05)
            await accounts.change_password("ada", Secret("old one"), store=store, maker=maker, actor=LOCAL, now=time.time())
        await accounts.change_password("ada", Secret("the last"), store=store, maker=maker, actor=LOCAL, now=time.time())
        await asyncio.sleep(0.05)
        ended.set()
        await asyncio.gather(*signing)
        await asyncio.sleep(0.3)
        assert len(given) > 100
        for bearer, refresh in given:
            assert (await web.get("/auth/sessions", headers=bearer)).status_code == 401
            assert (await web.post("/auth/refresh", json={"refresh_token": refresh})).status_code == 401
        assert (await web.post("/auth/login", json={"username": "ada", "password": "the last"})).status_code == 200
