"""Makefile: .venv is of the Python that was asked for. What make would do is asked with -n; nothing is built."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ANOTHER = "taking the .venv of another Python away"


def python(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{version}\n")
    path.chmod(0o755)
    return path


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Of a checkout whose .venv is ready, with Python 3.11.4."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    python(folder / ".venv" / "bin" / "python", "echo '3.11.4 (main)'")
    (folder / ".venv" / ".ready").touch()
    return subprocess.run(["make", "-n", ".venv", *words], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("version", "anew"), [("3.11.4 (main)", False), ("3.12.1 (main)", True)])
def test_another_python_that_is_asked_for_builds_venv_anew(tmp_path: Path, version: str, anew: bool) -> None:
    asked = python(tmp_path / "other" / "python", f"echo '{version}'")
    done = make(tmp_path, f"PYTHON={asked}")
    assert done.returncode == 0, done.stderr
    assert (ANOTHER in done.stdout) == anew


def test_without_a_name_the_venv_that_is_there_is_kept(tmp_path: Path) -> None:
    assert ANOTHER not in make(tmp_path).stdout


def test_a_python_that_is_too_old_is_told_before_anything_is_taken_away(tmp_path: Path) -> None:
    done = make(tmp_path, f"PYTHON={python(tmp_path / 'old' / 'python', 'exit 1')}")
    assert done.returncode == 2
    assert "is no Python 3.11 or newer" in done.stderr
