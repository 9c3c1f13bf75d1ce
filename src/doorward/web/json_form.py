"""A small JSON object as a form: its type, size and members checked before anything else is done with it."""

from typing import Final

from doorward.core.errors import Refused, Why
from doorward.core.request import Request
from doorward.crypto.json_once import read_object

LARGEST: Final = 16 * 1024


class WrongType(Exception):
    """The content is not declared as JSON: 415 (RFC 9110 section 15.5.16)."""


async def read_form(request: Request) -> dict[str, object]:
    """{} where there is no body. Raises WrongType; Refused: BAD_REQUEST, BODY_TOO_LARGE."""
    if not request.has_body or request.body is None:
        return {}
    declared = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    body = await _body(request)
    if not body and not declared:
        return {}
    if declared != "application/json":  # also what keeps other sites' forms out: they cannot send this type unasked
        raise WrongType
    try:
        return read_object(body)
    except Refused as reason:
        raise Refused(Why.BAD_REQUEST, "The body is not a JSON object in UTF-8 with each member once.", note=reason.note) from None


def text(form: dict[str, object], name: str) -> str:
    """A member that must be there. Raises Refused(BAD_REQUEST)."""
    value = form.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(Why.BAD_REQUEST, f'Send JSON with the text "{name}".')
    return value


async def _body(request: Request) -> bytes:
    assert request.body is not None  # noqa: S101 - the caller asked
    try:
        return await request.body()
    except Refused as reason:
        if reason.why is Why.BODY_TOO_LARGE:
            raise Refused(Why.BODY_TOO_LARGE, f"A body here has at most {LARGEST} bytes.") from None
        raise
