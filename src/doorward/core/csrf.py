"""Was an unsafe request with an ambient credential meant by the page that may make it? (OWASP CSRF cheat sheet, 2025)"""

from typing import Final

from doorward.core.errors import Refused, Why
from doorward.core.request import Request
from doorward.core.secret import same

HEADER: Final = b"x-csrf-token"


def check_same_site(request: Request, token: str | None) -> None:
    """A matching X-CSRF-Token, or the browser's own word that the page is of this origin. Raises Refused(CROSS_SITE).

    With an empty `token` there is nothing to repeat, as for a certificate: who bears no mark of a browser is let through.
    """
    shown = request.header(HEADER)
    if shown is not None and token and same(shown.encode(), token.encode()):
        return
    site = request.header(b"sec-fetch-site")
    if token == "" and site is None and b"origin" not in request.headers:
        return
    if site is not None:
        if site == "same-origin":
            return
    elif (origin := request.header(b"origin")) is not None and request.origin is not None and origin.lower() == request.origin:
        return
    raise Refused(Why.CROSS_SITE, "Send the CSRF token of this session in X-CSRF-Token, or call from a page of this origin.")
