"""Nonces that this server gives to DPoP clients (RFC 9449 sections 8 and 9): nothing is stored, every worker knows them all.

A nonce is HMAC-SHA-256(key, number of the period) in base64url; the key is derived from each pepper, so a rotation of
the peppers ends no nonce. A new one every third of its life; those of two periods before are taken, and one of the next,
since another worker's clock may be ahead.
"""

from typing import Final

from doorward.core.clock import Clock
from doorward.crypto import base64url
from doorward.crypto.digest import Peppers, mac

_PURPOSE: Final = "dpop nonce"
_PERIODS: Final = 3


class DpopNonces:
    """`life` in seconds: so long is a nonce taken after it was first given, at least two thirds of it."""

    def __init__(self, peppers: Peppers, clock: Clock, life: float) -> None:
        self._peppers, self._clock, self._period = peppers, clock, life / _PERIODS
        self._made_for: tuple[object, ...] = ()
        self._current = ""
        self._taken: frozenset[str] = frozenset()

    def current(self) -> str:
        """The one to give now."""
        self._turn()
        return self._current

    def takes(self, nonce: str) -> bool:
        self._turn()
        return nonce in self._taken

    def _turn(self) -> None:
        """Once a period: what is taken now. A nonce is told to whoever asks, so comparing it need not take constant time."""
        now = int(self._clock() // self._period)
        made_for = (now, *self._peppers.ids)
        if made_for == self._made_for:
            return
        keys = [self._peppers.derive(_PURPOSE, id) for id in self._peppers.ids]
        self._taken = frozenset(_nonce(key, period) for key in keys for period in range(now - _PERIODS + 1, now + 2))
        self._current, self._made_for = _nonce(keys[0], now), made_for


def _nonce(key: bytes, period: int) -> str:
    return base64url.encode(mac(key, b"%d" % period)).decode()
