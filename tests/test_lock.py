"""requirements.lock: every package pinned and hashed, and no host named (docs/adr/0001-lock-without-hosts.md)."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_the_lock_names_no_host() -> None:
    assert [line for line in LOCK.splitlines() if "//" in line or "index-url" in line or "find-links" in line] == []


def test_every_package_is_pinned_with_its_hashes() -> None:
    entries = LOCK.replace("\\\n", "").splitlines()
    assert len(entries) > 30
    assert [entry for entry in entries if not re.fullmatch(r"[a-z0-9-]+==[^ ]+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+", entry)] == []


def test_whatever_the_project_asks_for_is_in_the_lock() -> None:
    project = PROJECT["project"]
    asked = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
        *PROJECT["dependency-groups"]["dev"],
        *PROJECT["build-system"]["requires"],
    ]
    locked = set(re.findall(r"^([a-z0-9-]+)==", LOCK, re.MULTILINE))
    assert {re.split(r"[<>=;\[ ]", name)[0] for name in asked} - locked == set()
