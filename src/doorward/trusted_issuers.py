"""The issuers of doorward.toml, each with its keys: what the `jwt` method trusts beside our own."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from doorward.issuers_file import IssuerPlan
from doorward.methods.foreign_jwt import Keys, Trusted
from doorward.outbound.fetch import Fetcher, FetchOptions
from doorward.outbound.published_keys import PublishedKeys
from doorward.settings import Settings, SettingsError


def fetcher(options: FetchOptions, settings: Settings, base: Path) -> Fetcher:
    """Raises SettingsError."""
    try:
        return Fetcher(options, base=base)
    except ValueError as reason:
        raise SettingsError(f"{settings.where('fetch', ['ca_bundle'])}: {reason}") from None


class TrustedIssuers:
    """Has a fetcher to itself, so that what clients make us ask for never stands in the way of keys. `on_change`: a key came or went."""

    def __init__(self, plans: Sequence[IssuerPlan], fetcher: Fetcher, base: Path, on_change: Callable[[], None]) -> None:
        """Raises SettingsError: fixed keys that cannot be read."""
        self._fetcher, self._on_change = fetcher, on_change
        self._fetched: dict[str, PublishedKeys] = {}
        self.all = tuple(Trusted(plan.issuer, self._keys(plan, base)) for plan in plans)

    def _keys(self, plan: IssuerPlan, base: Path) -> Keys:
        if not plan.fetched:
            return plan.fixed(base)
        keys = self._fetched[plan.issuer.name] = PublishedKeys(
            plan.issuer.issuer,
            fetcher=self._fetcher,
            algorithms=plan.written.algorithms,
            clock=time.monotonic,
            stale=plan.written.stale,
            jwks_uri=plan.written.jwks_uri,
            on_change=self._on_change,
        )
        return keys

    async def look(self) -> dict[str, str]:
        """Asks each for its keys now; gives the names of those that have none to give, and why. For `doorward check`."""
        told = await asyncio.gather(*(keys.look() for keys in self._fetched.values()))
        return {name: why for name, why in zip(self._fetched, told, strict=True) if why is not None}

    def close(self) -> None:
        for keys in self._fetched.values():
            keys.close()
        self._fetcher.close()
