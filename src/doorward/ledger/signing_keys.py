"""Signing keys by schedule or by command: published before use, active, kept while a token lives, then gone (PRODUCT 4)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from doorward.core.clock import Entropy
from doorward.core.event import Change, Event, Kind, Topic
from doorward.core.signing import SigningKey
from doorward.core.store import Store, Tx
from doorward.crypto.keyring import DEFAULT, new_signing_key
from doorward.crypto.seal import Sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningOptions:
    """All in seconds. `publish_ahead`: a new key is in the JWKS so long before it signs. `keep`: a retired key still
    verifies so long; it must be longer than any token lives. `rotate_every` 0: by command only."""

    rotate_every: float = 90 * 86400.0
    publish_ahead: float = 86400.0
    keep: float = 8 * 86400.0

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        if self.rotate_every and self.rotate_every < self.publish_ahead:
            raise ValueError("rotate_every: at least as long as publish_ahead, or 0 to rotate by command only")


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """What changing signing keys takes."""

    store: Store
    sealer: Sealer
    entropy: Entropy
    options: SigningOptions

    async def all(self) -> Sequence[SigningKey]:
        async def read(tx: Tx) -> Sequence[SigningKey]:
            return await tx.signing_keys()

        return await self.store.write(read)

    async def first(self, now: float, actor: str) -> SigningKey | None:
        """The first key, active at once; None if there is one already, whoever else tries at the same time."""
        return await self._publish(now, now, actor, only_if_none=True)

    async def rotate(self, now: float, actor: str, *, at_once: bool = False) -> SigningKey:
        """A new key, which signs after `publish_ahead`, or at once: then verifiers elsewhere may not know it yet."""
        key = await self._publish(now, now if at_once else now + self.options.publish_ahead, actor)
        assert key is not None, "only `first` gives None"  # noqa: S101
        return key

    async def advance(self, now: float) -> None:
        """The schedule: a next key in time; the old one retired once the next signs; gone after its last token."""
        keys = await self.all()
        living = [key for key in keys if key.gone_at is None and key.alg == DEFAULT]
        if not living:
            await self.first(now, "schedule")
            return
        newest = max(living, key=lambda key: key.active_at)
        every, ahead = self.options.rotate_every, self.options.publish_ahead
        if every and newest.active_at <= now and now >= newest.active_at + every - ahead:
            await self.rotate(now, "schedule")

    async def _publish(self, now: float, active_at: float, actor: str, *, only_if_none: bool = False) -> SigningKey | None:
        fresh = new_signing_key(DEFAULT, self.sealer, self.entropy, now, active_at)

        async def write(tx: Tx) -> SigningKey | None:
            living = [key for key in await tx.signing_keys() if key.retired_at is None and key.alg == DEFAULT]
            if living and only_if_none:
                return None
            for key in living:
                # A key that never came to sign steps aside too: it retires when the fresh one begins.
                await tx.change_signing_key(replace(key, retired_at=active_at, gone_at=active_at + self.options.keep))
                await tx.record(Event(kind=Kind.SIGNING_KEY_RETIRED, subject=key.kid, actor=actor, at=now))
            await tx.add_signing_key(fresh)
            await tx.record(Event(kind=Kind.SIGNING_KEY_PUBLISHED, subject=fresh.kid, actor=actor, at=now))
            await tx.announce(Change(topic=Topic.SIGNING_KEYS, id=fresh.kid, at=now, until=now + 86400))
            return fresh

        return await self.store.write(write)
