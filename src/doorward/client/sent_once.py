"""The body of a request that holds a secret: for the one server that it was made for.

A client with `follow_redirects` sends what it is redirected with (307, 308) to wherever the answer says, a password too, and before any
`Auth` is asked. So the body can be read once.
"""

from collections.abc import AsyncIterator, Iterator

import httpx

from doorward.client.tokens import TokenError


class SentOnce(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body, self._sent = body, False

    def _take(self) -> bytes:
        """Raises TokenError."""
        if self._sent:
            raise redirected()
        self._sent = True
        return self._body

    def __iter__(self) -> Iterator[bytes]:
        yield self._take()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._take()


def redirected() -> TokenError:
    return TokenError("redirected", "the server that gives credentials answers with a redirect; none is followed with a secret")
