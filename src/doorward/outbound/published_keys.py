"""The keys of one issuer, fetched when they are needed (PRODUCT 1.3, DECISIONS 32).

Found by     OIDC discovery (OIDC Discovery 1.0 section 4), then RFC 8414 section 3 where the issuer has none, or by a `jwks_uri`
             that the operator wrote
When         at first use; again in the background once their own max-age is over, within FRESH; and for a `kid` that is not
             among them, at most every PAUSE seconds. One fetch at a time, whoever asks; nobody waits longer than PATIENCE
Stale        keys are kept for `stale` after they were last fetched, then they prove nothing
Refused      UNKNOWN: fetched after all, and no such key. Unavailable (503): it could not be told
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import urlsplit

from doorward.core.errors import Refused, Why
from doorward.core.store import Unavailable
from doorward.crypto.issuer_keys import EMPTY, LARGEST, KeySet, read_key_set
from doorward.crypto.jose import VerifyingKey
from doorward.crypto.json_once import read_object
from doorward.outbound.fetch import Fetched
from doorward.outbound.refusal import Failure, FetchError

_log: Final = logging.getLogger("doorward.issuers")
PAUSE: Final = 30.0
PATIENCE: Final = 2.0
FRESH: Final = (300.0, 3600.0)
_FRESH_UNTOLD: Final = 900.0
_MOST_WAITING: Final = 256
_LARGEST_METADATA: Final = 64 * 1024


class Getter(Protocol):
    async def get(self, url: str, *, accept: str = ..., most: int = ...) -> Fetched: ...


class NotItsKeys(Exception):
    """What was fetched is not what was asked for; the text is for the log."""


class PublishedKeys:
    """Belongs to one event loop. `clock` never goes back; `on_change` hears when a key has come or gone."""

    def __init__(
        self,
        issuer: str,
        *,
        fetcher: Getter,
        algorithms: frozenset[str],
        clock: Callable[[], float],
        stale: float,
        jwks_uri: str | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._issuer, self._fetcher, self._algorithms, self._clock = issuer, fetcher, algorithms, clock
        self._stale, self._jwks_uri, self._on_change = stale, jwks_uri, on_change
        self._keys = EMPTY
        self._fetched_at = self._tried_at = float("-inf")
        self._fresh_for = 0.0
        self._failed: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiting = 0

    def holds(self, key: VerifyingKey) -> bool:
        """Whether it may still prove: published when last looked, and that not too long ago. Never waits."""
        return key in self._current()

    def _current(self) -> KeySet:
        """The keys that count now; where it is time to look again, that begins."""
        age = self._clock() - self._fetched_at
        if age >= self._fresh_for:
            self._begin()
        if age >= self._stale and self._keys is not EMPTY:
            self._keys = EMPTY
            self._on_change()
        return self._keys

    async def find(self, kid: str | None, alg: str) -> VerifyingKey:
        """Raises Refused(UNKNOWN), Unavailable."""
        key = self._current().find(kid, alg)
        if key is None:
            self._begin()
            await self._wait()
            key = self._keys.find(kid, alg)
        if key is not None:
            return key
        if self._task is not None or self._failed is not None or self._keys is EMPTY:
            raise Unavailable(f"the keys of {self._issuer} cannot be had: {self._failed or 'no answer yet'}")
        raise Refused(Why.UNKNOWN, note=f"{self._issuer} publishes no such key")

    async def look(self) -> str | None:
        """Fetches now, if that is allowed now; gives why there are no keys. For `doorward check`."""
        self._begin()
        if self._task is not None:
            await asyncio.wait((self._task,))
        return self._failed

    def _begin(self) -> None:
        now = self._clock()
        if self._task is None and now - self._tried_at >= PAUSE:
            self._tried_at = now
            self._task = asyncio.get_running_loop().create_task(self._fetch(), name="doorward issuer keys")
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (broken := task.exception()) is not None:
            self._failed = "an error of ours"
            _log.error("the keys of %s were not read", self._issuer, exc_info=broken)

    async def _wait(self) -> None:
        """The fetch goes on whoever gives up; few enough wait for it."""
        if self._task is None:
            return
        if self._waiting >= _MOST_WAITING:
            raise Unavailable(f"too many wait for the keys of {self._issuer}")
        self._waiting += 1
        try:
            await asyncio.wait((self._task,), timeout=PATIENCE)
        finally:
            self._waiting -= 1

    async def _fetch(self) -> None:
        try:
            found = await self._fetcher.get(self._jwks_uri or await self._discover(), most=LARGEST)
            keys = read_key_set(found.body, self._algorithms, self._keys)
        except (FetchError, NotItsKeys, ValueError) as reason:
            self._failed = str(reason)
            _log.warning("the keys of %s were not fetched: %s", self._issuer, reason)
            return
        self._failed = None
        self._fetched_at = self._clock()
        self._fresh_for = min(max(_FRESH_UNTOLD if found.max_age is None else found.max_age, FRESH[0]), FRESH[1])
        changed = keys.read_from.keys() != self._keys.read_from.keys()
        self._keys = keys
        if changed:
            self._on_change()

    async def _discover(self) -> str:
        """Where the keys are. Asked each time: an issuer may move them. Raises FetchError, NotItsKeys."""
        try:
            found = await self._fetcher.get(openid_configuration(self._issuer), most=_LARGEST_METADATA)
        except FetchError as reason:
            if reason.why is not Failure.BAD_STATUS:
                raise
            found = await self._fetcher.get(authorization_server(self._issuer), most=_LARGEST_METADATA)
        return read_metadata(found.body, self._issuer)

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()


def openid_configuration(issuer: str) -> str:
    """OIDC Discovery 1.0 section 4: after the issuer, less a slash at its end."""
    return f"{issuer.removesuffix('/')}/.well-known/openid-configuration"


def authorization_server(issuer: str) -> str:
    """RFC 8414 section 3.1: between host and path."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path.removesuffix('/')}"


def read_metadata(data: bytes, issuer: str) -> str:
    """The `jwks_uri` of this very issuer. Raises NotItsKeys."""
    try:
        document = read_object(data)
    except Refused as reason:
        raise NotItsKeys(f"its metadata is not JSON as it must be ({reason.note})") from None
    if document.get("issuer") != issuer:  # RFC 8414 section 3.3, OIDC Discovery 1.0 section 4.3
        raise NotItsKeys("its metadata names another issuer")
    uri = document.get("jwks_uri")
    if not isinstance(uri, str):
        raise NotItsKeys("its metadata names no jwks_uri")
    return uri
