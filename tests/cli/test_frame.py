"""What every command shares: --json, and what is told of words that are not understood."""

import json
import subprocess
import sys

import click
import pytest

from doorward.cli import main
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("client", "create", "x", "--auth", "magic"), "Invalid value for '--auth'"),
        (("client", "change", "nobody", "--grant", "x"), "No such option '--grant'."),
        (("client", "create"), "Missing argument 'NAME'"),
        (("sign", "GET"), "write one of"),
        (("nonsense",), "No such command 'nonsense'"),
        (("--nonsense",), "No such option '--nonsense'"),
    ],
)
def test_what_is_not_understood_is_told_to_a_program_in_json(words: tuple[str, ...], told: str) -> None:
    done = subprocess.run([sys.executable, "-m", "doorward", *words, "--json"], capture_output=True, check=False, timeout=60)
    answer = json.loads(done.stderr)
    assert (done.returncode, done.stdout, answer["error"], told in answer["message"]) == (2, b"", "usage", True), answer


def test_only_a_word_that_is_near_is_suggested(run: Run) -> None:
    assert "Did you mean '--scopes'?" in run("client", "change", "x", "--scope", "a").stderr
    assert "Did you mean" not in run("client", "change", "x", "--grant", "a").stderr


def _commands(group: click.Group, *before: str) -> list[tuple[tuple[str, ...], click.Command]]:
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        found += _commands(command, *before, name) if isinstance(command, click.Group) else [((*before, name), command)]
    return found


def test_every_command_takes_json() -> None:
    without = {
        words
        for words, command in _commands(main)
        for form in getattr(command, "forms", {"": command}).values()
        if all("--json" not in each.opts for each in form.params)
    }
    assert without == set()
