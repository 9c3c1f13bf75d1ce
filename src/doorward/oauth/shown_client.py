"""What a client shows of itself at an endpoint of the authorization server, parsed and unproven (RFC 6749 section 2.3).

On the wire  Authorization: Basic base64(form-urlencoded id ":" form-urlencoded secret) (RFC 6749 section 2.3.1),
             or client_id and client_secret in the body,
             or client_assertion and client_assertion_type in the body (RFC 7521 section 4.2),
             or client_id in the body and a certificate in the TLS handshake (RFC 8705 section 2)
Refused      invalid_request: two ways at once, or two ids; invalid_client: not of its form, none at all
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from doorward.core.errors import Refused, Why
from doorward.core.request import Request
from doorward.core.secret import Secret
from doorward.oauth.errors import INVALID_REQUEST, OAuthError, invalid_client

BASIC: Final = "client_secret_basic"
POST: Final = "client_secret_post"
JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ID: Final = 512
LONGEST_SECRET: Final = 1024
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{0,8192}={0,2}")
_ENCODED: Final = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")
_ID: Final = re.compile(rf"[\x20-\x7e]{{1,{LONGEST_ID}}}")  # RFC 6749 appendix A.1
_SECRET: Final = re.compile(rf"[\x20-\x7e]{{1,{LONGEST_SECRET}}}")  # RFC 6749 appendix A.2


class ShownSecret(NamedTuple):
    """`way`: BASIC or POST."""

    id: str
    secret: Secret
    way: str


class ShownText(NamedTuple):
    """An assertion as it came. `id`: the client_id beside it, if there is one."""

    id: str | None
    assertion: str


class ShownName(NamedTuple):
    """A client_id and nothing with it in the request: what else there is, is in the handshake."""

    id: str


Shown = ShownSecret | ShownText | ShownName


def is_id(text: str) -> bool:
    """Whether this can be a client's id at all."""
    return _ID.fullmatch(text) is not None


def find(form: Mapping[str, str], request: Request) -> Shown:
    """Raises OAuthError. An empty parameter counts as left out (RFC 6749 section 3.2)."""
    id, secret = form.get("client_id") or None, form.get("client_secret") or None
    assertion, kind = form.get("client_assertion") or None, form.get("client_assertion_type") or None
    basic = _authorization(request)
    if (basic is not None) + (secret is not None) + (assertion is not None or kind is not None) > 1:
        raise OAuthError(INVALID_REQUEST, "The client uses more than one way to authenticate.", why=Why.SHOWN_TWICE)  # section 2.3
    if id is not None and not is_id(id):
        raise invalid_client(why=Why.MALFORMED)
    if basic is not None:
        shown = _basic(basic)
        if id is not None and id != shown.id:
            raise OAuthError(INVALID_REQUEST, "The client_id in the body is not the one in Authorization.", why=Why.SHOWN_TWICE)
        return shown
    if assertion is not None or kind is not None:
        if assertion is None or kind != JWT_BEARER:  # RFC 7523 section 2.2
            raise invalid_client(f"Send client_assertion with the client_assertion_type {JWT_BEARER}.", why=Why.MALFORMED)
        return ShownText(id, assertion)
    if id is None:
        raise invalid_client("The request says nothing of its client.", why=Why.MISSING)
    if secret is None:
        return ShownName(id)
    return ShownSecret(id, _secret(secret), POST)


def _authorization(request: Request) -> str | None:
    """What follows Basic. Another scheme is none that a client may use here."""
    try:
        if request.header(b"authorization") is None:
            return None
        text = request.authorization("basic")
    except Refused:
        raise OAuthError(INVALID_REQUEST, "The header field Authorization was sent more than once.", why=Why.SHOWN_TWICE) from None
    if text is None:
        raise invalid_client("A client authenticates with the scheme Basic.", why=Why.MALFORMED)
    return text


def _basic(text: str) -> ShownSecret:
    try:
        if not _BASE64.fullmatch(text):
            raise ValueError
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("ascii")
        name, mark, secret = decoded.partition(":")
        id = _form_decoded(name)
        if not mark or not is_id(id):
            raise ValueError
        return ShownSecret(id, _secret(_form_decoded(secret)), BASIC)
    except (ValueError, binascii.Error):
        raise invalid_client(
            "Basic credentials are base64 of the id, a colon and the secret, each form-urlencoded.", why=Why.MALFORMED
        ) from None


def _form_decoded(text: str) -> str:
    """application/x-www-form-urlencoded (RFC 6749 appendix B). Raises ValueError: a percent sign without two digits, no UTF-8."""
    if not _ENCODED.fullmatch(text):
        raise ValueError
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")


def _secret(text: str) -> Secret:
    if not _SECRET.fullmatch(text):
        raise invalid_client(why=Why.MALFORMED)
    return Secret(text)
