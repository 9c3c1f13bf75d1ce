"""`doorward sign --rfc9421` and `doorward verify --rfc9421`: HTTP message signatures (RFC 9421), offline."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import click

from doorward.cli.frame import Failed, json_option, read_secret, tell
from doorward.cli.message_parts import body_option, header_fields, header_option, read_body
from doorward.cli.words import SPAN
from doorward.core.clock import moment
from doorward.core.secret import Secret
from doorward.crypto.algorithms import BadSignature, Check, PrivateKey
from doorward.crypto.content_digest import KNOWN, SHA256
from doorward.crypto.message_signing import MessageKey, Wish, check_request, sign_request
from doorward.crypto.signature_algorithms import ALGORITHMS, HMAC, WrongKey, algorithm_of, checker, read_private, read_public
from doorward.crypto.signature_cover import DEFAULT, DIGEST, LABEL, missing
from doorward.crypto.signature_input import Labelled

_RFC9421 = click.option("--rfc9421", "_form", is_flag=True, required=True, help="A request, as an HTTP message signature (RFC 9421).")
_SECRET = click.option("--secret-file", metavar="FILE", help=f"The shared secret of {HMAC}; - is standard input.")
_ALG = click.option("--alg", type=click.Choice(ALGORITHMS), help="The algorithm, as the key's output says it; needed of RSA keys.")
_COVER = click.option(
    "--cover", multiple=True, metavar="NAME", help=f"@method, content-type, …; may be given again. Without it {' '.join(DEFAULT)}."
)


@click.command("sign", help="The header fields that sign a request with a message signature (RFC 9421).")
@_RFC9421
@click.option("--key-id", required=True, help="The id of the key.")
@click.option("--key-file", metavar="FILE", help="The private key in PEM; - is standard input.")
@_SECRET
@_ALG
@header_option
@body_option
@_COVER
@click.option("--digest", multiple=True, type=click.Choice(list(KNOWN)), default=(SHA256,), show_default=True, help="Of the body.")
@click.option("--label", default=LABEL, show_default=True, help="What the signature is called.")
@click.option("--tag", help="For which application it is.")
@click.option("--expires", type=SPAN, help="How long it is good, such as 1m; the receiver's window ends it too.")
@click.option("--no-nonce", is_flag=True, help="Leave the nonce out: two identical requests in one second are then a replay.")
@click.argument("method")
@click.argument("url")
@json_option
def sign_command(
    _form: bool, key_id: str, key_file: str | None, secret_file: str | None, alg: str | None, lines: tuple[str, ...],
    body_file: Path | None, cover: tuple[str, ...], digest: tuple[str, ...], label: str, tag: str | None, expires: float | None,
    no_nonce: bool, method: str, url: str, as_json: bool,
) -> None:  # fmt: skip
    body = read_body(body_file, [each for each in (key_file, secret_file) if each is not None])
    nonce = None if no_nonce else os.urandom(16).hex()
    wish = Wish(cover=cover or DEFAULT, label=label, tag=tag, lifetime=None if expires is None else int(expires), digest=digest)
    try:
        key = MessageKey.of(key_id, _signing_key(key_file, secret_file), alg)
        fields = sign_request(method.upper(), url, header_fields(lines), body, key, created=int(time.time()), nonce=nonce, wish=wish)
    except ValueError as reason:
        raise Failed(str(reason), "mistake") from None
    tell(as_json, fields, "\n".join(f"{name}: {value}" for name, value in fields.items()))


def _signing_key(key_file: str | None, secret_file: str | None) -> Secret | PrivateKey:
    if (key_file is None) == (secret_file is None):
        raise click.UsageError(f"write --key-file for a private key, or --secret-file for {HMAC}")
    return read_private(read_secret(key_file, "private key")) if key_file is not None else read_secret(secret_file or "", "secret")


@click.command("verify", help="Whether the message signature (RFC 9421) of a request is genuine. Replays are not told here.")
@_RFC9421
@click.option("--public-key", metavar="FILE", help="The public key in PEM, or a JWK.")
@_SECRET
@_ALG
@header_option
@body_option
@_COVER
@click.option("--label", help="Which of several signatures.")
@click.option("--tolerance", type=SPAN, default="5m", show_default=True, help="How far `created` may be off, either way.")
@click.argument("method")
@click.argument("url")
@json_option
def verify_command(
    _form: bool, public_key: str | None, secret_file: str | None, alg: str | None, lines: tuple[str, ...], body_file: Path | None,
    cover: tuple[str, ...], label: str | None, tolerance: float, method: str, url: str, as_json: bool,
) -> None:  # fmt: skip
    body = read_body(body_file, [each for each in (public_key, secret_file) if each is not None])
    known, check = _checking_key(public_key, secret_file, alg)
    try:
        found = check_request(method.upper(), url, header_fields(lines), body, check, label)
    except BadSignature as reason:
        raise Failed(str(reason) or "the signature is not of this key over this request", "invalid_credential") from None
    except ValueError as reason:
        raise Failed(str(reason), "mistake") from None
    _judge(found, known, cover, body, tolerance)
    covered = [component.text for component in found.components]
    answer = {"label": found.label, "keyid": found.keyid, "alg": known, "created": moment(found.created), "covered": covered}
    tell(as_json, answer, f"genuine  {found.label}  {known}  created {moment(found.created)}  covers {' '.join(covered)}")


def _checking_key(public_key: str | None, secret_file: str | None, alg: str | None) -> tuple[str, Check]:
    if (public_key is None) == (secret_file is None):
        raise click.UsageError(f"write --public-key, or --secret-file for {HMAC}")
    try:
        if secret_file is not None:
            return HMAC, checker(alg or HMAC, read_secret(secret_file, "secret").reveal().encode())
        key = read_public(read_secret(public_key or "", "public key").reveal().encode())
        name = algorithm_of(key, alg)
        return name, checker(name, key)
    except WrongKey as reason:
        raise Failed(str(reason), "mistake") from None


def _judge(found: Labelled, alg: str, cover: Sequence[str], body: bytes, tolerance: float) -> None:
    """What a door would refuse of a genuine signature."""
    if found.alg is not None and found.alg != alg:
        raise Failed(f"it says that it is {found.alg}, and the key is for {alg}", "invalid_credential")
    lacking = missing(cover, found)
    if body and all(component.name != DIGEST for component in found.components):
        lacking.append(DIGEST)
    if lacking:
        raise Failed(f"it does not cover {', '.join(lacking)}", "invalid_credential")
    now, created = time.time(), found.created or 0
    if abs(now - created) > tolerance or (found.expires is not None and now >= found.expires):
        raise Failed(f"it was made {now - created:.0f} seconds ago, or has expired", "stale_request")
