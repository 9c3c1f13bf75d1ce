"""Clients at `doorward serve --workers 2`: what a command does to one of them holds in every worker."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from tests.trips.test_server import WITHIN, Served, two_workers

ROUTES = """
[server]
issuer = "https://localhost:{port}"
trusted_proxies = ["127.0.0.1/32"]

[[route]]
path = "/pets/**"
allow = "oauth or api_key"
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with two_workers(tmp_path_factory.mktemp("clients"), ROUTES) as place:
        yield place


@pytest.fixture
async def http(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with served.client() as client:
        yield client


async def token(http: httpx.AsyncClient, id: str, secret: str) -> httpx.Response:
    return await http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(id, secret))


async def verified(http: httpx.AsyncClient, name: str, value: str) -> int:
    shown = {name: value, "X-Original-Method": "GET", "X-Original-URI": "/pets/1"}
    return (await http.get("/verify", headers=shown)).status_code


async def until_refused(ask: Any, wanted: int) -> float:
    """Seconds until forty answers in a row, of both workers, are refusals; none is let in after that."""
    began, since, in_a_row = time.monotonic(), 0.0, 0
    while in_a_row < 40:
        if await ask() == wanted:
            since, in_a_row = since or time.monotonic() - began, in_a_row + 1
        else:
            since, in_a_row = 0.0, 0
        assert time.monotonic() - began < 20
    return since


@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_a_revoked_client_its_tokens_and_its_keys_end_in_every_worker(served: Served, http: httpx.AsyncClient, form: str) -> None:
    made = served.command("client", "create", "Till", "--scopes", "read:pets", "--token", form)
    id, secret = made["client_id"], made["client_secret"]
    key = served.command("key", "create", "--name", "own", "--owner", id, "--scopes", "read:pets")["key"]
    access = (await token(http, id, secret)).json()["access_token"]
    for _ in range(6):
        assert (await token(http, id, secret)).status_code == 200
        assert await verified(http, "Authorization", f"Bearer {access}") == 200
        assert await verified(http, "X-API-Key", key) == 200
    await asyncio.to_thread(served.command, "client", "revoke", id)

    async def at_the_token_endpoint() -> int:
        return (await token(http, id, secret)).status_code

    assert await until_refused(at_the_token_endpoint, 401) < WITHIN
    assert await until_refused(lambda: verified(http, "Authorization", f"Bearer {access}"), 401) < WITHIN
    assert await until_refused(lambda: verified(http, "X-API-Key", key), 401) < WITHIN


async def test_a_leaked_secret_ends_in_every_worker_and_the_new_one_works_at_once(served: Served, http: httpx.AsyncClient) -> None:
    made = served.command("client", "create", "Till")
    id, old = made["client_id"], made["client_secret"]
    assert {(await token(http, id, old)).status_code for _ in range(6)} == {200}
    new = (await asyncio.to_thread(served.command, "client", "rotate-secret", id, "--now"))["client_secret"]
    assert {(await token(http, id, new)).status_code for _ in range(12)} == {200}

    async def with_the_old_one() -> int:
        return (await token(http, id, old)).status_code

    assert await until_refused(with_the_old_one, 401) < WITHIN


async def test_secrets_work_on_after_rotate_pepper(served: Served, http: httpx.AsyncClient) -> None:
    made = served.command("client", "create", "Till")
    id, old = made["client_id"], made["client_secret"]
    await asyncio.to_thread(served.command, "rotate", "pepper")
    new = (await asyncio.to_thread(served.command, "client", "rotate-secret", id))["client_secret"]
    deadline = time.monotonic() + 10
    while (await token(http, id, new)).status_code != 200:  # the workers read the new pepper in their own time
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    await asyncio.sleep(2)
    assert {(await token(http, id, each)).status_code for each in (old, new) for _ in range(6)} == {200}
