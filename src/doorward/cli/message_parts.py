"""The parts of a message as a command is given them: a body in a file or on standard input, header fields as lines."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from doorward.cli.frame import Failed

LARGEST: Final = 1024 * 1024
header_option = click.option(
    "--header", "lines", multiple=True, metavar="LINE", help="A header field, Name: value; @FILE holds one a line. May be given again."
)
body_option = click.option(
    "--body-file", type=click.Path(path_type=Path), help="The body, byte for byte as it is sent; - is standard input."
)


def read_body(file: Path | None, secret_files: Sequence[str]) -> bytes:
    """Nothing is empty. `secret_files`: standard input gives one thing only."""
    if secret_files.count("-") > 1:
        raise Failed("standard input holds one secret", "mistake")
    if file is None:
        return b""
    if str(file) == "-":
        if "-" in secret_files:
            raise Failed("standard input is either the secret or the body", "mistake")
        body = sys.stdin.buffer.read(LARGEST + 1)
    else:
        try:
            with file.open("rb") as opened:
                body = opened.read(LARGEST + 1)
        except OSError as reason:
            raise Failed(f"{file} cannot be read: {reason.strerror}") from None
    if len(body) > LARGEST:
        raise Failed("a signed body may have 1 MiB")
    return body


def header_fields(lines: Sequence[str]) -> list[tuple[str, str]]:
    return [_field(line) for written in lines for line in _lines(written)]


def _lines(written: str) -> list[str]:
    if not written.startswith("@"):
        return [written]
    try:
        text = Path(written[1:]).read_text(encoding="latin-1")
    except OSError as reason:
        raise Failed(f"{written[1:]} cannot be read: {reason.strerror}") from None
    return [line for line in text.splitlines() if line.strip()]


def _field(line: str) -> tuple[str, str]:
    name, mark, value = line.partition(":")
    if not mark or not name.strip():
        raise Failed(f"{line[:40]!r} is no header field; write Name: value", "mistake")
    return name.strip(), value.strip()
