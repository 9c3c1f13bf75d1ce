from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from doorward.core.limit import Rate
from tests.methods.place import Place, a_place


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path, failures=Rate(3, 60)) as made:
        await made.account(email="alice@example.org")
        yield made
