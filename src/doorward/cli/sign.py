"""doorward sign: the header fields that sign a request, or a webhook. Its other forms stand in files of their own."""

import os
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import click

from doorward.cli import message_signing, webhook_signing
from doorward.cli.by_form import ByForm
from doorward.cli.frame import Failed, json_option, read_secret, tell
from doorward.crypto.hmac_signing import signed_headers

_LARGEST = 1024 * 1024
_ID = re.compile(r"[0-9A-Za-z._-]{1,64}")


@click.command("sign", help="The header fields that sign a request with an HMAC key.")
@click.option("--hmac", "_hmac", is_flag=True, required=True, help="A request, with an HMAC key.")
@click.option("--key-id", required=True, help="The id of the key.")
@click.option("--secret-file", required=True, metavar="FILE", help="The secret of the key; - is standard input.")
@click.option("--body-file", type=click.Path(path_type=Path), help="The body, byte for byte as it is sent.")
@click.option("--no-nonce", is_flag=True, help="Leave the nonce out: two identical requests in one second are then a replay.")
@click.argument("method")
@click.argument("url")
@json_option
def with_hmac(
    _hmac: bool, key_id: str, secret_file: str, body_file: Path | None, no_nonce: bool, method: str, url: str, as_json: bool
) -> None:
    if not _ID.fullmatch(key_id):
        raise Failed("--key-id must be the id of an HMAC key, as doorward key list shows it")
    body = _read(body_file) if body_file else b""
    if len(body) > _LARGEST:
        raise Failed("a signed body may have 1 MiB")
    try:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = signed_headers(
            key_id,
            read_secret(secret_file, "secret"),
            method.upper(),
            target,
            body,
            timestamp=int(time.time()),
            nonce=None if no_nonce else os.urandom(16).hex(),
        )
    except ValueError as reason:
        raise Failed(str(reason)) from None
    tell(as_json, headers, "\n".join(f"{name}: {value}" for name, value in headers.items()))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as reason:
        raise Failed(f"{file} cannot be read: {reason.strerror}") from None


command = ByForm(
    "sign",
    help="The header fields that sign a request, or a webhook.",
    forms={"--hmac": with_hmac, "--rfc9421": message_signing.sign_command, "--webhook": webhook_signing.sign_command},
)
