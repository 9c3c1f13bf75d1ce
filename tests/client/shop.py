"""A real server and a real guarded API over TLS, and requests to them by a Client or an AsyncClient."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from doorward.lab.place import Place, free_port

PASSWORD = "correct horse: battery stäple"
ROUTES = """
[server]
issuer = "https://localhost:{port}"

[limits]
failures = "off"

[dpop]
nonce = "{nonce}"

[[route]]
path = "/bound"
allow = "oauth bound by dpop"

[[route]]
path = "/session"
allow = "session"

[[route]]
path = "/pets/**"
allow = "api_key or basic or jwt or access_token or hmac or http_signature"
"""


@dataclass
class Shop:
    place: Place
    port: int
    door: int

    @property
    def door_url(self) -> str:
        return f"https://localhost:{self.door}"

    @property
    def token_url(self) -> str:
        return f"{self.door_url}/oauth/token"

    def url(self, path: str) -> str:
        return path if path.startswith("https:") else f"https://localhost:{self.port}{path}"

    def client(self, *words: str) -> dict[str, Any]:
        return self.place.command("client", "create", "robot", "--scopes", "read:pets", *words)

    def call(
        self, mode: str, auth: httpx.Auth, path: str = "/pets", method: str = "GET", times: int = 1, verify: ssl.SSLContext | None = None
    ) -> list[httpx.Response]:
        url, trust = self.url(path), verify or self.place.trust()
        words: dict[str, Any] = {
            "content": b'{"name": "Mia"}' if method == "POST" else None,
            "headers": {"Content-Type": "application/json"},
        }
        if mode == "sync":
            with httpx.Client(verify=trust, auth=auth, follow_redirects=True) as web:
                return [web.request(method, url, **words) for _ in range(times)]

        async def together() -> list[httpx.Response]:
            async with httpx.AsyncClient(verify=trust, auth=auth, follow_redirects=True) as web:
                return list(await asyncio.gather(*(web.request(method, url, **words) for _ in range(times))))

        return asyncio.run(together())


@contextmanager
def a_shop(folder: Path) -> Iterator[Shop]:
    place = Place(folder)
    shop = Shop(place, free_port(), free_port())
    place.make_certificate()
    place.command("init")
    (place.data / "doorward.toml").write_text(ROUTES.format(port=shop.door, nonce="required"))
    place.command("account", "create", "ada", "--scopes", "read:pets", "--password-stdin", stdin=PASSWORD + "\n")
    place.command("cert", "ca")
    try:
        place.serve(shop.door)
        place.serve_pets(shop.port)
        yield shop
    finally:
        place.stop()


both = pytest.mark.parametrize("mode", ["sync", "async"])
