"""Trailer fields that a server takes for header fields (RFC 9110 section 6.5.1 forbids it).

uvicorn with its httptools parser appends them to the list in the scope, also before the application is called: a caller
then adds to, or makes ambiguous, what a proxy before it has written, and nothing in the scope tells which field came
when. Trailers come with chunked bodies alone, so from that server these are refused; `web.listener` and uvicorn's
`h11` keep trailers apart.
"""

from typing import Final

from doorward.core.errors import Refused, Why
from doorward.core.request import Headers
from doorward.web.asgi import Receive, Scope

TRAILERS_APART: Final = "doorward.trailers_apart"
"""In scope["extensions"]: this server keeps trailer fields out of the header fields."""
_MIXES: Final = "uvicorn.protocols.http.httptools_impl"


def check_trailers(scope: Scope, headers: Headers, receive: Receive | None) -> None:
    """`receive` as the server gave it: it tells which server that is. Raises Refused(BAD_REQUEST)."""
    if b"transfer-encoding" not in headers or getattr(receive, "__module__", None) != _MIXES:
        return
    if TRAILERS_APART not in (scope.get("extensions") or {}):
        raise Refused(
            Why.BAD_REQUEST,
            "Send the body with a Content-Length.",
            note="a chunked body, and this server takes trailers for headers: run uvicorn with --http doorward.web.listener:Listener",
        )
