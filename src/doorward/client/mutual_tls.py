"""A TLS context with a client certificate, for `httpx.Client(verify=...)`: the connection itself is then the credential."""

import ssl
from os import PathLike

Path = str | PathLike[str]


def mutual_tls(cert: Path, key: Path, *, ca: Path | None = None) -> ssl.SSLContext:
    """`cert` is the leaf with its intermediates, in PEM. `ca`: whom the server's certificate must come from, else the system's.

    Raises OSError (ssl.SSLError where the pair does not fit).
    """
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    return context
