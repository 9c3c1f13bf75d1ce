"""Writes docs/reference/settings.md and commands.md from the code: each part's options, each command's help.

`make docs` writes them; tests/test_reference_page.py fails while one is stale.
"""

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any, Final, get_type_hints

import click

from doorward.cli import main
from doorward.cli.by_form import ByForm
from doorward.core.route import Route
from doorward.issuers_file import WrittenIssuer
from doorward.options import Options
from doorward.routes_file import WrittenRoute
from doorward.settings import Settings

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs" / "reference"
IN_THE_ENVIRONMENT: Final = (
    "In the environment all of them are `DOORWARD_ROUTE`, a JSON list of objects with these names; it replaces those of the file:\n"
    """`DOORWARD_ROUTE='[{"path": "/pets/**", "methods": ["GET"], "allow": "api_key or jwt"}]'`."""
)
HEAD: Final = "Written by `make docs` from the code; do not edit.\n"


class Asked(Settings):
    """Remembers which part asked for which section."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, list[type[Any]]] = {}

    def options(self, section: str, kind: type[Any]) -> Any:
        parts = self.parts.setdefault(section, [])
        if kind not in parts:
            parts.append(kind)
        return super().options(section, kind)


def written(value: object) -> str:
    """As it stands in TOML."""
    if value is None:
        return '`"off"` or not given'
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
            if value >= size and value % size == 0:
                return f'`"{int(value // size)}{unit}"`'
        return f'`"{int(value)}s"`' if value else '`"0"`'
    if isinstance(value, tuple | frozenset):
        return "`[" + ", ".join(f'"{each}"' for each in sorted(value)) + "]`"
    return f"`{value}`" if isinstance(value, int) else f'`"{value}"`'


def kind_of(hint: Any) -> str:
    if hint is Any:
        return "as above"
    text = str(hint).replace("typing.", "")
    if "Rate" in text:
        return "rate"
    for word, name in (("tuple", "list"), ("frozenset", "list"), ("float", "span"), ("bool", "yes or no"), ("int", "number")):
        if word in text:
            return name
    return "text"


def settings_page() -> str:
    asked = Asked()
    Options.read(asked)
    lines = ["# Settings\n", HEAD]
    lines.append(
        "In `doorward.toml`, or as `DOORWARD_SECTION__NAME` in the environment (lists as JSON). A span is written `10s`, `5m`, `24h`,\n"
        "`30d`; a rate `100/m`. What is not known is refused at start, with its line.\n"
    )
    for section, parts in asked.parts.items():
        lines.append(f"## [{section}]\n")
        for part in parts:
            lines.append(f"{about(part)}\n\n| name | is | unless given |\n|---|---|---|")
            hints = get_type_hints(part)
            lines += [f"| `{field.name}` | {kind_of(hints[field.name])} | {written(field.default)} |" for field in dataclasses.fields(part)]
            lines.append("")
    lines.append(f"## [[route]]\n\nThe first that matches decides. {IN_THE_ENVIRONMENT}\n\n{about(Route)}\n")
    lines += tables_of(WrittenRoute, "path", "allow")
    lines.append(f"\n## [[issuer]]\n\nAn issuer that is trusted beside our own ([guide](../guides/issuers.md)). {about(WrittenIssuer)}\n")
    lines += tables_of(WrittenIssuer, "issuer")
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"


def tables_of(kind: type[Any], *must: str) -> list[str]:
    """The names of a `[[table]]`."""
    hints = get_type_hints(kind)
    rows = [
        f"| `{field.name}` | {kind_of(hints[field.name])} | {'must be given' if field.name in must else written(field.default)} |"
        for field in dataclasses.fields(kind)
    ]
    return ["| name | is | unless given |\n|---|---|---|", *rows]


def about(part: type[Any]) -> str:
    return re.sub(r"\s+", " ", inspect.getdoc(part) or "").strip()


def commands_page() -> str:
    lines = ["# Commands\n", HEAD]
    context = click.Context(main, info_name="doorward")
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        if command is not None:
            lines += describe(command, f"doorward {name}", context)
    return "\n".join(lines).rstrip() + "\n"


def describe(command: click.Command, name: str, parent: click.Context) -> list[str]:
    if isinstance(command, click.Group):
        lines = [f"## {name}\n", f"{command.help}\n"]
        for sub, child in command.commands.items():
            lines += describe(child, f"{name} {sub}", click.Context(command, info_name=name, parent=parent))
        return lines
    if isinstance(command, ByForm):
        lines = [f"## {name}\n", f"{command.help}\n"]
        for flag, form in command.forms.items():
            lines += describe(form, f"{name} {flag}", parent)
        return lines
    context = click.Context(command, info_name=name)
    arguments = " ".join(param.make_metavar(context) for param in command.params if isinstance(param, click.Argument))
    lines = [f"### {name} {arguments}".rstrip() + "\n", f"{command.help}\n", "| option | |", "|---|---|"]
    for param in command.params:
        if isinstance(param, click.Option) and not param.hidden:
            record = param.get_help_record(context)
            if record is not None:
                lines.append("| `{}` | {} |".format(*(text.replace("|", "\\|") for text in record)))
    return [*lines, ""]


PAGES: Final = {"settings.md": settings_page, "commands.md": commands_page}


def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    write()
