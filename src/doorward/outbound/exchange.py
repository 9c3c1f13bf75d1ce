"""One HTTP/1.1 request over one connection to one checked address, and as much of the answer as is wanted.

No pool, no proxy from the environment, no cookies, no redirects, nothing unpacked: what is not done cannot be turned against us.
The name is not looked up again: SNI, the certificate check and `Host` take it from the target, the connection from the address.
The parser is llhttp (httptools), which reads as RFC 9112 has it. Time is for the caller to bound.
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass, field
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from doorward.outbound.reach import Address
from doorward.outbound.refusal import Failure, FetchError
from doorward.outbound.target import Target

LARGEST_HEAD: Final = 16 * 1024
MOST_FIELDS: Final = 100
_READ: Final = 16 * 1024
_FRAMING: Final = 8
"""Bytes on the wire for one of content, at most: a chunk of one byte costs six."""


@dataclass(slots=True)
class Answer:
    """`fields` in lower case; those that came more than once are joined as a list (RFC 9110 section 5.3)."""

    status: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Asked:
    """`fields` beside Host, Connection and Content-Length. `ok`: statuses whose body is read; of others only head is."""

    method: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    most: int
    ok: frozenset[int] = frozenset({200})


async def exchange(target: Target, address: Address, asked: Asked, tls: ssl.SSLContext | None, seconds: float) -> Answer:
    """`seconds`: until it is connected. Raises FetchError, OSError before the request was sent (another address may be tried).

    Cancelled, it leaves nothing open."""
    async with asyncio.timeout(seconds):
        reader, writer = await _connect(target, address, tls, seconds)
    try:
        writer.write(_head(target, asked) + asked.body)
        return await _read(reader, asked)
    except OSError:
        raise FetchError(Failure.CUT_SHORT, target.host) from None
    finally:
        writer.transport.abort()  # never a farewell that the other side could draw out


async def _connect(
    target: Target, address: Address, tls: ssl.SSLContext | None, seconds: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (str(address), target.port))
        if tls is None:
            return await asyncio.open_connection(sock=sock, limit=_READ)
        return await asyncio.open_connection(
            sock=sock, limit=_READ, ssl=tls, server_hostname=target.host, ssl_handshake_timeout=seconds, ssl_shutdown_timeout=0.1
        )
    except ssl.SSLError as reason:
        sock.close()
        raise FetchError(Failure.BAD_CERTIFICATE, reason.reason or target.host) from None
    except BaseException:
        sock.close()
        raise


def _head(target: Target, asked: Asked) -> bytes:
    lines = [f"{asked.method} {target.path} HTTP/1.1", f"Host: {target.field}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in asked.fields]
    if asked.body or asked.method != "GET":
        lines.append(f"Content-Length: {len(asked.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


async def _read(reader: asyncio.StreamReader, asked: Asked) -> Answer:
    parts = _Parts(asked)
    parser = HttpResponseParser(parts)
    parts.parser = parser
    wire, most = 0, LARGEST_HEAD + _FRAMING * asked.most
    while not parts.ended():
        data = await reader.read(_READ)
        if not data:
            break
        wire += len(data)
        try:
            parser.feed_data(data)
        except HttpParserUpgrade:
            raise FetchError(Failure.NOT_HTTP, "it asks for another protocol") from None
        except HttpParserError as reason:
            if parts.ended():
                break  # more than the answer was sent: it is not looked at
            if isinstance(reason.__context__, FetchError):  # what a callback raised comes wrapped
                raise reason.__context__ from None
            raise FetchError(Failure.NOT_HTTP) from None
        if not parts.ended() and (wire > most or (not parts.in_body and wire > LARGEST_HEAD)):
            raise FetchError(Failure.TOO_LARGE)
    if not parts.ended() and not (parts.in_body and parts.until_closed):
        raise FetchError(Failure.CUT_SHORT)
    parts.answer.body = b"".join(parts.chunks)
    return parts.answer


class _Parts:
    """What the parser calls. An exception of ours ends the parse."""

    parser: HttpResponseParser

    def __init__(self, asked: Asked) -> None:
        self.answer, self.chunks = Answer(), list[bytes]()
        self.in_body = self.done = self.until_closed = False
        self._asked, self._size, self._fields = asked, 0, 0

    def ended(self) -> bool:
        return self.done

    def on_header(self, name: bytes, value: bytes | None) -> None:
        if self.in_body:
            return  # a trailer field (RFC 9110 section 6.5.1)
        self._fields += 1
        if self._fields > MOST_FIELDS:
            raise FetchError(Failure.TOO_LARGE, "header fields")
        key, text = name.decode("latin-1").lower(), (value or b"").decode("latin-1").strip()
        self.answer.fields[key] = f"{self.answer.fields[key]}, {text}" if key in self.answer.fields else text

    def on_headers_complete(self) -> None:
        if self.done:
            return
        self.answer.status = self.parser.get_status_code()
        if self.answer.status < 200:
            return
        self.in_body, fields = True, self.answer.fields
        if self.answer.status not in self._asked.ok:
            self.done = True
            return
        length = fields.get("content-length", "")
        if length.isascii() and length.isdigit() and (len(length) > 12 or int(length) > self._asked.most):
            raise FetchError(Failure.TOO_LARGE)
        self.until_closed = not length and "transfer-encoding" not in fields  # RFC 9112 section 6.3

    def on_body(self, data: bytes) -> None:
        if self.done:
            return
        self._size += len(data)
        if self._size > self._asked.most:
            raise FetchError(Failure.TOO_LARGE)
        self.chunks.append(data)

    def on_message_complete(self) -> None:
        if self.in_body:
            self.done = True
        else:  # 1xx: the answer itself is still to come (RFC 9110 section 15.2)
            self.answer = Answer()
