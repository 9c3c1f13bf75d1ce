"""Every `sh` block of every guide is run, in order, as it is written (but for the port, which must be free here)."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from doorward.lab.place import free_port

GUIDES = Path(__file__).parent.parent / "docs" / "guides"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("guide", sorted(path.name for path in GUIDES.glob("*.md") if path.name != "README.md"))
def test_a_guide_runs_as_it_is_written(guide: str, tmp_path: Path) -> None:
    blocks = _BLOCK.findall((GUIDES / guide).read_text())
    assert blocks
    script = "set -euo pipefail\n" + "\n".join(blocks).replace("8000", str(free_port()))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    printed = tmp_path.with_suffix(".log")
    with printed.open("wb") as log:  # no pipe: the servers of a guide would keep it open
        process = subprocess.Popen(
            ["bash", "-c", script], cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        code = process.wait(timeout=100)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    assert code == 0, printed.read_text()


def test_every_guide_is_listed() -> None:
    listed = re.findall(r"\]\(([a-z-]+\.md)\)", (GUIDES / "README.md").read_text())
    assert sorted(listed) == sorted(path.name for path in GUIDES.glob("*.md") if path.name != "README.md")
