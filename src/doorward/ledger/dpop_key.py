"""The key that a request for tokens proves by DPoP, and that its tokens are then bound to (RFC 9449 section 5).

A proof counts once, as at the gate; there is no token yet, so none has `ath`.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from doorward.core.clock import Clock
from doorward.core.errors import Refused, Why
from doorward.core.request import Request
from doorward.core.store import Once
from doorward.methods.dpop import Dpop


@dataclass(frozen=True, slots=True)
class DpopKey:
    """`jkt` is its thumbprint, for `cnf` (RFC 9449 section 6.1); `tells` are header fields that go with the answer."""

    jkt: str
    tells: tuple[tuple[bytes, bytes], ...] = ()


class DpopKeys:
    def __init__(self, *, dpop: Dpop, once: Once, clock: Clock, issuer: str) -> None:
        parts = urlsplit(issuer)
        self._dpop, self._once, self._clock, self._origin = dpop, once, clock, f"{parts.scheme}://{parts.netloc}"

    async def of(self, request: Request) -> DpopKey | None:
        """None: no proof was sent. Raises Refused: BAD_DPOP, NEEDS_NONCE, STALE, REPLAYED, SIGNED_BEFORE_RESTART. Unavailable."""
        shown = self._dpop.find_for_token(request, self._origin)
        if shown is None:
            return None
        proof = await self._dpop.prove(shown)
        assert proof.once is not None  # noqa: S101 - every DPoP proof counts once
        if proof.once.signed_at < await self._once.trusted_since():
            raise Refused(Why.SIGNED_BEFORE_RESTART, "Sign the request again.", fields=proof.tells)
        if not await self._once.spend(proof.once.key, proof.once.until, self._clock()):
            raise Refused(Why.REPLAYED, "This DPoP proof was seen before; make a new one for each request.", fields=proof.tells)
        return DpopKey(shown.proof.key.jkt, proof.tells)
