"""`doorward verify --hmac`: whether a request was signed with an HMAC key (`doorward sign --hmac`), offline."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import click

from doorward.cli.frame import Failed, json_option, read_secret, tell
from doorward.cli.message_parts import body_option, header_fields, header_option, read_body
from doorward.cli.words import SPAN
from doorward.core.clock import moment
from doorward.core.secret import same
from doorward.crypto.digest import sha256
from doorward.crypto.hmac_signing import CONTENT_SHA256, KEY_ID, NONCE, SIGNATURE, TIMESTAMP, signature, signing_text


@click.command("verify", help="Whether a request was signed with an HMAC key. Replays are not told here.")
@click.option("--hmac", "_form", is_flag=True, required=True, help="A request, with an HMAC key.")
@click.option("--secret-file", required=True, metavar="FILE", help="The secret of the key; - is standard input.")
@header_option
@body_option
@click.option("--tolerance", type=SPAN, default="5m", show_default=True, help="How far its timestamp may be off, either way.")
@click.argument("method")
@click.argument("url")
@json_option
def verify_command(
    _form: bool, secret_file: str, lines: tuple[str, ...], body_file: Path | None, tolerance: float, method: str, url: str, as_json: bool
) -> None:
    body = read_body(body_file, (secret_file,))
    sent: dict[str, str] = {}
    for name, value in header_fields(lines):
        if sent.setdefault(name.lower(), value) != value:
            raise Failed(f"{name} was given twice", "mistake")
    try:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        timestamp, shown = sent[TIMESTAMP.lower()], bytes.fromhex(sent[SIGNATURE.lower()])
        at = int(timestamp)
        text = signing_text(method.upper(), target, timestamp, sha256(body).hex(), sent.get(NONCE.lower()))
        expected = signature(read_secret(secret_file, "secret").reveal().encode(), text)
    except (KeyError, ValueError):
        raise Failed(f"{TIMESTAMP} (seconds) and {SIGNATURE} (hexadecimal) are needed, and a URL as it is sent", "mistake") from None
    if not same(expected, shown) or sent.get(CONTENT_SHA256.lower(), sha256(body).hex()).lower() != sha256(body).hex():
        raise Failed("the signature is not of this key over this request", "invalid_credential")
    if abs(time.time() - at) > tolerance:
        raise Failed(f"it was made {time.time() - at:.0f} seconds ago", "stale_request")
    answer = {"key_id": sent.get(KEY_ID.lower()), "signed_at": moment(at), "bytes": len(body)}
    tell(as_json, answer, f"genuine  hmac  {answer['key_id'] or ''}  {moment(at)}  {len(body)} bytes")
