"""How small collections are written into a column: sets as words, mappings as JSON; empty ones cost nothing to read."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def pack_words(words: Iterable[str]) -> str:
    return " ".join(sorted(words))


@lru_cache(maxsize=4096)
def unpack_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def pack_data(data: Mapping[str, str]) -> str:
    return json.dumps(dict(data), sort_keys=True, separators=(",", ":")) if data else ""


def unpack_data(text: str) -> Mapping[str, str]:
    if not text:
        return NOTHING
    data: dict[str, str] = json.loads(text)
    return data
