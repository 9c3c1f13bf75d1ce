"""The body of a request to the authorization server as parameters, each once.

On the wire  application/x-www-form-urlencoded in UTF-8 (RFC 6749 appendix B), or a JSON object of texts, which many
             tutorials send; at most 16 KiB and 64 parameters
Refused      invalid_request: a parameter twice (RFC 6749 section 3.2), not UTF-8, another content type, a credential in the
             query (RFC 6749 section 2.3.1)
An empty parameter counts as left out (RFC 6749 section 3.2). `resource` alone may be repeated (RFC 8707 section 2).
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

from doorward.core.errors import Refused, Why
from doorward.core.request import Request
from doorward.crypto.json_once import read_object
from doorward.oauth.errors import INVALID_REQUEST, OAuthError

LARGEST: Final = 16 * 1024
MOST: Final = 64
RESOURCE: Final = "resource"
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_SECRET_IN_QUERY: Final = re.compile(r"(?:^|&)(?:client_secret|client_assertion|token|refresh_token|code)=")


@dataclass(frozen=True, slots=True)
class Form:
    """`values` holds no empty ones; `resources` are those of `resource`, which stands in `values` too if there is one."""

    values: dict[str, str]
    resources: tuple[str, ...] = ()

    def one(self, name: str) -> str:
        """Raises OAuthError where it is not there."""
        value = self.values.get(name)
        if value is None:
            raise OAuthError(INVALID_REQUEST, f"The parameter {name} is missing.")
        return value

    def get(self, name: str) -> str | None:
        return self.values.get(name)


async def read_form(request: Request) -> Form:
    """Raises OAuthError; Refused: BODY_TOO_LARGE, BODY_TOO_SLOW, BAD_REQUEST."""
    if request.query and _SECRET_IN_QUERY.search(request.query):
        raise OAuthError(INVALID_REQUEST, "Send credentials and tokens in the body, never in the URL.")
    declared = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if declared not in (_FORM, _JSON):
        raise OAuthError(INVALID_REQUEST, f"Send Content-Type: {_FORM}.")
    body = await request.body() if request.has_body and request.body is not None else b""
    return parse_form(body) if declared == _FORM else parse_json(body)


def parse_form(body: bytes) -> Form:
    """Raises OAuthError."""
    try:
        text = body.decode()
        pairs = [_pair(part) for part in text.split("&", MOST + 1) if part]
    except UnicodeDecodeError:
        raise OAuthError(INVALID_REQUEST, "The form is not UTF-8.") from None
    return _form(pairs)


def parse_json(body: bytes) -> Form:
    """Raises OAuthError."""
    try:
        members = read_object(body)
    except Refused:
        raise OAuthError(INVALID_REQUEST, "The body is not a JSON object with each member once.") from None
    pairs: list[tuple[str, str]] = []
    for name, value in members.items():
        values = value if name == RESOURCE and isinstance(value, list) else [value]
        for each in values:
            if not isinstance(each, str):
                raise OAuthError(INVALID_REQUEST, "The members of the JSON object are texts.")
            pairs.append((name, each))
    if not all(_is_text(part) for pair in pairs for part in pair):
        raise OAuthError(INVALID_REQUEST, "The JSON object holds half a character.")
    return _form(pairs)


def _form(pairs: list[tuple[str, str]]) -> Form:
    if len(pairs) > MOST:
        raise OAuthError(INVALID_REQUEST, f"At most {MOST} parameters.")
    values = {name: value for name, value in pairs if value}
    if len({name for name, _ in pairs}) == len(pairs):
        return Form(values, (values[RESOURCE],) if RESOURCE in values else ())
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen and name != RESOURCE:
            raise OAuthError(INVALID_REQUEST, "A parameter was sent twice.", why=Why.SHOWN_TWICE)  # RFC 6749 section 3.2
        seen.add(name)
    return Form(values, tuple(value for name, value in pairs if name == RESOURCE and value))


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return _decoded(name), _decoded(value)


def _decoded(text: str) -> str:
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


def _is_text(text: str) -> bool:
    """JSON can spell half a surrogate pair, which no header or store takes."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)
