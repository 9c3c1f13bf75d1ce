"""`GET /ca/crl` (DER, RFC 2585 section 4.2), `/ca/ca.cer` (DER, RFC 2585 section 4.1), `/ca/ca.pem`: the local authority, for
anybody. From memory: no request makes a signature or asks the store.

404: there is no authority. 503: its list is over, and the next one is not signed yet.
"""

import hashlib
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from typing import Final

from doorward.core.authority import Authority, RevocationList
from doorward.core.clock import Clock
from doorward.crypto.certificate_reading import to_pem
from doorward.pki.published import Published
from doorward.web.asgi import Answer, Fields, Receive, Scope, Send
from doorward.web.jwks import matches

CRL: Final = "/ca/crl"
DER: Final = "/ca/ca.cer"
PEM: Final = "/ca/ca.pem"
PATHS: Final = (CRL, DER, PEM)
CRL_MAX_AGE: Final = 60
"""Seconds: so soon is a revoked certificate known to caches."""
CERTIFICATE_MAX_AGE: Final = 3600


@dataclass(frozen=True, slots=True)
class _Made:
    """Out of this authority or list, which stays the same object while it is current."""

    source: Authority | RevocationList
    body: bytes
    kind: bytes
    tag: bytes
    modified: float


class CaDoor:
    def __init__(self, published: Published, clock: Clock) -> None:
        self._published, self._clock = published, clock
        self._made: dict[str, _Made] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope).send(send, head=scope["method"] == "HEAD")

    def _answer(self, scope: Scope) -> Answer:
        if scope["method"] not in ("GET", "HEAD"):
            return Answer(405, [(b"allow", b"GET, HEAD"), (b"content-length", b"0")], b"")
        path = "/ca/" + scope["path"].rpartition("/ca/")[2]  # the issuer's path may stand before it
        authority, revoked, now = self._published.authority, self._published.revoked, self._clock()
        if authority is None:
            return _problem(404, b"Not Found", b"not_found", b"There is no certificate authority here.")
        age = CERTIFICATE_MAX_AGE
        if path != CRL:
            made = self._current(path, authority)
        elif revoked is not None and now < revoked.next_update:
            made, age = self._current(path, revoked), min(CRL_MAX_AGE, int(revoked.next_update - now))
        else:
            return _problem(503, b"Service Unavailable", b"unavailable", b"The next list of revoked certificates is not signed yet.")
        headers: Fields = [
            (b"content-type", made.kind),
            (b"cache-control", b"public, max-age=%d" % age),
            (b"etag", made.tag),
            (b"last-modified", formatdate(int(made.modified), usegmt=True).encode()),
            (b"access-control-allow-origin", b"*"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if _is_known(scope, made):
            return Answer(304, headers, b"")
        return Answer(200, [*headers, (b"content-length", b"%d" % len(made.body))], made.body)

    def _current(self, path: str, source: Authority | RevocationList) -> _Made:
        made = self._made.get(path)
        if made is None or made.source is not source:
            made = self._made[path] = _make(path, source)
        return made


def _make(path: str, source: Authority | RevocationList) -> _Made:
    if isinstance(source, RevocationList):
        body, kind, modified = source.der, b"application/pkix-crl", source.this_update
    elif path == DER:
        body, kind, modified = source.certificate, b"application/pkix-cert", source.created_at
    else:  # RFC 8555 section 9.1
        body, kind, modified = to_pem(source.certificate).encode(), b"application/pem-certificate-chain", source.created_at
    return _Made(source, body, kind, b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"', modified)


def _is_known(scope: Scope, made: _Made) -> bool:
    """RFC 9110 section 13.1.3: a date counts only where no tag is named; one that cannot be read counts for nothing."""
    if any(name == b"if-none-match" for name, _ in scope["headers"]):
        return matches(scope, made.tag)
    asked = [value for name, value in scope["headers"] if name == b"if-modified-since"]
    if len(asked) != 1 or len(asked[0]) > 64:
        return False
    try:
        return int(made.modified) <= parsedate_to_datetime(asked[0].decode("ascii")).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return False


def _problem(status: int, title: bytes, code: bytes, detail: bytes) -> Answer:
    body = b'{"type":"about:blank","title":"%s","status":%d,"code":"%s","detail":"%s"}' % (title, status, code, detail)
    fields = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    return Answer(status, [*fields, (b"retry-after", b"1")] if status == 503 else fields, body)
