from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.oauth.client_desk import ClientDesk, a_client_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[ClientDesk]:
    async with a_client_desk(tmp_path) as made:
        yield made
