"""docs/reference is what the code says."""

import pytest

from tests.reference_page import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_not_stale(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == PAGES[name](), "run: make docs"
