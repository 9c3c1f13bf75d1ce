"""The secrets of one sender of webhooks, sealed together at rest: the present one, and while it is replaced the one before.

In the store the verifier is the seal of {"secrets": [[text, end], ...]}, the newest first; `end` in seconds since the epoch,
null without an end. Both halves of a rotation so change in one statement.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from doorward.core.secret import Secret
from doorward.crypto.seal import SealBroken, Sealer

SEALED_FOR: Final = "webhook"
"""The purpose under which they are sealed."""
MOST: Final = 2


@dataclass(frozen=True, slots=True)
class Live:
    """A secret and its end, None without one. Equal to now is ended."""

    secret: Secret
    until: float | None

    def ended(self, now: float) -> bool:
        return self.until is not None and now >= self.until


def seal(secrets: Sequence[Live], sealer: Sealer, row: str) -> bytes:
    """Under the key that is current now. Raises ValueError: more than two."""
    if not 1 <= len(secrets) <= MOST:
        raise ValueError(f"a sender has 1 to {MOST} secrets")
    plain = json.dumps({"secrets": [[each.secret.reveal(), each.until] for each in secrets]})
    return sealer.seal(plain.encode(), SEALED_FOR, row)


def unseal(sealed: bytes, key_id: str, sealer: Sealer, row: str) -> tuple[Live, ...]:
    """Raises SealBroken."""
    plain = sealer.open(sealed, key_id, SEALED_FOR, row)
    try:
        return tuple(Live(Secret(text), until) for text, until in json.loads(plain)["secrets"])
    except (ValueError, KeyError, TypeError):
        raise SealBroken(f"the sealed {SEALED_FOR} of {row} holds something else") from None
