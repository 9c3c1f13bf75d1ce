"""What every command shares: `--data`, `--json`, exit codes (0 done, 1 refused or failed, 2 not understood), lazy loading."""

import asyncio
import difflib
import json
import os
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

import click

from doorward.admin.mistake import Mistake
from doorward.core.errors import Refused
from doorward.core.secret import Secret
from doorward.core.store import Unavailable
from doorward.crypto.seal import SealBroken
from doorward.data_dir import DataDir, DataDirError
from doorward.settings import SettingsError

T = TypeVar("T")


class Noun(click.Group):
    """A group whose commands live in files that are imported when they are asked for: `doorward --help` stays quick."""

    def __init__(self, *, name: str, help: str, files: Mapping[str, str]) -> None:
        super().__init__(name=name, help=help, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
        self._files = files

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._files)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._files:
            return None
        command = import_module(f"doorward.cli.{self._files[cmd_name]}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"doorward.cli.{cmd_name}.command is no command")
        return command

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        with _usage():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _usage():
            return super().invoke(ctx)


class NotUnderstood(click.UsageError):
    """Exit code 2, told to a program."""

    def show(self, file: Any = None) -> None:
        click.echo(json.dumps({"error": "usage", "message": self.format_message()}), err=True)


@contextmanager
def _usage() -> Iterator[None]:
    """Usage errors, in JSON where that was asked for; an option is suggested only where the word is near to what was written."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as reason:
        if isinstance(reason, click.NoSuchOption) and reason.possibilities:
            near = [each for each in reason.possibilities if _near(reason.option_name, each)]
            reason = click.NoSuchOption(reason.option_name, reason.message, near, reason.ctx)
        if "--json" in sys.argv:
            reason = NotUnderstood(reason.format_message(), reason.ctx)
        raise reason from None


def _near(written: str, option: str) -> bool:
    """By the letters: click counts the dashes in."""
    return difflib.SequenceMatcher(None, written.lstrip("-"), option.lstrip("-")).ratio() >= 0.6


class Failed(click.ClickException):
    """The command was understood and could not be carried out. Exit code 1; the message says what to do."""

    exit_code = 1

    def __init__(self, message: str, code: str = "failed") -> None:
        super().__init__(message)
        self.code = code

    def show(self, file: Any = None) -> None:
        if "--json" in sys.argv:
            click.echo(json.dumps({"error": self.code, "message": self.message}), err=True)
        else:
            click.echo(f"doorward: {self.message}", err=True)


data_option = click.option(
    "--data", type=click.Path(file_okay=False), metavar="DIR", help="The data directory (else DOORWARD_DATA, else ./.doorward)."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


def data_dir(given: str | None) -> DataDir:
    return DataDir.find(given, os.environ)


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs to the end; what may go wrong in operation becomes one clear line, never a traceback."""
    try:
        return asyncio.run(work())
    except Refused as reason:
        raise Failed(reason.detail or reason.why.value, reason.code.value) from None
    except Unavailable as reason:
        raise Failed(str(reason), "unavailable") from None
    except Mistake as reason:
        raise Failed(str(reason), "mistake") from None
    except (DataDirError, SettingsError, SealBroken) as reason:
        raise Failed(str(reason), "settings") from None
    except UnicodeEncodeError:
        raise Failed("an argument is not UTF-8", "mistake") from None
    except OSError as reason:
        place = f"{reason.filename}: " if reason.filename else ""
        raise Failed(f"{place}{reason.strerror or reason}", "unavailable") from None


def tell(as_json: bool, answer: Mapping[str, object], text: str) -> None:
    """One answer, for a program or for a person. A Secret is shown here, and only here: once, at its creation."""
    if as_json:
        click.echo(json.dumps({name: plain(value) for name, value in answer.items()}))
    else:
        click.echo(text)


def plain(value: object) -> object:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value


def read_secret(source: str, prompt: str) -> Secret:
    """`-` is standard input, anything else a file: secrets are never arguments (DECISIONS 25). One newline is stripped."""
    if source == "-":
        if sys.stdin.isatty():
            return Secret(str(click.prompt(prompt, hide_input=True)))
        data = sys.stdin.buffer.read(1024 * 1024)
    else:
        try:
            with open(source, "rb") as file:
                data = file.read(1024 * 1024)
        except OSError as reason:
            raise Failed(f"{source} cannot be read: {reason.strerror}") from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Failed("the secret is not UTF-8") from None
    return Secret(text.removesuffix("\n").removesuffix("\r"))
