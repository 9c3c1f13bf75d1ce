"""The session cookie (RFC 6265; the prefixes of draft-ietf-httpbis-rfc6265bis section 4.1.3)."""

from doorward.core.request import Request
from doorward.core.secret import Secret
from doorward.methods.session import SessionOptions, cookie_names


def set_cookie(secret: Secret, request: Request, options: SessionOptions) -> bytes:
    """A Set-Cookie value that lives as long as the session may."""
    return _cookie(cookie_names(request, options)[0], secret.reveal(), int(options.absolute), options.same_site)


def clear_cookies(request: Request, options: SessionOptions) -> list[bytes]:
    """Set-Cookie values that take it away under every name it may have."""
    return [_cookie(name, "", 0, options.same_site) for name in cookie_names(request, options)]


def _cookie(name: str, value: str, max_age: int, same_site: str) -> bytes:
    """A plain name is for plain http on this machine only; `__Host-` asks for Secure, Path=/ and no Domain."""
    secure = "; Secure" if name.startswith("__Host-") else ""
    return f"{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite={same_site}{secure}".encode()
