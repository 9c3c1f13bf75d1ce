"""The ASGI TLS extension (asgi.readthedocs.io, "TLS Extension", version 0.2), which uvicorn lacks: who is at the other end.

server_cert         PEM; client_cert_chain: PEM, the leaf first, as the client sent it, empty if it sent none
client_cert_name    the leaf's subject (RFC 4514); client_cert_error: why the chain is not told, else None
tls_version         as in the protocol: 0x0303, 0x0304; cipher_suite: the number of RFC 8446 section B.4
"""

import ssl
from typing import Any, Final

from doorward.crypto.client_chain import MOST_CERTIFICATES, subject_of

_VERSIONS: Final = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


def tls_extension(connection: Any) -> dict[str, Any] | None:
    """Of an `ssl.SSLObject` after its handshake; None: the connection is in the clear. Once for a connection."""
    if not isinstance(connection, ssl.SSLObject | ssl.SSLSocket):
        return None
    chain, error = _client_chain(connection)
    name, cipher = connection.version(), connection.cipher()
    return {
        "server_cert": getattr(connection.context, "server_pem", None),
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(each) for each in chain],
        "client_cert_name": subject_of(chain[0]) if chain else None,
        "client_cert_error": error,
        "tls_version": _VERSIONS.get(name or ""),
        "cipher_suite": _number(connection.context, cipher[0]) if cipher else None,
    }


def _client_chain(connection: ssl.SSLObject | ssl.SSLSocket) -> tuple[list[bytes], str | None]:
    leaf = connection.getpeercert(binary_form=True)
    if not leaf:
        return [], None
    chain = _sent(connection)
    if not chain or chain[0] != leaf:
        return [leaf], "the certificates beside the leaf are not known"
    if len(chain) > MOST_CERTIFICATES:
        return chain[:MOST_CERTIFICATES], "the chain was cut"
    return chain, None


def _sent(connection: Any) -> list[bytes]:
    """Python 3.13 tells it as bytes; before, there is only the object below (CPython's `_ssl`), whose certificates are their own."""
    if hasattr(connection, "get_unverified_chain"):
        return list(connection.get_unverified_chain() or ())
    inner = getattr(connection, "_sslobj", None)
    try:
        found = inner.get_unverified_chain() if inner is not None else None
        return [each.public_bytes(_DER) for each in found or ()]
    except (AttributeError, TypeError, ValueError):
        return []


_DER: Final = 2
"""`_ssl.ENCODING_DER`: X509_FILETYPE_ASN1."""


def _number(context: ssl.SSLContext, name: str) -> int | None:
    known = _NUMBERS.get(name)
    if known is None:
        _NUMBERS.update({each["name"]: each["id"] & 0xFFFF for each in context.get_ciphers()})
        known = _NUMBERS.get(name)
    return known


_NUMBERS: Final[dict[str, int]] = {}
