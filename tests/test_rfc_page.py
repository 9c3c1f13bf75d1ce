"""docs/rfc.md: made from the marks, and never stale."""

import ast

from tests.rfc_page import PAGE, marks, page


def test_the_page_is_what_the_marks_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "docs/rfc.md is stale: run `make docs`"


def test_marks_are_found_on_functions_classes_and_modules() -> None:
    source = """
pytestmark = [pytest.mark.rfc("1", "2")]
@pytest.mark.parametrize("a", [pytest.param(1, marks=pytest.mark.rfc("3", "4"))])
async def test_one(): ...
@pytest.mark.rfc("5", "6.7")
class TestTwo: ...
@pytest.mark.real("nginx")
def test_three(): ...
"""
    assert sorted(marks(ast.parse(source))) == [("1", "2", ""), ("3", "4", "test_one"), ("5", "6.7", "TestTwo")]
