"""From a WSGI environ (PEP 3333) to the shape that the doors read, and a body that is read once and played again.

The path     As it was sent, from RAW_URI (gunicorn, Werkzeug) or REQUEST_URI (uWSGI, mod_wsgi); it must be the one that SCRIPT_NAME
             and PATH_INFO hold decoded, by which the application routes. Of a server that gives neither, the decoded path
             is judged as it is, and refused where it holds what could be read in two ways (`core.path`). A `%2F` cannot be told
             from a slash there: door and application read it alike, a signature over such a path does not verify.
Fields       WSGI joins what was sent twice with a comma. A field that no caller may send twice is taken apart again there,
             so that it is refused. `X_Auth_…` and `X-Auth-…` are one name here: all are taken away.
SCRIPT_NAME  gunicorn takes it from a header field of that name, and most proxies hand a caller's on: whoever sends one is refused.
"""

import io
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes
from wsgiref.types import WSGIEnvironment

from doorward.core.errors import Refused, Why
from doorward.web.arrival import IDENTITY
from doorward.web.asgi import Fields, Scope
from doorward.web.body import SECONDS
from doorward.web.client_cert import TELLS_A_CERTIFICATE

_PIECE: Final = 64 * 1024
_ONCE: Final = frozenset(
    {
        b"x-api-key", b"x-key-id", b"x-timestamp", b"x-signature", b"x-nonce", b"x-content-sha256", b"x-csrf-token", b"dpop", b"host",
        b"origin", b"sec-fetch-site", b"x-forwarded-proto", b"x-forwarded-host", b"x-request-id", b"content-length", b"webhook-id",
        b"webhook-timestamp", b"x-hub-signature-256", b"x-github-delivery", b"x-slack-signature", b"x-slack-request-timestamp",
    }
)  # fmt: skip
"""Fields of which no value holds a comma."""
_TOKENS: Final = (b"bearer ", b"dpop ", b"basic ")
_PLACES: Final = ("HTTP_SCRIPT_NAME", "HTTP_PATH_INFO")


def scope_of(environ: WSGIEnvironment) -> Scope:
    """As an ASGI server would give it. Raises Refused(BAD_PATH, BAD_REQUEST)."""
    if any(name in environ for name in _PLACES):  # what the door decides about would not be what the application routes by
        raise Refused(Why.BAD_REQUEST, "SCRIPT_NAME and PATH_INFO are no header fields of a request.")
    path = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1")
    raw_path, query = _target(environ, path)
    peer = environ.get("REMOTE_ADDR")
    return {
        "type": "http",
        "http_version": environ.get("SERVER_PROTOCOL", "HTTP/1.0").removeprefix("HTTP/"),
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "path": path.decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": query,
        "headers": _fields(environ),
        "client": (peer, 0) if peer else None,
    }


def _target(environ: WSGIEnvironment, path: bytes) -> tuple[bytes, bytes]:
    query = environ.get("QUERY_STRING", "").encode("latin-1")
    told = environ.get("RAW_URI", environ.get("REQUEST_URI"))
    if not told:
        return quote(path, safe="/:@!$&'()*+,=~").encode(), query
    raw, _, its_query = told.encode("latin-1", "replace").partition(b"?")
    if unquote_to_bytes(raw) != path or its_query != query:
        raise Refused(Why.BAD_PATH, "The path cannot be told for sure.", note="the path as sent is not the one that the application sees")
    return raw, query


def _fields(environ: WSGIEnvironment) -> Fields:
    fields: Fields = []
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            name = key[5:].replace("_", "-").lower().encode("latin-1", "replace")
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value:
            name = key.replace("_", "-").lower().encode()
        else:
            continue
        data = str(value).encode("latin-1", "replace")
        if b"," in data and (name in _ONCE or (name == b"authorization" and data.lower().startswith(_TOKENS))):
            fields += [(name, part) for part in data.split(b",", 1)]
        else:
            fields.append((name, data))
    return fields


def strip(environ: WSGIEnvironment) -> None:
    """Takes away whatever says who calls, and a proxy's word of a certificate: that was for us."""
    for key in [key for key in environ if key.startswith("HTTP_")]:
        name = key[5:].replace("_", "-").lower().encode("latin-1", "replace")
        if name.startswith(IDENTITY) or TELLS_A_CERTIFICATE.match(name):
            del environ[key]


def reader(environ: WSGIEnvironment, largest: int) -> Callable[[], bytes]:
    """The whole body, which the application then reads again. Raises Refused: BODY_TOO_LARGE, BODY_TOO_SLOW, BAD_REQUEST.

    Time is looked at between pieces: that a caller sends at all is for the server, or the proxy before it, to see to.
    """

    def read() -> bytes:
        length, chunked = environ.get("CONTENT_LENGTH") or None, "HTTP_TRANSFER_ENCODING" in environ
        if chunked and not environ.get("wsgi.input_terminated"):
            raise Refused(Why.BAD_REQUEST, "This server cannot read a chunked body that must be verified.")
        announced = None if chunked else int(length[:20]) if length is not None else 0  # RFC 9112 section 6.3
        if announced is not None and announced > largest:
            raise _too_large(largest)
        body = _whole(environ["wsgi.input"], announced, largest)
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return body

    return read


def _whole(stream: Any, announced: int | None, largest: int) -> bytes:
    parts, size, ends = [], 0, time.monotonic() + SECONDS
    while announced is None or size < announced:
        try:
            part = stream.read(_PIECE if announced is None else min(_PIECE, announced - size))
        except OSError:
            part = b"" if announced is not None else None
        if part is None or (not part and announced is not None):
            raise Refused(Why.BAD_REQUEST, "The body did not arrive whole.")
        if not part:
            break
        parts.append(part)
        size += len(part)
        if size > largest:
            raise _too_large(largest)
        if time.monotonic() > ends:
            raise Refused(Why.BODY_TOO_SLOW)
    return b"".join(parts)


def _too_large(largest: int) -> Refused:
    return Refused(Why.BODY_TOO_LARGE, f"A signed body may have {largest} bytes.")
