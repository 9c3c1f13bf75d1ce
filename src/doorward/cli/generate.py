"""doorward generate secret|password: good randomness, printed once."""

import base64
import secrets

import click

from doorward.cli.frame import json_option, tell

_LETTERS = "23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"  # none that is read as another


@click.group("generate", help="Make a secret or a password.")
def command() -> None: ...


@command.command("secret", help="Random bytes as base64url.")
@click.option("--bytes", "count", type=click.IntRange(16, 1024), default=32, show_default=True, help="How many bytes.")
@json_option
def secret(count: int, as_json: bool) -> None:
    text = base64.urlsafe_b64encode(secrets.token_bytes(count)).rstrip(b"=").decode()
    tell(as_json, {"secret": text}, text)


@command.command("password", help="A password that is easy to type.")
@click.option("--length", type=click.IntRange(12, 128), default=20, show_default=True, help="How many letters.")
@json_option
def password(length: int, as_json: bool) -> None:
    text = "".join(secrets.choice(_LETTERS) for _ in range(length))
    tell(as_json, {"password": text}, text)
