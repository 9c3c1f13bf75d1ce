"""The key that a request for tokens proves by DPoP, and that its tokens are then bound to (RFC 9449 section 5).

A proof counts once, as at the gate; there is no token yet, so none has `ath`.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from doorward.core.clock import Clock
from doorward.core.errors import Refused, Why
from doorward.core.proof import OneUse
from doorward.core.request import Request
from doorward.core.store import Once
from doorward.methods.dpop import Dpop


@dataclass(frozen=True, slots=True)
class DpopKey:
    """`jkt` is its thumbprint, for `cnf` (RFC 9449 section 6.1); `tells` are header fields that go with the answer."""

    jkt: str
    once: OneUse
    tells: tuple[tuple[bytes, bytes], ...] = ()


class DpopKeys:
    def __init__(self, *, dpop: Dpop, once: Once, clock: Clock, issuer: str) -> None:
        parts = urlsplit(issuer)
        self._dpop, self._once, self._clock = dpop, once, clock
        self._origin, self._below = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")

    async def of(self, request: Request) -> DpopKey | None:
        """None: no proof was sent. Raises Refused: BAD_DPOP, NEEDS_NONCE, STALE, REPLAYED, SIGNED_BEFORE_RESTART. Unavailable."""
        key = await self.prove(request)
        if key is not None:
            await self.spend(key)
        return key

    async def prove(self, request: Request) -> DpopKey | None:
        """Without spending: where whoever asks is yet to be proven, else anybody could fill what is remembered."""
        shown = self._dpop.find_for_token(request, self._before(request.raw_path))
        if shown is None:
            return None
        proof = await self._dpop.prove(shown)
        assert proof.once is not None  # noqa: S101 - every DPoP proof counts once
        return DpopKey(shown.proof.key.jkt, proof.once, proof.tells)

    async def spend(self, key: DpopKey) -> None:
        """Raises Refused: REPLAYED, SIGNED_BEFORE_RESTART. Unavailable."""
        if key.once.signed_at < await self._once.trusted_since():
            raise Refused(Why.SIGNED_BEFORE_RESTART, "Sign the request again.", fields=key.tells)
        if not await self._once.spend(key.once.key, key.once.until, self._clock()):
            raise Refused(Why.REPLAYED, "This DPoP proof was seen before; make a new one for each request.", fields=key.tells)

    def _before(self, path: str) -> str:
        """What stands before this path in its public URL: a proxy may have taken the issuer's own path away."""
        return self._origin if path.startswith(f"{self._below}/") else self._origin + self._below
