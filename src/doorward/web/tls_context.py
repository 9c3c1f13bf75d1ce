"""TLS as our own listener speaks it: 1.2 or later, no session tickets, a client certificate asked for if any could be taken.

A resumed session keeps the leaf of the client's chain and loses the rest (DECISIONS 23), so nothing is given out to resume by. In
TLS 1.2 OpenSSL remembers sessions in memory besides, chain and all, which Python cannot turn off; that is harmless, since
each request's certificate is judged anew. The files are read again when they change, for connections that come after.
"""

import contextlib
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from doorward.web.handshake import Handshake
from doorward.web.trust_files import Stamp, TrustError, TrustFiles, stamp_of

SECONDS: Final = 1.0
"""How often the files are looked at, at most."""
_log: Final = logging.getLogger("doorward.mtls")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """`trust` None: no client certificate is asked for; else as soon as there is one that could be taken. `required`: who has none
    is not let in at all. Can be handed to another process."""

    certificate: Path
    key: Path
    trust: TrustFiles | None = None
    required: bool = False

    def __call__(self, config: object = None, default: object = None) -> ssl.SSLContext:
        """uvicorn's `ssl_context_factory`. Raises OSError, TrustError."""
        return DoorContext.of(self)

    def stamp(self) -> Stamp:
        return (*stamp_of((self.certificate, self.key)), *(self.trust.stamp() if self.trust is not None else ()))

    def context(self) -> ssl.SSLContext:
        """Raises OSError, TrustError."""
        context = Serving(ssl.PROTOCOL_TLS_SERVER)
        context.server_pem = pem_of(self.certificate)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.num_tickets = 0
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self.certificate, self.key, password="")  # or OpenSSL would ask for one
        if self.trust is not None and (self.required or self.trust.some):
            if pem := self.trust.handshake():
                context.load_verify_locations(cadata=pem)
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an issuing CA may be trusted without its root
            context.verify_mode = ssl.CERT_REQUIRED if self.required else ssl.CERT_OPTIONAL
        return context


class Serving(ssl.SSLContext):
    """`server_pem`: what it shows, for the ASGI extension."""

    sslobject_class = Handshake
    server_pem: str | None = None

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        made = super().wrap_bio(incoming, outgoing, *args, **kwargs)
        if isinstance(made, Handshake):
            made.incoming = incoming
        return made


class DoorContext(ssl.SSLContext):
    """Each connection is made with the context of the files as they stand then. asyncio and uvloop ask `wrap_bio` for each."""

    _files: TlsFiles
    _clock: Callable[[], float]
    _current: ssl.SSLContext
    _stamp: Stamp
    _next: float

    @classmethod
    def of(cls, files: TlsFiles, clock: Callable[[], float] = time.monotonic) -> "DoorContext":
        """Raises OSError, TrustError."""
        made = cls(ssl.PROTOCOL_TLS_SERVER)
        made._files, made._clock, made._next = files, clock, 0.0
        made._stamp, made._current = files.stamp(), files.context()
        return made

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        return self.current().wrap_bio(*args, **kwargs)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return self.current().wrap_socket(*args, **kwargs)

    def current(self) -> ssl.SSLContext:
        now = self._clock()
        if now >= self._next:
            self._next = now + SECONDS
            if (found := self._files.stamp()) != self._stamp:
                self._stamp = found
                try:
                    self._current = self._files.context()
                except (OSError, TrustError) as reason:
                    _log.error("TLS goes on with the files as they were: %s", reason)
        return self._current


def pem_of(path: Path) -> str | None:
    """The first certificate of the file."""
    with contextlib.suppress(OSError, ValueError):
        text = path.read_text("ascii", errors="replace")
        end = text.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)
        return text[text.index(ssl.PEM_HEADER) : end] + "\n"
    return None
