"""The pages are kept true: every relative link leads somewhere, every file and symbol that is named is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from doorward.core.policy import Binder
from doorward.methods import ALL

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "doorward"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "changelog.d").glob("*.md"), *(ROOT / "deploy").rglob("*.md")])
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text("utf-8")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_NAMED = re.compile(r"`([\w./-]+(?:\.py|/))`")
_ROW = re.compile(r"^\| `([\w/]+\.py)` \| `([\w.]+)` \|", re.MULTILINE)


@cache
def symbols(path: Path) -> frozenset[str]:
    """Functions, classes, constants; methods as `Class.method`."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    return frozenset(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(_FENCE.sub("", page.read_text("utf-8"))) if not re.match(r"[a-z]+:", link)]
    assert [link for link in links if not (page.parent / link.partition("#")[0]).exists()] == []


@pytest.mark.parametrize(("page", "text"), [("ARCHITECTURE.md", ARCHITECTURE), ("SECURITY.md", SECURITY)])
def test_every_file_that_a_page_names_exists(page: str, text: str) -> None:
    named = set(_NAMED.findall(text)) - {"secrets/"}
    assert len(named) > 20, page
    assert sorted(name for name in named if not (SOURCE / name).exists() and not (ROOT / name).exists()) == []


def test_every_symbol_that_the_trips_name_is_in_its_file() -> None:
    rows = _ROW.findall(ARCHITECTURE)
    assert len(rows) > 40
    assert [f"{file}: {symbol}" for file, symbol in rows if symbol not in symbols(SOURCE / file)] == []


def test_every_decision_is_listed() -> None:
    listed = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    assert [page.name for page in (ROOT / "docs" / "adr").glob("0*.md") if f"({page.name})" not in listed] == []


def test_the_readme_lists_every_method_and_no_other_word() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    table = readme.partition("\n## Methods\n")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted([*(method.name for method in ALL), "oauth"])
    (bound,) = re.findall(r"^\| `… bound by` \| (.*) \|$", table, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", bound)) == {binder.value for binder in Binder}
