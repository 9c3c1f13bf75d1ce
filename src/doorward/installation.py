"""An installation that lies on disk, opened: settings, keys, store. What every command and every worker begins with."""

import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from doorward.core.clock import Clock, Entropy
from doorward.core.store import Store
from doorward.crypto.digest import Peppers
from doorward.crypto.seal import Sealer
from doorward.data_dir import PEPPER, SEALING, DataDir
from doorward.settings import Settings
from doorward.stores.sqlite import SqliteStore


@dataclass(frozen=True, slots=True)
class Installation:
    """`settings` is not checked yet: whoever reads its options calls `settings.check()` after the last."""

    data: DataDir
    settings: Settings
    store: Store
    peppers: Peppers
    sealer: Sealer
    clock: Clock
    entropy: Entropy


@asynccontextmanager
async def opened(
    data: DataDir, environ: Mapping[str, str], *, clock: Clock = time.time, entropy: Entropy = os.urandom
) -> AsyncIterator[Installation]:
    """Raises DataDirError, SettingsError, Unavailable."""
    data.check()
    settings = Settings.read(data.settings, environ)
    settings.reserve("secrets", PEPPER, SEALING)
    pepper, sealing = data.keys(PEPPER), data.keys(SEALING)
    store = await SqliteStore.open(data.database, clock=clock)
    try:
        yield Installation(
            data,
            settings,
            store,
            Peppers(pepper.keys, pepper.current, data.imported_peppers()),
            Sealer(sealing.keys, sealing.current, entropy),
            clock,
            entropy,
        )
    finally:
        await store.close()
