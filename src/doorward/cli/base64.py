"""doorward base64 encode|decode: standard input to standard output, also the URL-safe form (RFC 4648 sections 4 and 5)."""

import base64
import sys

import click

from doorward.cli.frame import Failed, json_option, tell

_LARGEST = 16 * 1024 * 1024

url_option = click.option("--url", is_flag=True, help="The URL-safe alphabet, without padding (RFC 4648 section 5).")


@click.group("base64", help="Encode or decode standard input.")
def command() -> None: ...


@command.command("encode", help="Standard input as base64.")
@url_option
@json_option
def encode(url: bool, as_json: bool) -> None:
    data = _input()
    text = (base64.urlsafe_b64encode(data).rstrip(b"=") if url else base64.b64encode(data)).decode()
    tell(as_json, {"base64": text}, text)


@command.command("decode", help="Base64 from standard input, either alphabet, with or without padding.")
@json_option
def decode(as_json: bool) -> None:
    text = b"".join(_input().split()).rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise Failed("this is not base64") from None
    if not as_json:
        sys.stdout.buffer.write(data)
        return
    try:
        tell(as_json, {"text": data.decode()}, "")
    except UnicodeDecodeError:
        raise Failed("this is not text, which is all that JSON holds; without --json the bytes are written") from None


def _input() -> bytes:
    data = sys.stdin.buffer.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise Failed("more than 16 MiB")
    return data
