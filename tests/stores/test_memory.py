import pytest

from doorward.core.store import Store
from doorward.stores.memory import MemoryStore
from tests.conformance.stores import NOW, StoreSuite


class TestMemory(StoreSuite):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore(lambda: NOW)
