"""Cookies that hold a secret: a session, an access token, a refresh token (RFC 6265; their names: `core.cookie_name`)."""

from collections.abc import Iterable
from typing import Final

from doorward.core.cookie_name import HOST, SECURE, access_cookie, cookie_places, refresh_cookie
from doorward.core.errors import Refused, Why
from doorward.core.request import Request
from doorward.core.secret import Secret
from doorward.methods.session import SessionOptions, cookie_names

REFRESH_PATH: Final = "/auth"
_LONGEST: Final = 4096
"""Bytes of name and value that every browser keeps (RFC 6265 section 6.1)."""


def set_cookie(secret: Secret, request: Request, options: SessionOptions) -> bytes:
    """A Set-Cookie value that lives as long as the session may."""
    return _cookie(cookie_names(request, options)[0], secret, int(options.absolute), options.same_site)


def clear_cookies(request: Request, options: SessionOptions) -> list[bytes]:
    """Set-Cookie values that take it away under every name it may have."""
    return [_cookie(name, None, 0, options.same_site) for name in cookie_names(request, options)]


def access_places(request: Request, options: SessionOptions) -> tuple[str, ...]:
    return cookie_places(request, access_cookie(options.cookie))


def refresh_places(request: Request, options: SessionOptions) -> tuple[str, ...]:
    return cookie_places(request, refresh_cookie(options.cookie), SECURE)


def set_access(token: Secret, life: int, request: Request, options: SessionOptions) -> bytes:
    """Raises Refused(BAD_REQUEST): the browser would drop it."""
    cookie = _cookie(access_places(request, options)[0], token, life, options.same_site)
    if len(cookie) > _LONGEST:
        raise Refused(Why.BAD_REQUEST, 'The access token is too long for a cookie; use "transport": "hybrid".')
    return cookie


def set_refresh(token: Secret, life: int, request: Request, options: SessionOptions) -> bytes:
    """Sent to /auth and what is below it only."""
    return _cookie(refresh_places(request, options)[0], token, life, options.same_site, REFRESH_PATH)


def clear_tokens(request: Request, options: SessionOptions) -> list[bytes]:
    """Set-Cookie values that take those token cookies away that were sent."""
    return [
        *_cleared(access_places(request, options), request, options, "/"),
        *_cleared(refresh_places(request, options), request, options, REFRESH_PATH),
    ]


def _cleared(names: Iterable[str], request: Request, options: SessionOptions, path: str) -> list[bytes]:
    return [_cookie(name, None, 0, options.same_site, path) for name in names if request.has_cookie(name)]


def _cookie(name: str, value: Secret | None, max_age: int, same_site: str, path: str = "/") -> bytes:
    """A plain name is for plain http on this machine only; the prefixes ask for Secure, `__Host-` for Path=/ and no Domain too."""
    secure = "; Secure" if name.startswith((HOST, SECURE)) else ""
    text = value.reveal() if value is not None else ""
    return f"{name}={text}; Path={path}; Max-Age={max_age}; HttpOnly; SameSite={same_site}{secure}".encode()
