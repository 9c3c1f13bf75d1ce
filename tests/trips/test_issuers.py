"""Tokens of another issuer at `doorward serve`: a real OIDC issuer over TLS, real processes, one failure after the other."""

import asyncio
import contextlib
import json
import time
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from doorward.lab.place import Place, free_port
from tests.outbound.issuer import Key
from tests.outbound.servers import Listening, authority, head_of, json_answer, listening

with warnings.catch_warnings():
    import authlib.deprecate  # noqa: F401 - it sets its own filter when it is first imported

    warnings.simplefilter("ignore")  # it says that joserfc is its successor; people use it
    from authlib.jose import jwt as authlib_jwt

SETTINGS = """
[server]
issuer = "https://localhost:{port}"
trusted_proxies = ["127.0.0.1/32"]

[fetch]
allow = ["127.0.0.1/32", "::1/128"]
ca_bundle = "authority.pem"

[[issuer]]
name = "corp"
issuer = "{issuer}"
audience = "api://pets"
rules = [{{ claim = "groups", value = "keepers", scopes = "read:pets" }}]

[[issuer]]
name = "inside"
issuer = "https://10.0.0.1"

[[route]]
path = "/pets/**"
allow = "jwt"
scopes = ["read:pets"]

[[route]]
path = "/ours/**"
allow = "oauth"
"""


@dataclass
class Idp:
    """What it publishes may be changed while it runs; `lie` replaces every answer."""

    keys: list[dict[str, Any]] = field(default_factory=list)
    lie: bytes | None = None
    delay: float = 0.0
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await head_of(reader)).split(b" ")[1].decode()
        self.asked.append(path)
        await asyncio.sleep(self.delay)
        documents: dict[str, Any] = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": self.keys},
        }
        body = json.dumps(documents[path]).encode() if path in documents else b"{}"
        writer.write(self.lie or json_answer(body, "Cache-Control: max-age=600", status="200 OK" if path in documents else "404 No"))
        await writer.drain()


@contextlib.asynccontextmanager
async def serving(idp: Idp, folder: Path, port: int = 0) -> AsyncIterator[Listening]:
    async with listening(idp.answer, authority().tls(folder), port=port) as listens:
        idp.url = f"https://localhost:{listens.port}"
        yield listens


class Door:
    def __init__(self, folder: Path, idp: Idp) -> None:
        self.place, self.idp, self.port = Place(folder), idp, free_port()

    async def start(self, workers: str = "2") -> None:
        place = self.place
        place.make_certificate()
        await asyncio.to_thread(place.command, "init")
        authority().bundle(place.data)
        (place.data / "doorward.toml").write_text(SETTINGS.format(port=self.port, issuer=self.idp.url))
        await asyncio.to_thread(place.serve, self.port, "--workers", workers)
        deadline = time.monotonic() + 20
        async with self.client() as web:
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.TransportError):
                    if (await web.get("/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)
        raise AssertionError("the server did not become ready")

    def client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.AsyncClient(verify=self.place.trust(), base_url=f"https://localhost:{self.port}", limits=limits, timeout=20)

    async def ask(self, web: httpx.AsyncClient, token: str, path: str = "/pets") -> httpx.Response:
        return await web.get(
            "/verify",
            headers={
                "X-Original-Method": "GET",
                "X-Original-URI": path,
                "X-Forwarded-For": "192.0.2.7",
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "pets.example",
                "Authorization": f"Bearer {token}",
            },
        )

    def token(self, key: Key, **changed: Any) -> str:
        now = int(time.time())
        claims = {"iss": self.idp.url, "sub": "ada", "aud": "api://pets", "iat": now, "exp": now + 600, "groups": ["keepers"], "jti": "j"}
        return key.sign(claims | changed)


@contextlib.asynccontextmanager
async def a_door(folder: Path, idp: Idp, workers: str = "2") -> AsyncIterator[Door]:
    door = Door(folder, idp)
    try:
        await door.start(workers)
        yield door
    finally:
        await asyncio.to_thread(door.place.stop)


async def until(door: Door, web: httpx.AsyncClient, token: str, status: int) -> None:
    """Twelve answers in a row, so that both workers have given theirs."""
    deadline, in_a_row = time.monotonic() + 5, 0
    while in_a_row < 12:
        answer = await door.ask(web, token)
        in_a_row = in_a_row + 1 if answer.status_code == status else 0
        assert time.monotonic() < deadline, answer.text


@pytest.mark.rfc("8414", "3")
async def test_tokens_of_a_discovered_issuer_pass_by_our_rules_and_are_revoked_here(tmp_path: Path) -> None:
    idp, ec, rsa = Idp(), Key("ec"), Key("rsa", "RS256")
    idp.keys = [ec.public(), rsa.public()]
    async with serving(idp, tmp_path), a_door(tmp_path, idp) as door, door.client() as web:
        token = door.token(ec)
        many = await asyncio.gather(*(door.ask(web, token) for _ in range(60)))
        assert {answer.status_code for answer in many} == {200}
        assert many[0].headers["x-auth-subject"] == "corp|ada"
        assert many[0].headers["x-auth-scopes"] == "read:pets"
        assert idp.asked.count("/keys") <= 2  # once a worker
        claims = {
            "iss": idp.url,
            "sub": "bob",
            "aud": "api://pets",
            "iat": int(time.time()),
            "exp": int(time.time()) + 60,
            "groups": "keepers",
        }
        made = authlib_jwt.encode({"alg": "PS256", "kid": "rsa", "typ": "at+jwt"}, claims, rsa.made.as_dict(private=True)).decode()
        assert (await door.ask(web, made)).status_code == 401  # the key is published for RS256
        made = authlib_jwt.encode({"alg": "RS256", "kid": "rsa", "typ": "at+jwt"}, claims, rsa.made.as_dict(private=True)).decode()
        assert (await door.ask(web, made)).headers["x-auth-subject"] == "corp|bob"
        assert (await door.ask(web, door.token(ec, groups=["guests"]))).status_code == 403
        assert (await door.ask(web, token, "/ours")).status_code == 401
        assert (await door.ask(web, door.token(Key("ec")))).status_code == 401
        verified = await asyncio.to_thread(door.place.command, "token", "verify", "-", stdin=token)
        assert verified["valid"] is True
        told = await asyncio.to_thread(door.place.command, "token", "revoke", "-", stdin=token)
        assert told == {"id": "corp|j", "subject": "corp|ada"}
        await until(door, web, token, 401)
        other = door.token(ec, jti="other")
        assert (await door.ask(web, other)).status_code == 200
        await asyncio.to_thread(door.place.command, "session", "revoke", "--owner", "corp|ada")
        await until(door, web, other, 401)


async def test_an_issuer_that_goes_down_rotates_and_lies_after_the_start(tmp_path: Path) -> None:
    idp, old, new = Idp(), Key("old"), Key("new", "RS256")
    idp.keys = [old.public()]
    async with contextlib.AsyncExitStack() as up:
        listens = await up.enter_async_context(serving(idp, tmp_path))
        port = listens.port
        async with a_door(tmp_path, idp, "1") as door, door.client() as web:
            token = door.token(old)
            assert (await door.ask(web, token)).status_code == 200
            await up.aclose()
            assert (await door.ask(web, door.token(old, jti="later"))).status_code == 200  # what was fetched is kept
            began = time.monotonic()
            flood = await asyncio.gather(
                *(door.ask(web, door.token(Key(f"k{number}", made=new.made, alg="RS256"))) for number in range(40))
            )
            assert {answer.status_code for answer in flood} <= {401, 503}
            assert time.monotonic() - began < 5
            assert (await door.ask(web, token)).status_code == 200
            idp.asked.clear()
            idp.keys = [new.public()]
            async with serving(idp, tmp_path, port):
                assert (await door.ask(web, door.token(new))).status_code in (401, 503)  # looked for at most every 30 s
                assert idp.asked == []


@pytest.mark.parametrize(
    "lie",
    [
        json_answer(b"<html>", kind="text/html"),
        json_answer(b'{"issuer": "https://evil.test", "jwks_uri": "https://evil.test/keys"}'),
        json_answer(b"{" * 40_000),
        json_answer(b"", "Location: https://169.254.169.254/", status="302 Found"),
    ],
)
async def test_a_lying_issuer_is_503_and_told_by_check(tmp_path: Path, lie: bytes) -> None:
    idp, key = Idp(lie=lie), Key("k")
    idp.keys = [key.public()]
    async with serving(idp, tmp_path), a_door(tmp_path, idp, "1") as door, door.client() as web:
        answers = await asyncio.gather(*(door.ask(web, door.token(key)) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {503}
        assert answers[0].json()["code"] == "unavailable"
        assert len(idp.asked) == 1
        told = await asyncio.to_thread(door.place.command, "check")
        assert [warning for warning in told["warnings"] if "corp" in warning]
        assert any("inside" in warning and "not public" in warning for warning in told["warnings"])


async def test_a_slow_issuer_holds_nobody_for_longer_than_two_seconds(tmp_path: Path) -> None:
    idp, key = Idp(delay=30), Key("k")
    async with serving(idp, tmp_path), a_door(tmp_path, idp, "1") as door, door.client() as web:
        began = time.monotonic()
        answers = await asyncio.gather(*(door.ask(web, door.token(key)) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {503}
        assert time.monotonic() - began < 4
        assert (await web.get("/readyz")).status_code == 200
