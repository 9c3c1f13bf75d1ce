"""A data directory and `doorward` as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from doorward.cli import main

Run = Callable[..., Result]
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert CliRunner().invoke(main, ["init", "--data", str(tmp_path / "d")]).exit_code == 0
    return tmp_path / "d"


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The whole result; the data directory is named by the environment."""
    monkeypatch.setenv("DOORWARD_DATA", str(home))

    def invoke(*words: str, stdin: str = "") -> Result:
        return CliRunner().invoke(main, list(words), input=stdin, prog_name="doorward")

    return invoke


@pytest.fixture
def ask(run: Run) -> Ask:
    """The JSON answer of a command that must succeed."""

    def invoke(*words: str, stdin: str = "") -> dict[str, Any]:
        result = run(*words, "--json", stdin=stdin)
        assert result.exit_code == 0, result.stderr
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    return invoke
