"""From an ASGI scope to the core's Request, for a door that callers reach themselves; and the names of identity fields."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from doorward.core.clock import Entropy
from doorward.core.errors import Refused, Why
from doorward.core.request import Body, Headers, Request
from doorward.web.asgi import Fields, Scope
from doorward.web.body import has_body
from doorward.web.client_cert import TELLS_A_CERTIFICATE
from doorward.web.proxy import Proxies

IDENTITY: Final = b"x-auth-"
"""What we tell the service behind begins so; nobody else may say it."""
_SHORT: Final = 512
"""Bytes of names that are remembered together."""
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._:=+/@-]{1,128}")


def only_ours(fields: Fields) -> Fields:
    """The fields without identity claims, and without a proxy's word of a certificate: that was for us. Raises
    Refused(BAD_REQUEST) for the `_` spelling of either, which some servers read alike."""
    names = b"\n".join([name for name, _ in fields])
    if _of_nobody(names) if len(names) <= _SHORT else _of_nobody.__wrapped__(names):
        return fields
    if any(b"_" in name and _is_of_ours(name.replace(b"_", b"-")) for name, _ in fields):
        raise Refused(Why.BAD_REQUEST, "A header field that is spelled like one of ours was sent.")
    return [field for field in fields if not _is_of_ours(field[0])]


@lru_cache(maxsize=1024)
def _of_nobody(names: bytes) -> bool:
    """Whether all these names are plainly none of ours. A proxy sends nearly the same ones with each request."""
    return IDENTITY not in names and b"_" not in names and TELLS_A_CERTIFICATE.search(names) is None


def _is_of_ours(name: bytes) -> bool:
    return name.startswith(IDENTITY) or TELLS_A_CERTIFICATE.match(name) is not None


def request_id(headers: Headers, *, believed: bool, entropy: Entropy) -> str:
    """A listed proxy's X-Request-ID if it is sane, else a new one."""
    if believed:
        told = headers.every(b"x-request-id")
        if len(told) == 1 and _SANE_ID.fullmatch(told[0]):
            return told[0]
    return entropy(12).hex()


def peer_of(scope: Scope) -> str | None:
    """The direct peer's address; None on a Unix socket."""
    client = scope.get("client")
    return client[0] if client else None


def read_request(scope: Scope, headers: Headers, proxies: Proxies, body: Body | None, id: str) -> Request:
    """Raises Refused. A WebSocket handshake is a GET (RFC 6455 section 4.1)."""
    raw = scope.get("raw_path")
    caller = proxies.caller(headers, peer_of(scope), scope.get("scheme", "http"))
    return Request(
        method=scope.get("method", "GET"),
        raw_path=raw.partition(b"?")[0].decode("latin-1") if raw else quote(scope["path"], safe="/:@!$&'()*+,=~"),
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=headers,
        scheme=caller.scheme,
        host=caller.host,
        address=caller.address,
        body=body,
        has_body=scope["type"] == "http" and has_body(headers, scope.get("http_version", "1.1")),
        id=id,
        spared=proxies.trusts(caller.address),
        certificate=proxies.certificate(scope, headers, peer_of(scope)),
    )
