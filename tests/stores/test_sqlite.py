from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from doorward.core.store import Store
from doorward.stores.sqlite import SqliteStore
from tests.conformance.stores import NOW, StoreSuite


class TestSqlite(StoreSuite):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        store = await SqliteStore.open(tmp_path / "doorward.db", clock=lambda: NOW)
        yield store
        await store.close()
