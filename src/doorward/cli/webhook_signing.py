"""`doorward sign --webhook FORM` and `doorward verify --webhook FORM`: one message, its fields, its secrets in files."""

import sys
from collections.abc import Sequence
from pathlib import Path

from doorward.cli.frame import Failed, read_secret, tell
from doorward.core.clock import moment
from doorward.core.errors import Refused
from doorward.webhooks import sign, verify
from doorward.webhooks.signing import LARGEST


def sign_message(form: str, secret_files: Sequence[str], body_file: Path | None, id: str | None, *, as_json: bool) -> None:
    body = _read(body_file, secret_files)
    try:
        fields = sign(form, body, *(read_secret(each, "secret") for each in secret_files), id=id)
    except ValueError as reason:
        raise Failed(str(reason), "mistake") from None
    tell(as_json, fields, "\n".join(f"{name}: {value}" for name, value in fields.items()))


def verify_message(
    form: str, secret_files: Sequence[str], body_file: Path | None, lines: Sequence[str], tolerance: float, *, as_json: bool
) -> None:
    """`lines`: header fields as `Name: value`; those that begin with @ name a file of such lines."""
    body = _read(body_file, secret_files)
    fields = [_field(line) for written in lines for line in _lines(written)]
    try:
        found = verify(form, fields, body, *(read_secret(each, "secret") for each in secret_files), tolerance=tolerance)
    except Refused as reason:
        raise Failed(reason.note or reason.detail or reason.why.value, reason.code.value) from None
    except ValueError as reason:
        raise Failed(str(reason), "mistake") from None
    at = moment(found.timestamp)
    answer = {"form": found.form, "id": found.id or None, "signed_at": at, "bytes": len(found.body)}
    named = f"  {found.id}" if found.id else ""
    tell(as_json, answer, f"genuine  {found.form}{named}  {at or 'no time is signed'}  {len(found.body)} bytes")


def _read(file: Path | None, secret_files: Sequence[str]) -> bytes:
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
