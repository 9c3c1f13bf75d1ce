"""The journal's head: the last checkpoint, signed, in files beside the database, where a writer of the database cannot reach it.

It is written to `journal.head` and, where that folder can be written, to `secrets/journal.head`; the later one counts.
A head of seq 0 says that nothing was linked yet: it is there before the first checkpoint is, so that a journal with
checkpoints and without a head has lost it.
"""

import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from doorward.core.chain import START, Tampered, signed_text
from doorward.core.store import Checkpoint
from doorward.durable import replace_whole

HEAD: Final = "journal.head"
_LARGEST: Final = 4096
_log: Final = logging.getLogger("doorward.journal")


class Heads:
    """`is_signed(text, signature)` tells whether this installation signed it."""

    def __init__(self, folder: Path, is_signed: Callable[[bytes, bytes], bool]) -> None:
        self._path, self._witness, self._is_signed = folder / HEAD, folder / "secrets" / HEAD, is_signed

    def read(self) -> Checkpoint | None:
        """None: there was never one. Raises Tampered: gone, unreadable, or signed by another."""
        head, witness = self._read(self._path), self._read(self._witness)
        if head is None and witness is not None:
            raise Tampered(f"{HEAD} is missing beside the database")
        if head is None or witness is None:
            return head
        if head.seq == witness.seq and head.chain != witness.chain:
            raise Tampered(f"{HEAD} and secrets/{HEAD} are of two journals")
        return max(head, witness, key=lambda each: each.seq)

    def _read(self, path: Path) -> Checkpoint | None:
        try:
            with path.open("rb") as file:
                found = json.loads(file.read(_LARGEST))
            seq, chain, signature = found["seq"], bytes.fromhex(found["chain"]), bytes.fromhex(found["signature"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise Tampered(f"{path.name} cannot be read") from None
        if type(seq) is not int or not 0 <= seq < 2**63 or len(chain) != len(START):
            raise Tampered(f"{path.name} is no checkpoint")
        if not self._is_signed(signed_text(seq, chain), signature):
            raise Tampered(f"{path.name} was not signed by this installation")
        return Checkpoint(seq, chain, signature)

    def write(self, head: Checkpoint) -> bool:
        """Durable when it returns true. False, and logged, if the disk would not take it."""
        text = json.dumps({"seq": head.seq, "chain": head.chain.hex(), "signature": head.signature.hex()})
        with contextlib.suppress(OSError):  # secrets/ may be mounted read-only
            replace_whole(self._witness, text)
        try:
            replace_whole(self._path, text)
        except OSError as reason:
            _log.error("%s cannot be written (%s): the end of the journal is not proven until it can", HEAD, reason.strerror)
            return False
        return True
