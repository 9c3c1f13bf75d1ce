"""A TLS handshake that fails is told: its alert (RFC 8446 section 6.2) reaches the caller, and the log says why.

asyncio and uvloop throw away what OpenSSL has to say when a handshake fails and reset the connection. So a failed one is
told to them as done: they send what OpenSSL wrote, which is the alert, and the protocol meets a connection from which not one
byte is ever read. `Listener` waits a moment for the caller to go (one that is closed over unread bytes is reset, and the alert
lost with it) and closes; any other protocol sees the end of the stream at once.
"""

import logging
import ssl
from asyncio import AbstractEventLoop
from typing import Any, Final

LINGER: Final = 1.0
"""Seconds for the alert to arrive."""
MOST: Final = 10
WINDOW: Final = 10.0
"""So many log lines in so many seconds; what is more becomes one line at their end."""
_log: Final = logging.getLogger("doorward.tls")


class Handshake(ssl.SSLObject):
    """`failure`: why nothing will be read. `lingers`: whoever has the connection closes it."""

    incoming: ssl.MemoryBIO
    failure: ssl.SSLError | None = None
    lingers = False

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLSyscallError):
            raise  # more is to come
        except ssl.SSLError as reason:
            self.failure = reason.with_traceback(None)  # or its frames would keep the connection's buffers until a collection

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        if self.failure is None:
            return super().read(len, buffer)
        self.incoming.read()  # or it would gather
        if self.lingers:
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "the handshake failed")
        return b"" if buffer is None else 0

    def write(self, data: Any) -> int:
        return super().write(data) if self.failure is None else len(data)

    def unwrap(self) -> None:
        if self.failure is None:
            super().unwrap()

    def getpeercert(self, binary_form: bool = False) -> Any:
        """None of a caller who was refused: what it showed is not proven."""
        return super().getpeercert(binary_form) if self.failure is None else None


def failure_of(connection: object) -> ssl.SSLError | None:
    """Of a transport's `ssl_object`. From here on the connection is the asker's to close."""
    if isinstance(connection, Handshake) and connection.failure is not None:
        connection.lingers = True
        return connection.failure
    return None


class HandshakeLog:
    """Of one process. A flood of bad handshakes does not become one of log lines."""

    def __init__(self) -> None:
        self._begun, self._told, self._more = float("-inf"), 0, 0

    def tell(self, failure: ssl.SSLError, peer: object, loop: AbstractEventLoop) -> None:
        now = loop.time()
        if now - self._begun >= WINDOW:
            self._begun, self._told = now, 0
        if self._told >= MOST:
            if not self._more:
                loop.call_later(self._begun + WINDOW - now, self._sum_up)
            self._more += 1
            return
        self._told += 1
        address = peer[0] if isinstance(peer, tuple) and peer else "a local socket"
        _log.log(level_of(failure), "TLS handshake with %s refused: %s", address, reason_of(failure))

    def _sum_up(self) -> None:
        _log.warning("%d more TLS handshakes were refused within %d seconds", self._more, int(WINDOW))
        self._more = 0


def level_of(failure: ssl.SSLError) -> int:
    """Certificates of callers concern the operator; that strangers speak other things than TLS is the way of networks."""
    ours = isinstance(failure, ssl.SSLCertVerificationError) or failure.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
    return logging.WARNING if ours else logging.INFO


def reason_of(failure: ssl.SSLError) -> str:
    """OpenSSL's own words, none of the caller's."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        return f"its certificate: {failure.verify_message}"
    return (failure.reason or "no reason given").lower().replace("_", " ")
