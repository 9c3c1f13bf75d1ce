"""What a token endpoint answers (RFC 6749 sections 5.1, 5.2), read strictly. No I/O."""

from dataclasses import dataclass
from typing import Any, Final

import httpx

from doorward.client.safe import is_field_value
from doorward.core.secret import Secret

_LONGEST: Final = 64 * 1024
_TYPES: Final = {"bearer": "Bearer", "dpop": "DPoP"}


class TokenError(Exception):
    """No token was given. `code` and `description` are the server's own (RFC 6749 section 5.2), else what is wrong with its answer."""

    def __init__(self, code: str, description: str = "", status: int | None = None) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code, self.description, self.status = code, description, status


@dataclass(frozen=True, slots=True)
class AccessToken:
    """`until` by the clock of whoever asked; None: the server did not say."""

    text: Secret
    type: str
    until: float | None
    scopes: frozenset[str]
    refresh: Secret | None = None

    def header(self) -> str:
        return f"{self.type} {self.text.reveal()}"


def read_token(response: httpx.Response, now: float) -> AccessToken:
    """Raises TokenError."""
    told = _object(response)
    if response.status_code != httpx.codes.OK:
        # Ours refuse with problem documents, an authorization server with `error`.
        code, detail = told.get("error", told.get("code")), told.get("error_description", told.get("detail"))
        raise TokenError(_text(code) or f"status_{response.status_code}", _text(detail), response.status_code)
    text, kind, life, refresh = told.get("access_token"), told.get("token_type"), told.get("expires_in"), told.get("refresh_token")
    if not isinstance(text, str) or not text or not is_field_value(text) or not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise TokenError("invalid_answer", "the answer holds no access_token of a type that is known (Bearer, DPoP)", response.status_code)
    if life is not None and (isinstance(life, bool) or not isinstance(life, int | float) or not 0 <= life < 1e10):
        raise TokenError("invalid_answer", "expires_in is no number of seconds", response.status_code)
    return AccessToken(
        Secret(text),
        _TYPES[kind.lower()],  # RFC 6749 section 5.1: case is ignored
        None if life is None else now + life,
        frozenset(_text(told.get("scope")).split()),
        Secret(refresh) if isinstance(refresh, str) and refresh else None,
    )


def _object(response: httpx.Response) -> dict[str, Any]:
    if len(response.content) > _LONGEST:
        raise TokenError("invalid_answer", "the answer is larger than 64 KiB", response.status_code)
    try:
        told = response.json()
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise TokenError("invalid_answer", "the answer is no JSON object", response.status_code)
    return told


def _text(value: object) -> str:
    return value[:512] if isinstance(value, str) else ""
