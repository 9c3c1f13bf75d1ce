"""A JWK Set (RFC 7517 section 5) for the service behind: given, or fetched when it is needed and kept for a while."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx

from doorward.core.address import is_loopback
from doorward.core.clock import Clock
from doorward.core.errors import Refused, Why
from doorward.crypto.algorithms import ASYMMETRIC, checker
from doorward.crypto.jose import VerifyingKey
from doorward.crypto.json_once import read_object
from doorward.crypto.jwk import from_jwk

LARGEST: Final = 256 * 1024
_MOST_KEYS: Final = 64
_FRESH: Final = 300.0
_STALE: Final = 86_400.0
_PAUSE: Final = 30.0
_FIRST_PAUSE: Final = 1.0

Fetch = Callable[[str], Awaitable[bytes]]


def read_keys(document: Mapping[str, object]) -> dict[str, VerifyingKey]:
    """The keys that can prove a token of ours; others are passed over. Raises ValueError where it is no key set."""
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise ValueError("a JWK set has a list of `keys`")
    found: dict[str, VerifyingKey] = {}
    for jwk in listed:
        kid, alg = (jwk.get("kid"), jwk.get("alg")) if isinstance(jwk, dict) else (None, None)
        if not isinstance(kid, str) or not isinstance(alg, str) or alg not in ASYMMETRIC:
            continue
        if kid in found:
            raise ValueError(f"the key {kid[:40]!r} is listed twice")
        found[kid] = VerifyingKey(kid=kid, alg=alg, check=checker(alg, from_jwk(jwk)))
    return found


async def fetch(url: str) -> bytes:
    """GET without redirects, in 2 s and 256 KiB. Raises httpx.HTTPError, ValueError."""
    async with (
        httpx.AsyncClient(timeout=2.0, follow_redirects=False, trust_env=False) as client,
        client.stream("GET", url, headers={"accept": "application/json"}) as response,
    ):
        response.raise_for_status()
        body = b""
        async for part in response.aiter_bytes():
            body += part
            if len(body) > LARGEST:
                raise ValueError("the key set is larger than 256 KiB")
        return body


class KeySet:
    """`source` is the document itself, or its URL: https, or http on this machine. Raises ValueError.

    A fetched set is fresh for 5 minutes and serves for a day where it cannot be fetched again; there is one fetch at a
    time, and for unknown names at most one in 30 s.
    """

    def __init__(self, source: str | Mapping[str, object], clock: Clock, fetch: Fetch = fetch) -> None:
        self._url = source if isinstance(source, str) else None
        self._keys = {} if isinstance(source, str) else read_keys(source)
        if self._url is not None:
            parts = urlsplit(self._url)
            host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
            if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
                raise ValueError(f"the key set's address {self._url!r} must be https")
        self._clock, self._fetch, self._lock = clock, fetch, asyncio.Lock()
        self._fetched_at = self._tried_at = float("-inf")

    async def find(self, kid: str) -> VerifyingKey | None:
        """Raises Refused(UNAVAILABLE) when there is no set that may still be used."""
        if self._url is not None and (kid not in self._keys or self._clock() - self._fetched_at > _FRESH):
            async with self._lock:
                pause = _PAUSE if self._keys else _FIRST_PAUSE
                if (kid not in self._keys or self._clock() - self._fetched_at > _FRESH) and self._clock() - self._tried_at >= pause:
                    await self._refresh(self._url)
            if self._clock() - self._fetched_at > _STALE:
                raise Refused(Why.UNAVAILABLE, note="the key set could not be fetched", retry_after=1.0)
        return self._keys.get(kid)

    async def _refresh(self, url: str) -> None:
        self._tried_at = self._clock()
        try:
            self._keys = read_keys(read_object(await self._fetch(url)))
        except (httpx.HTTPError, ValueError, Refused):
            return  # what we have serves on until it is stale
        self._fetched_at = self._clock()
