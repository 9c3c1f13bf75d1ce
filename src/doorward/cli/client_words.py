"""What `doorward client` understands of keys, certificates and names, and how it shows a client."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from doorward.admin.client_metadata import LARGEST_KEYS, PRIVATE_KEY_JWT, SELF_SIGNED, TLS, keys_of_certificates
from doorward.admin.mistake import Mistake
from doorward.cli.frame import Failed
from doorward.cli.show import when
from doorward.core.client import SECRET_METHODS, TLS_SUBJECTS, Client
from doorward.core.clock import moment
from doorward.core.credential import Credential
from doorward.core.errors import Refused
from doorward.crypto.json_once import read_object

_OPTION: Final = {name: "--tls-" + name.removeprefix("tls_client_auth_").replace("_", "-") for name in TLS_SUBJECTS}
_FIELDS: Final = {"jwks with x5c": "--certificate, --jwks with x5c", "jwks_uri": "--jwks-uri", "jwks": "--jwks", **_OPTION}
_FIELD: Final = re.compile(rf"(?<![\w-])(?:{'|'.join(_FIELDS)})(?![\w-])")


def proof_options(command: Any) -> Any:
    """By what a client proves itself, where it is no secret."""
    options = [
        click.option("--jwks", metavar="FILE", help="Public keys as a JWK Set; with x5c for self-signed certificates."),
        click.option("--jwks-uri", metavar="URL", help="Where the client publishes them; asked when needed, kept 5 minutes at most."),
        click.option("--certificate", "certificates", metavar="FILE", multiple=True, help="A certificate that it may show itself by."),
        *(
            click.option(option, name, metavar="NAME", help="The name that its certificate bears (RFC 8705).")
            for name, option in _OPTION.items()
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def proof_of(jwks: str | None, jwks_uri: str | None, certificates: Sequence[str], names: dict[str, str | None]) -> dict[str, Any]:
    """The fields of an order. Raises UsageError for two ways at once, Failed for what cannot be read."""
    found: dict[str, Any] = {}
    subjects = [(name, value) for name, value in names.items() if value is not None]
    given = [bool(each) for each in (jwks, jwks_uri, certificates, subjects)]
    if sum(given) > 1 or len(subjects) > 1:
        raise click.UsageError("a client proves itself by one of --jwks, --jwks-uri, --certificate, and one --tls-… name")
    if jwks:
        found["jwks"] = _read_keys(jwks)
    elif jwks_uri:
        found["jwks_uri"] = jwks_uri
    elif certificates:
        try:
            found["jwks"] = keys_of_certificates([_read(each) for each in certificates])
        except Mistake as reason:
            raise Failed(str(reason), "mistake") from None
    elif subjects:
        found["tls_subject"] = subjects[0]
    return found


@contextmanager
def in_options(jwks: str | None, certificates: Sequence[str]) -> Iterator[None]:
    """A mistake that names fields of RFC 7591 is told with the options that set them, one in the keys with their file."""
    try:
        yield
    except Failed as reason:
        text = reason.message
        if text.startswith("jwks: "):
            text = (f"--jwks {jwks}" if jwks else f"--certificate {' '.join(certificates)}") + text.removeprefix("jwks")
        else:
            text = _FIELD.sub(lambda field: _FIELDS[field[0]], text)
        raise Failed(text, reason.code) from None


def way_of(auth: str | None, certificates: Sequence[str], proof: dict[str, Any]) -> str | None:
    """Where --auth is not said: what was given tells it."""
    if auth is not None or not proof:
        return auth
    if "tls_subject" in proof:
        return TLS
    return SELF_SIGNED if certificates else PRIVATE_KEY_JWT


def _read_keys(source: str) -> dict[str, object]:
    try:
        return read_object(_read(source))
    except Refused:
        raise Failed(f"{source} is no JWK Set: a JSON object with a list of keys", "mistake") from None


def _read(source: str) -> bytes:
    try:
        with Path(source).open("rb") as file:
            data = file.read(LARGEST_KEYS + 1)
    except (OSError, ValueError) as reason:
        raise Failed(f"{source} cannot be read: {getattr(reason, 'strerror', None) or reason}") from None
    if len(data) > LARGEST_KEYS:
        raise Failed(f"{source} is larger than 64 KiB", "mistake")
    return data


def client_record(client: Client) -> dict[str, object]:
    """Public: what RFC 7591 section 3.2.1 would answer, without the secret."""
    return {
        "client_id": client.id,
        "client_name": client.name,
        "created_at": moment(client.created_at),
        "ended_at": moment(client.ended_at),
        **{name: value for name, value in client.metadata.items() if name != "client_name"},
    }


def secret_records(secrets: Sequence[Credential]) -> list[dict[str, object]]:
    return [
        {"number": int(each.lookup.rpartition("~")[2]), "last4": each.last4, "created_at": moment(each.created_at),
         "expires_at": moment(each.expires_at)}
        for each in secrets
    ]  # fmt: skip


def client_line(client: Client) -> str:
    state = "ended" if client.ended_at is not None else "lives"
    auth = "client_secret" if client.auth == SECRET_METHODS else " ".join(sorted(client.auth))
    grants = " ".join(sorted(client.grants))
    return f"{client.id}  {client.name}  {auth}  {grants}  [{' '.join(sorted(client.scopes)) or 'no scopes'}]  {client.token}  {state}"


def client_text(client: Client, secrets: Sequence[Credential]) -> str:
    lines = [
        client_line(client),
        *(
            f"secret …{each.last4}  " + (f"until {when(each.expires_at)}" if each.expires_at is not None else "without an end")
            for each in secrets
        ),
    ]
    lines += [f"{name}  {json.dumps(client.metadata[name])}" for name in ("jwks", "jwks_uri", *TLS_SUBJECTS) if name in client.metadata]
    return "\n".join(lines)
