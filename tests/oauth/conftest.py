from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.oauth.client_desk import ClientDesk, a_client_desk
from tests.oauth.office import Office, an_office


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[ClientDesk]:
    async with a_client_desk(tmp_path) as made:
        yield made


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path) as made:
        yield made
