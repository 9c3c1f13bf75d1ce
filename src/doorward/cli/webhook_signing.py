"""`doorward sign --webhook FORM` and `doorward verify --webhook FORM`: one message, its fields, its secrets in files."""

from pathlib import Path

import click

from doorward.cli.frame import Failed, json_option, read_secret, tell
from doorward.cli.message_parts import header_fields, read_body
from doorward.cli.words import SPAN
from doorward.core.clock import moment
from doorward.core.errors import Refused
from doorward.webhooks import FORM_NAMES, sign, verify

_FORM = click.option(
    "--webhook", "form", type=click.Choice(FORM_NAMES), required=True, metavar="FORM", help=f"A webhook: {', '.join(FORM_NAMES)}."
)
_SECRETS = click.option(
    "--secret-file", "secret_files", multiple=True, required=True, metavar="FILE",
    help="The secret; - is standard input. May be given again while one takes the other's place.",
)  # fmt: skip
_BODY = click.option("--body-file", type=click.Path(path_type=Path), required=True, help="The body, byte for byte; - is standard input.")


@click.command("sign", help="The header fields that sign a webhook.")
@_FORM
@_SECRETS
@_BODY
@click.option("--id", help="The id of the message, the same for each attempt to deliver it; without it a new one.")
@json_option
def sign_command(form: str, secret_files: tuple[str, ...], body_file: Path, id: str | None, as_json: bool) -> None:
    body = read_body(body_file, secret_files)
    try:
        fields = sign(form, body, *(read_secret(each, "secret") for each in secret_files), id=id)
    except ValueError as reason:
        raise Failed(str(reason), "mistake") from None
    tell(as_json, fields, "\n".join(f"{name}: {value}" for name, value in fields.items()))


@click.command("verify", help="Whether a webhook is genuine: exit code 0, or 1 and why not. Replays are not told here.")
@_FORM
@_SECRETS
@_BODY
@click.option(
    "--header",
    "lines",
    multiple=True,
    required=True,
    metavar="LINE",
    help="A header field, Name: value; @FILE holds one a line. May be given again.",
)
@click.option("--tolerance", type=SPAN, default="5m", show_default=True, help="How far its timestamp may be off, either way.")
@json_option
def verify_command(
    form: str, secret_files: tuple[str, ...], body_file: Path, lines: tuple[str, ...], tolerance: float, as_json: bool
) -> None:
    body = read_body(body_file, secret_files)
    fields = header_fields(lines)
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
