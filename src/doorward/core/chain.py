"""The journal's hash chain as arithmetic (DECISIONS 29): payload hashes are chained, so that a payload can be erased.

digest = SHA-256(canonical JSON of the event)
chain  = SHA-256(previous chain, seq as 8 bytes big-endian, digest); the first previous is 32 zero bytes
A checkpoint signs `signed_text(seq, chain)`. Whoever can write the table but lacks the key cannot make another one.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from doorward.core.event import Event
from doorward.core.store import Checkpoint, Entry

START: Final = bytes(32)


def digest(event: Event) -> bytes:
    payload = [event.kind.value, event.subject, event.actor, float(event.at), event.why, dict(event.data)]
    return hashlib.sha256(json.dumps(payload, sort_keys=True, separators=(",", ":")).encode("ascii")).digest()


def link(previous: bytes, seq: int, digest: bytes) -> bytes:
    return hashlib.sha256(previous + seq.to_bytes(8, "big") + digest).digest()


def signed_text(seq: int, chain: bytes) -> bytes:
    return b"doorward journal\n%d\n%s" % (seq, chain.hex().encode("ascii"))


class Tampered(Exception):
    """The journal is not as its chainer left it: nothing may be linked to it, or the forgery would be signed."""


def check_end(last: Checkpoint | None, *, held: bytes | None, unlinked: int | None, linked: int | None) -> None:
    """Whether rows may be linked after the checkpoint `last`. Raises Tampered.

    `held` is the chain of the row that it signed, `unlinked` a row up to there without a chain (or one numbered below 1),
    `linked` a row after it with one.
    """
    if last is not None and held != last.chain:
        raise Tampered(f"row {last.seq} does not carry the chain that the last checkpoint signed")
    if unlinked is not None:
        raise Tampered(f"row {unlinked} has no chain, though it is not after the last checkpoint")
    if linked is not None:
        raise Tampered(f"row {linked} has a chain that no checkpoint signed")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the journal's writer did not do. `seq` is the row or the checkpoint."""

    seq: int
    what: str


class Audit:
    """Reads the journal page by page, from its start; `close` tells what is missing at the end.

    `is_signed(text, signature)` checks a checkpoint. Rows after the last linked one are not chained yet and not judged.
    """

    def __init__(self, checkpoints: Sequence[Checkpoint], is_signed: Callable[[bytes, bytes], bool]) -> None:
        self._open = {checkpoint.seq: checkpoint for checkpoint in checkpoints}
        self._signed_to = max(self._open, default=0)
        self._is_signed = is_signed
        self._chain, self._seq, self._unlinked = START, 0, False

    def learn(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Those that were signed after the others were read."""
        self._open.update((checkpoint.seq, checkpoint) for checkpoint in checkpoints if checkpoint.seq > self._signed_to)
        self._signed_to = max(self._signed_to, *self._open, 0)

    def read(self, entries: Iterable[Entry]) -> list[Fault]:
        return [Fault(entry.seq, what) for entry in entries for what in self._faults(entry)]

    def _faults(self, entry: Entry) -> list[str]:
        faults = [entry.flaw] if entry.flaw else []
        if entry.seq < 1:
            return [*faults, "this row was added: no row is numbered below 1"]
        if entry.digest is None or entry.chain is None:
            self._unlinked = True
            if (entry.digest is None) != (entry.chain is None):
                faults.append("half of this row's chain was taken off")
            elif entry.seq <= self._signed_to:
                faults.append("the chain was taken off this row")
            return faults
        if entry.seq <= self._seq:
            faults.append("this row is out of order")
        if self._unlinked:
            faults.append("a row before this one was added or lost its chain")
        if not entry.flaw and digest(entry.event) != entry.digest:
            faults.append("this row was edited")
        if link(self._chain, entry.seq, entry.digest) != entry.chain:
            faults.append("a row before this one was edited, removed, added or moved")
        if entry.seq > self._signed_to:
            faults.append("no checkpoint covers this row")
        self._chain, self._seq, self._unlinked = entry.chain, entry.seq, False
        checkpoint = self._open.pop(entry.seq, None)
        if checkpoint is not None:
            faults += self._checkpoint_faults(checkpoint, entry.chain)
        return faults

    def _checkpoint_faults(self, checkpoint: Checkpoint, chain: bytes) -> list[str]:
        if not self._is_signed(signed_text(checkpoint.seq, checkpoint.chain), checkpoint.signature):
            return ["the checkpoint's signature is wrong"]
        return [] if checkpoint.chain == chain else ["the chain is not the one that the checkpoint signed"]

    def close(self) -> list[Fault]:
        """A checkpoint whose row is gone: the journal was cut there."""
        return [Fault(seq, "the row that this checkpoint signed is gone") for seq in sorted(self._open)]
