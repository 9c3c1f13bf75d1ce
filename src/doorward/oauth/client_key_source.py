"""The keys of a client: those it registered, or those at its `jwks_uri` (RFC 7591 section 2)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from doorward.core.client import Client
from doorward.core.clock import Clock
from doorward.crypto.client_keys import NO_KEYS, ClientKeys, read_keys
from doorward.crypto.json_once import read_object
from doorward.outbound.kept import Get, Kept

_MOST: Final = 1024


class KeySource:
    """`get`: how a `jwks_uri` is asked (`outbound.fetch`)."""

    def __init__(self, get: Get, clock: Clock) -> None:
        self._remote = Kept(get, lambda body: read_keys(read_object(body), strict=False), clock)
        self._registered: dict[str, tuple[Mapping[str, Any], ClientKeys]] = {}

    async def of(self, client: Client, missing: Callable[[ClientKeys], bool]) -> ClientKeys:
        """`missing`: whether the key that is looked for is not among them. Raises Unavailable: they cannot be had now."""
        if client.jwks_uri is not None:
            return await self._remote.of(client.jwks_uri, missing)
        return NO_KEYS if client.jwks is None else self._read(client.id, client.jwks)

    def _read(self, id: str, jwks: Mapping[str, Any]) -> ClientKeys:
        """Read once for as long as the registration stays the same object (`core.client`)."""
        known = self._registered.get(id)
        if known is not None and known[0] is jwks:
            return known[1]
        if len(self._registered) >= _MOST:
            del self._registered[next(iter(self._registered))]
        keys = read_keys(jwks, strict=False)
        self._registered[id] = jwks, keys
        return keys
