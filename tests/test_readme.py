"""README.md: its examples are run as they stand."""

import asyncio
import json
import re
import shlex
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from doorward.cli import main
from doorward.options import INSTALLED
from doorward.routes_file import read_routes
from doorward.settings import Settings
from tests.client.server import Stranger

README = (Path(__file__).resolve().parent.parent / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def block(kind: str, holding: str) -> str:
    (found,) = (text for language, text in BLOCKS if language == kind and holding in text)
    return str(found)


def doorward(line: str) -> str:
    result = CliRunner().invoke(main, shlex.split(line, comments=True)[1:])
    assert result.exit_code == 0, f"{line}: {result.output}"
    return result.stdout


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_do_what_they_say(here: Path) -> None:
    made: dict[str, object] = {}
    for line in block("", "doorward init").splitlines():
        if " serve " in line:
            known = doorward("doorward serve --help")
            assert [word for word in line.split() if word.startswith("--") and word not in known] == []
            continue
        said = doorward(line.replace(" ID", f" {made.get('id', '')}"))
        if "key create" in line:
            made = json.loads(said)
            assert made["scopes"] == ["read:pets", "write:pets"]
    rows = {row["id"]: row for row in json.loads(doorward("doorward key list --data ./door --json"))["keys"]}
    assert len(rows) == 2
    assert rows[made["id"]]["revoked_at"]


async def test_the_library_example_guards_an_application(here: Path) -> None:
    names: dict[str, Any] = {}
    for line in ("doorward init --data ./door", 'doorward key create --data ./door --name n --owner shop --scopes "read:pets" --json'):
        said = await _apart(line)
    key = json.loads(said)
    exec(block("python", "Doorward"), names)  # noqa: S102 - the example is the thing under test
    door = names["door"]
    try:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(names["app"]), base_url="https://api.example")
        async with client:
            assert (await client.get("/pets")).status_code == 401
            answer = await client.get("/pets", headers={"X-API-Key": key["key"]})
            assert (answer.status_code, answer.json()) == (200, "shop")
    finally:
        await door.close()


async def _apart(line: str) -> str:
    """A command runs its own event loop."""
    return await asyncio.to_thread(doorward, line)


def test_the_settings_example_is_read() -> None:
    settings = Settings(block("toml", "[[route]]"), {})
    (route,) = read_routes(settings, INSTALLED)
    assert [way.methods for way in route.ways] == [("api_key",), ("api_key", "jwt")]
    assert str(route.rate) == "100/m"


def test_the_client_example_fetches_a_token_and_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    server, names = Stranger(), dict[str, Any]()
    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=httpx.MockTransport(server)))
    exec(block("python", "doorward.client"), names)  # noqa: S102
    assert names["pets"].json() == {"shown": "t1"}
    assert server.asked == [{"grant_type": ["client_credentials"], "scope": ["read:pets"]}]


def test_what_the_library_example_needs_can_be_installed_as_it_says() -> None:
    project = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text("utf-8"))["project"]
    (extra,) = re.findall(r"`pip install '\.\[(\w+)\]'`", README)
    assert f"`{project['name']}[{extra}]`" in README
    assert any(each.startswith("fastapi") for each in project["optional-dependencies"][extra])
