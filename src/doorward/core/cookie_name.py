"""Under which name a secret cookie travels (draft-ietf-httpbis-rfc6265bis section 4.1.3, DECISIONS 22).

`__Host-`: set by this host over TLS, for all its paths: no other host of the domain can put one there. `__Secure-`: set over
TLS. Both need https; so on plain http from this machine, and there only, the plain name counts beside it.
"""

from typing import Final

from doorward.core.errors import Refused, Why
from doorward.core.request import Request

HOST: Final = "__Host-"
SECURE: Final = "__Secure-"


def cookie_places(request: Request, name: str, prefix: str = HOST, *, plain: bool = False) -> tuple[str, ...]:
    """Where it may be found; the first is the one to set. `plain`: an installation on plain http, whose proxy tells no scheme."""
    if request.loopback and (request.scheme == "http" or (plain and request.scheme is None)):
        return name, prefix + name
    return (prefix + name,)


def only_cookie(request: Request, names: tuple[str, ...]) -> str | None:
    """The one that was sent, if it is not empty. Raises Refused(SHOWN_TWICE)."""
    shown = [value for name in names if (value := request.cookie(name))]
    if len(shown) > 1:
        raise Refused(Why.SHOWN_TWICE, "One cookie was sent under two names; clear this site's cookies.")
    return shown[0] if shown else None


def access_cookie(name: str) -> str:
    """Of the access token; `name` is that of the session's cookie, which tells the issuers of one host apart."""
    return f"{name}-access"


def refresh_cookie(name: str) -> str:
    return f"{name}-refresh"
