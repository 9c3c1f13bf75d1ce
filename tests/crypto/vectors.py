"""The vectors of tests/vectors, read."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "vectors"


def read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text("utf-8"))


def example(name: str) -> Any:
    return read("rfc-examples.json")[name]


def cookbook(number: str) -> Any:
    return json.loads(next((FOLDER / "rfc7520").glob(f"{number}.*.json")).read_text("utf-8"))


def wycheproof(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(group, test) of all."""
    return [(group, test) for group in read(f"wycheproof/{name}_test.json")["testGroups"] for test in group["tests"]]
