"""The whole server in process, over a real data directory, with clients: what tests of the endpoints speak to."""

import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx

from doorward.admin import clients
from doorward.admin.actor import LOCAL
from doorward.admin.client_metadata import ClientOrder
from doorward.admin.clients import NewClient, SecretMaker
from doorward.app import Doorward
from doorward.cli.init import lay_out
from doorward.data_dir import DataDir
from doorward.server import Server

ISSUER = "http://127.0.0.1:8000"
SETTINGS = '[server]\ntrusted_proxies = ["127.0.0.1/32"]\n[[route]]\npath = "/**"\nallow = "oauth"\n'
SCOPES = frozenset({"read:pets", "write:pets"})


class Clock:
    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Office:
    door: Doorward
    web: httpx.AsyncClient
    clock: Clock

    async def client(self, **more: Any) -> NewClient:
        home = self.door.parts.home
        order = ClientOrder(**({"name": "orders", "scopes": SCOPES} | more))
        maker = SecretMaker(peppers=home.peppers, entropy=os.urandom)
        loopback = (ip_network("127.0.0.0/8"),)
        return await clients.create(order, store=home.store, maker=maker, actor=LOCAL, now=self.clock(), allow=loopback)

    async def post(self, path: str, form: Mapping[str, Any], by: NewClient | None = None, **more: Any) -> httpx.Response:
        if by is not None:
            more["auth"] = basic(by)
        return await self.web.post(path, data=form, **more)

    async def token(self, by: NewClient, **form: Any) -> str:
        answer = await self.post("/oauth/token", {"grant_type": "client_credentials", **form}, by)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def introspect(self, token: str, by: NewClient) -> dict[str, Any]:
        answer = await self.post("/oauth/introspect", {"token": token}, by)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def verify(self, token: str, scheme: str = "Bearer", **headers: str) -> httpx.Response:
        asked = {"X-Original-Method": "GET", "X-Original-URI": "/pets", "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
        return await self.web.get("/verify", headers={**asked, "Authorization": f"{scheme} {token}", **headers})


def basic(by: NewClient) -> tuple[str, str]:
    assert by.secret is not None
    return by.client.id, by.secret.reveal()


def error(answer: httpx.Response) -> tuple[int, str]:
    """RFC 6749 section 5.2."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert set(told) == {"error", "error_description"}
    assert all(" " <= letter <= "~" and letter not in '"\\' for letter in told["error_description"])
    return answer.status_code, told["error"]


@asynccontextmanager
async def an_office(folder: Path, settings: str = SETTINGS) -> AsyncIterator[Office]:
    made, clock = DataDir(folder / "d", {}), Clock()
    await lay_out(made)
    made.settings.write_text(settings)
    async with Doorward(made.path, environ={}, clock=clock) as door:
        transport = httpx.ASGITransport(Server(door), client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as web:
            yield Office(door, web, clock)
