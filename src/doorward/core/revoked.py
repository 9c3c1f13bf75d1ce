"""The set in memory that self-contained tokens are asked against. Filled by the watch of announced changes."""

from dataclasses import dataclass
from typing import Final

from doorward.core.event import Change, Topic

LONGEST_LIFE: Final = 90 * 86400.0
"""Workers remember a revocation for so long: no self-contained token lives longer."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """Tokens made before it are revoked. Ours carry the `seq` of the last change that their issuer had seen: it tells
    before from after exactly, whatever the clocks say. Those without are older up to the end of the second (DECISIONS 20)."""

    at: float
    seq: int

    def revokes(self, issued_at: float, seq: int) -> bool:
        return seq < self.seq if seq else int(issued_at) <= int(self.at)


class Revoked:
    """Asked on every hit, so all answers are dictionary look-ups. Not thread-safe: one per event loop."""

    def __init__(self) -> None:
        self._ended: dict[Topic, dict[str, float]] = {Topic.TOKEN: {}, Topic.GRANT: {}, Topic.SESSION: {}}
        self._epochs: dict[Topic, dict[str, Epoch]] = {Topic.SUBJECT: {}, Topic.CLIENT: {}}
        self._until: dict[tuple[Topic, str], float] = {}
        # Bound once: a Topic hashes in Python, which the hot path would feel.
        self._tokens, self._grants = self._ended[Topic.TOKEN], self._ended[Topic.GRANT]
        self._subjects, self._clients = self._epochs[Topic.SUBJECT], self._epochs[Topic.CLIENT]

    def apply(self, change: Change) -> None:
        topic, id = change.topic, change.id
        if topic in self._epochs:
            known = self._epochs[topic].get(id, Epoch(change.at, change.seq))
            # Each by itself: a later change of a worker whose clock is behind takes nothing back.
            self._epochs[topic][id] = Epoch(max(known.at, change.at), max(known.seq, change.seq))
        elif topic in self._ended:
            self._ended[topic][id] = change.at
        else:
            return
        self._until[topic, id] = max(change.until, self._until.get((topic, id), 0.0))

    def token(self, jti: str) -> bool:
        return jti in self._tokens

    def grant(self, id: str) -> bool:
        return id in self._grants

    def subject(self, name: str, issued_at: float, seq: int) -> bool:
        epoch = self._subjects.get(name)
        return epoch is not None and epoch.revokes(issued_at, seq)

    def client(self, name: str, issued_at: float, seq: int) -> bool:
        epoch = self._clients.get(name)
        return epoch is not None and epoch.revokes(issued_at, seq)

    def any_of(self, jti: str, grant: str | None, subject: str, client: str | None, issued_at: float, seq: int) -> bool:
        """All of the above in one call, for the hot path."""
        if jti in self._tokens or grant in self._grants:
            return True
        epoch = self._subjects.get(subject)
        if epoch is not None and epoch.revokes(issued_at, seq):
            return True
        return client is not None and client in self._clients and self._clients[client].revokes(issued_at, seq)

    def forget(self, now: float) -> int:
        """Drops what nobody needs to know any more: all that it revoked has expired."""
        done = [key for key, until in self._until.items() if until < now]
        for topic, id in done:
            del self._until[topic, id]
            self._ended.get(topic, {}).pop(id, None)
            self._epochs.get(topic, {}).pop(id, None)
        return len(done)

    def __len__(self) -> int:
        return len(self._until)
