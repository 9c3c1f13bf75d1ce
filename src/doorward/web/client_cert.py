"""Which client certificate a caller has shown: to our own listener, or to a listed proxy that tells of it in a header field.

client-cert                    RFC 9440, with Client-Cert-Chain: base64 DER between colons (HAProxy and Caddy write it so)
x-forwarded-client-cert        Envoy, Istio: see `xfcc.py`
x-ssl-client-cert, ssl-client-cert, x-amzn-mtls-clientcert   PEM, percent-encoded (nginx, ingress-nginx, AWS) or with blanks for newlines
x-forwarded-tls-client-cert    Traefik: base64 DER, parted by commas
l5d-client-id                  Linkerd: a name alone, so only if `proxy_headers` lists it
Empty means that none was shown. All that are there must speak of one certificate, else the request is refused: a proxy that
writes one of them hands a caller's other through. From anybody but a listed proxy they mean nothing. No I/O.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from doorward.core.errors import Refused, Why
from doorward.core.presented import OWN_LISTENER, Presented
from doorward.core.request import Headers
from doorward.crypto.client_names import SCHEME
from doorward.web import xfcc
from doorward.web.asgi import Scope

CLIENT_CERT: Final = b"client-cert"
_CHAIN: Final = b"client-cert-chain"
LINKERD: Final = b"l5d-client-id"
TRUST_URI: Final = "trust_uri"
MOST: Final = 10
_REMEMBERED: Final = 512
_BINARY: Final = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_BLOCK: Final = re.compile(r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----\s*")
_WORKLOAD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
TELLS_A_CERTIFICATE: Final = re.compile(
    rb"(?m:^)(?:(?:x-)?(?:ssl-client-|ssl-cert|client-cert|forwarded-(?:tls-)?client-cert|amzn-mtls-)|l5d-client-id)"
)
"""The names of such fields, and of those that go with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateOptions:
    """`proxy_headers`: the fields that are believed of listed proxies; fewer are safer. `xfcc = "trust_uri"` takes the name in
    an X-Forwarded-Client-Cert without the certificate itself."""

    proxy_headers: tuple[str, ...] = (
        "client-cert",
        "x-forwarded-client-cert",
        "x-ssl-client-cert",
        "ssl-client-cert",
        "x-amzn-mtls-clientcert",
        "x-forwarded-tls-client-cert",
    )
    xfcc: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        if strange := sorted(set(self.proxy_headers) - {name.decode() for name in _READ}):
            raise ValueError(f"proxy_headers: {strange[0]!r} is none of {', '.join(name.decode() for name in _READ)}")
        if self.xfcc is not None and self.xfcc != TRUST_URI:
            raise ValueError(f'xfcc: write "{TRUST_URI}", or leave it out')


class Certificates:
    """Reads them; what was read is remembered by its text, since a proxy says the same of each request of a caller."""

    def __init__(self, options: CertificateOptions | None = None) -> None:
        options = options or CertificateOptions()
        self._names = tuple(name.encode() for name in options.proxy_headers)
        self._watched = frozenset(self._names)
        self._trust_uri = options.xfcc == TRUST_URI
        self._told: dict[tuple[tuple[str, ...], ...], Presented | None] = {}
        self._own: dict[tuple[str, ...], Presented] = {}

    def told(self, headers: Headers) -> Presented | None:
        """What a listed proxy tells. Raises Refused: MALFORMED, SHOWN_TWICE."""
        if self._watched.isdisjoint(headers.names()):
            return None
        shown = (headers.every(_CHAIN), *(headers.every(name) for name in self._names))
        if shown not in self._told:
            found = self._read(headers)
            if len(self._told) >= _REMEMBERED:
                del self._told[next(iter(self._told))]
            self._told[shown] = found
        return self._told[shown]

    def tells(self, headers: Headers) -> bool:
        return not self._watched.isdisjoint(headers.names())

    def _read(self, headers: Headers) -> Presented | None:
        found = [self._trusted(_READ[name](headers, name), name) for name in self._names if name in headers]
        leaves = {None if each is None else (each.chain[:1], each.uri) for each in found}
        if len(leaves) > 1:
            raise Refused(
                Why.SHOWN_TWICE, "Two header fields tell of two client certificates.", note="proxies' certificate fields do not agree"
            )
        return max((each for each in found if each is not None), key=lambda each: len(each.chain), default=None)

    def _trusted(self, told: Presented | None, name: bytes) -> Presented | None:
        if told is not None and not told.chain and name == xfcc.FIELD and not self._trust_uri:
            return None
        return told

    def shown(self, scope: Scope) -> Presented | None:
        """What the connection showed: the ASGI TLS extension has it as PEM, the leaf first. Raises Refused(MALFORMED)."""
        extensions = scope.get("extensions")
        texts = tuple((extensions.get("tls") or {}).get("client_cert_chain") or ()) if extensions else ()
        if not texts:
            return None
        known = self._own.get(texts)
        if known is None:
            known = Presented(tuple(der for text in texts for der in read_pem(text)), OWN_LISTENER)
            if len(self._own) >= _REMEMBERED:
                del self._own[next(iter(self._own))]
            self._own[texts] = known
        return known


def read_pem(text: str) -> tuple[bytes, ...]:
    """One certificate or more, blanks for newlines too. Raises Refused(MALFORMED)."""
    found: list[bytes] = []
    at = 0
    while at < len(text):
        match = _BLOCK.match(text, at)
        if match is None or len(found) >= MOST:
            raise _malformed("PEM")
        found.append(_decoded("".join(match[1].split())))
        at = match.end()
    if not found:
        raise _malformed("PEM")
    return tuple(found)


def _decoded(text: str) -> bytes:
    try:
        der = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _malformed("base64") from None
    if not der:
        raise _malformed("base64")
    return der


def _standard(headers: Headers, name: bytes) -> Presented | None:
    """RFC 9440 sections 2.1 to 2.3: the leaf as a byte sequence of RFC 9651 section 3.3.5, the rest as a list of them."""
    leaf, rest = headers.one(name), [part.strip(" \t") for line in headers.every(_CHAIN) for part in line.split(",")]
    rest = [part for part in rest if part not in ("", "::")]
    if leaf is None or leaf.strip(" ") in ("", "::"):
        if rest:
            raise _malformed("Client-Cert-Chain without Client-Cert")
        return None
    parts = [_BINARY.fullmatch(part) for part in (leaf.strip(" "), *rest)]
    if len(parts) > MOST or not all(parts):
        raise _malformed("Client-Cert")
    return Presented(tuple(_decoded(part[1]) for part in parts if part), name.decode())


def _percent_encoded(headers: Headers, name: bytes) -> Presented | None:
    text = headers.one(name)
    if not text or not text.strip() or text.strip() in ("(null)", "-"):
        return None
    return Presented(read_pem(unquote(text)), name.decode())


def _traefik(headers: Headers, name: bytes) -> Presented | None:
    text = headers.one(name)
    if not text or not text.strip():
        return None
    parts = unquote(text).split(",")
    if len(parts) > MOST:
        raise _malformed("X-Forwarded-Tls-Client-Cert")
    return Presented(tuple(_decoded(part.strip()) for part in parts), name.decode())


def _envoy(headers: Headers, name: bytes) -> Presented | None:
    element = xfcc.rightmost(",".join(value for value in headers.every(name) if value.strip()))
    cert, chain = (element.get(key, [""])[0] for key in ("cert", "chain"))
    if not cert and not chain:
        uris = element.get("uri", [])
        return Presented((), name.decode(), uris[0]) if len(uris) == 1 and uris[0].startswith(SCHEME) else None  # as in a certificate
    told = read_pem(unquote(chain)) if chain else ()
    leaf = read_pem(unquote(cert)) if cert else told[:1]
    if len(leaf) != 1 or (told and told[0] != leaf[0]):
        raise xfcc.malformed()
    xfcc.check_hash(element, leaf[0])
    return Presented(told or leaf, name.decode())


def _linkerd(headers: Headers, name: bytes) -> Presented | None:
    text = headers.one(name)
    if not text:
        return None
    if not _WORKLOAD.fullmatch(text):
        raise _malformed("l5d-client-id")
    return Presented((), name.decode(), text)


def _malformed(what: str) -> Refused:
    return Refused(Why.MALFORMED, note=f"a proxy told a client certificate that is none: {what}")


_READ: Final[dict[bytes, Callable[[Headers, bytes], Presented | None]]] = {
    CLIENT_CERT: _standard,
    xfcc.FIELD: _envoy,
    b"x-ssl-client-cert": _percent_encoded,
    b"ssl-client-cert": _percent_encoded,
    b"x-amzn-mtls-clientcert": _percent_encoded,
    b"x-forwarded-tls-client-cert": _traefik,
    LINKERD: _linkerd,
}
