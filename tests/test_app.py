"""app.py: the library as a newcomer uses it, on a real data directory, with the command line as another process."""

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route as WebRoute

import doorward
from doorward import Doorward, PolicyError, Principal
from doorward.core.secret import Secret
from doorward.core.store import Unavailable
from doorward.crypto.message_signing import MessageKey, sign_request
from doorward.crypto.signature_algorithms import read_private
from doorward.data_dir import DataDirError
from doorward.settings import SettingsError


def command(data: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "doorward", *words, "--data", str(data), "--json"], capture_output=True, check=True, timeout=60
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture
def data(tmp_path: Path) -> Path:
    command(tmp_path / "d", "init")
    return tmp_path / "d"


@asynccontextmanager
async def client(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://pets.test") as made:
        yield made


def key(data: Path, *words: str) -> dict[str, Any]:
    return command(data, "key", "create", "--name", "n", "--owner", "o", *words)


async def test_a_key_is_made_used_rotated_and_revoked_by_another_process(data: Path) -> None:
    door = Doorward(data)
    app = FastAPI(lifespan=door.lifespan)

    @app.get("/pets")
    async def pets(caller: Annotated[Principal, Depends(door.require("api_key", scopes="read:pets"))]) -> dict[str, str]:
        return {"caller": caller.subject}

    made = key(data, "--scopes", "read:pets")
    async with door, client(app) as web:
        shown = {"X-API-Key": made["key"]}
        assert (await web.get("/pets", headers=shown)).json() == {"caller": "o"}
        second = command(data, "key", "rotate", made["id"], "--overlap", "24h")
        assert (await web.get("/pets", headers=shown)).status_code == 200
        assert (await web.get("/pets", headers={"X-API-Key": second["key"]})).status_code == 200
        command(data, "key", "revoke", made["id"])
        refused = await web.get("/pets", headers=shown)
        assert (refused.status_code, refused.json()["code"]) == (401, "revoked_credential")
        assert (await web.get("/pets", headers={"X-API-Key": second["key"]})).status_code == 200


async def test_the_openapi_page_shows_how_to_authenticate(data: Path) -> None:
    door = Doorward(data)
    app = FastAPI()

    @app.get("/pets")
    async def pets(_: Annotated[Principal, Depends(door.require("api_key or jwt"))]) -> None: ...

    schemes = app.openapi()["components"]["securitySchemes"]
    assert schemes["api_key"] == {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": schemes["api_key"]["description"]}
    assert schemes["jwt"]["scheme"] == "bearer"


async def test_a_starlette_endpoint_asks_who_calls(data: Path) -> None:
    door = Doorward(data)
    needed = door.requirement("api_key")

    @needed.endpoint
    async def pets(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.scope["principal"].subject)

    made = key(data)
    async with door, client(Starlette(routes=[WebRoute("/pets", pets)])) as web:
        assert (await web.get("/pets", headers={"X-API-Key": made["key"]})).text == "o"
        assert (await web.get("/pets")).status_code == 401


async def test_a_signed_body_is_verified_and_then_read_by_the_endpoint(data: Path) -> None:
    door = Doorward(data)
    made = key(data, "--keypair")
    holder = MessageKey.of(made["id"], read_private(Secret(made["private_key"])))
    needed = door.requirement("http_signature", cover="@method @path nonce", origin="https://api.example")

    @needed.endpoint
    async def pets(request: Request) -> PlainTextResponse:
        return PlainTextResponse((await request.body()).decode())

    async with door, client(Starlette(routes=[WebRoute("/pets", pets, methods=["POST"])])) as web:
        # In the second of the start a signature counts as from before it (DECISIONS 28).
        own, other = "https://api.example/pets", "http://pets.test/pets"
        for url, nonce, status in ((own, "n", 200), (other, "m", 401), (own, None, 401)):
            fields = sign_request("POST", url, [], b"rex", holder, created=int(time.time()) + 2, nonce=nonce)
            answer = await web.post("/pets", content=b"rex", headers=fields)
            assert (answer.status_code, answer.text == "rex") == (status, status == 200), answer.text


async def test_the_guard_starts_at_the_first_request_and_takes_the_routes_of_the_file(data: Path) -> None:
    (data / "doorward.toml").write_text('[[route]]\npath = "/pets/**"\nallow = "api_key"\nscopes = ["read:pets"]\n')
    door = Doorward(data)

    async def pets(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.scope["principal"].subject)

    app = door.guard(Starlette(routes=[WebRoute("/pets", pets), WebRoute("/other", pets)]))
    made = key(data, "--scopes", "read:pets")
    async with client(app) as web:
        assert (await web.get("/pets", headers={"X-API-Key": made["key"]})).text == "o"
        assert (await web.get("/other", headers={"X-API-Key": made["key"]})).json()["code"] == "no_route"
    await door.close()


async def test_uses_are_written_when_it_closes(data: Path) -> None:
    made = key(data)
    door = Doorward(data)
    needed = door.requirement("api_key")

    @needed.endpoint
    async def pets(request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    async with door, client(Starlette(routes=[WebRoute("/pets", pets)])) as web:
        for _ in range(5):
            await web.get("/pets", headers={"X-API-Key": made["key"]})
    shown = command(data, "key", "show", made["id"])
    assert shown["callers"][0]["count"] == 5
    assert shown["callers"][0]["address"] == "127.0.0.1"


def test_a_policy_that_is_not_understood_is_refused_where_it_is_written(data: Path) -> None:
    door = Doorward(data)
    with pytest.raises(PolicyError, match="did you mean `jwt`"):
        door.require("jvt")
    with pytest.raises(ValueError, match="not a rate"):
        door.require("jwt", rate="many")


async def test_it_does_not_start_on_what_it_does_not_understand(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match="doorward init"):
        await Doorward(tmp_path / "none").start()
    (data / "doorward.toml").write_text("[server]\nisuer = 'x'\n")
    with pytest.raises(SettingsError, match="did you mean 'issuer'"):
        await Doorward(data).start()
    (data / "doorward.toml").write_text("[server]\nissuer = 'http://door.example'\n")
    with pytest.raises(SettingsError, match="must be https"):
        await Doorward(data).start()
    (data / "doorward.toml").write_text("")
    (data / "doorward.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        await Doorward(data).start()


async def test_two_starts_at_once_start_once(data: Path) -> None:
    import asyncio

    door = Doorward(data)
    first, second = await asyncio.gather(door.start(), door.start())
    assert first is second
    await door.close()
    await door.close()


def test_the_public_names_are_there_and_type_checkers_see_the_same() -> None:
    for name in doorward.__all__:
        assert getattr(doorward, name) is not None
    stub = ast.parse((Path(doorward.__file__).with_suffix(".pyi")).read_text())
    stubbed = sorted(alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names)
    assert stubbed == doorward.__all__
    assert set(doorward.__all__) <= set(dir(doorward))
    with pytest.raises(AttributeError, match="no public name"):
        _ = getattr(doorward, "nonsense")  # noqa: B009


def test_importing_it_imports_nothing_else() -> None:
    code = "import sys, doorward; print([name for name in sys.modules if name.startswith(('doorward.', 'starlette', 'cryptography'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env={**os.environ}, text=True)
    assert done.stdout.strip() == "[]"
