"""The listener's own refusals, before or beside any application: problem documents (RFC 9457) as bytes on the wire."""

import json
from http import HTTPStatus
from typing import Final

_CODES: Final = {400: "bad_request", 408: "request_timeout", 414: "uri_too_long", 431: "header_too_large", 501: "not_implemented"}
_DETAILS: Final = {
    400: "This is not HTTP/1.1 as RFC 9112 has it.",
    408: "The request did not arrive in time.",
    414: "The request line is too long.",
    431: "The header or trailer section is too large.",
    501: "The only transfer coding that is understood is chunked, and a request with a body cannot ask for an upgrade.",
}


def refusal(status: int) -> bytes:
    """The whole response, as bytes."""
    title = HTTPStatus(status).phrase
    problem = {"type": "about:blank", "title": title, "status": status, "code": _CODES[status], "detail": _DETAILS[status]}
    body = json.dumps(problem, separators=(",", ":")).encode()
    head = (
        f"HTTP/1.1 {status} {title}\r\n"
        "content-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\n"
        "cache-control: no-store\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
