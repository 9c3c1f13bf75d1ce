"""What import-linter cannot say: core stands on the standard library alone, and no name hides what a module is for."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import doorward

SOURCE = Path(doorward.__file__).parent


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


def test_core_imports_the_standard_library_and_itself() -> None:
    foreign = [
        f"{path.name}: {name}"
        for path in (SOURCE / "core").rglob("*.py")
        for name in imports(ast.parse(path.read_text("utf-8")))
        if name.split(".")[0] not in sys.stdlib_module_names and not f"{name}.".startswith("doorward.core.")
    ]
    assert foreign == []


def test_core_reads_no_clock_no_randomness_and_no_file() -> None:
    words = {"time", "random", "secrets", "os", "socket", "pathlib", "sqlite3", "asyncio", "threading"}
    found = [
        f"{path.name}: {name}"
        for path in (SOURCE / "core").rglob("*.py")
        for name in imports(ast.parse(path.read_text("utf-8")))
        if name.split(".")[0] in words
    ]
    assert found == []


def test_no_module_is_named_for_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
    assert [path.name for path in SOURCE.rglob("*.py") if path.stem in empty] == []


def test_no_type_only_import_hides_a_cycle() -> None:
    """Nor could it: import-linter counts type-only imports too. The library's front names frameworks that it imports when asked."""
    assert [path.name for path in SOURCE.rglob("*.py") if "TYPE_CHECKING" in path.read_text("utf-8")] == ["app.py"]
