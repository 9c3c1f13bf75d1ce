"""One pair of servers for all tests of the client that need them."""

from collections.abc import Iterator

import pytest

from tests.client.shop import Shop, a_shop


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with a_shop(tmp_path_factory.mktemp("client")) as made:
        yield made
