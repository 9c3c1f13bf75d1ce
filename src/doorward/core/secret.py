"""A text that must not be seen: keys, passwords, tokens on their way through."""

import hmac
from typing import Final

HIDDEN: Final = "Secret(…)"


class Secret:
    """Hides its text in repr, logs, format strings and pickles; `reveal()` is the one word to grep."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __len__(self) -> int:
        return len(self._text)

    def __eq__(self, other: object) -> bool:
        """Constant-time in the length that both share."""
        if not isinstance(other, Secret):
            return NotImplemented
        return same(self._text.encode("utf-8", "surrogatepass"), other._text.encode("utf-8", "surrogatepass"))

    __hash__ = None  # type: ignore[assignment]  # a secret is no dictionary key: look-ups are not constant-time

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")


def same(one: bytes, other: bytes) -> bool:
    """Constant-time comparison of two digests."""
    return hmac.compare_digest(one, other)
