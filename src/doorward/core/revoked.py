"""The set in memory that self-contained tokens are asked against. Filled by the watch of announced changes."""

from dataclasses import dataclass

from doorward.core.event import Change, Topic


@dataclass(frozen=True, slots=True)
class Epoch:
    """Tokens made before `at` are revoked; in the same second, those that do not carry a later `seq` (DECISIONS 20)."""

    at: float
    seq: int

    def revokes(self, issued_at: float, seq: int) -> bool:
        if int(issued_at) != int(self.at):
            return int(issued_at) < int(self.at)
        return seq < self.seq


class Revoked:
    """Asked on every hit, so all answers are dictionary look-ups. Not thread-safe: one per event loop."""

    def __init__(self) -> None:
        self._ended: dict[tuple[Topic, str], float] = {}
        self._epochs: dict[tuple[Topic, str], Epoch] = {}
        self._until: dict[tuple[Topic, str], float] = {}

    def apply(self, change: Change) -> None:
        key = (change.topic, change.id)
        if change.topic in (Topic.SUBJECT, Topic.CLIENT):
            known = self._epochs.get(key, Epoch(change.at, change.seq))
            # Each by itself: a later change of a worker whose clock is behind takes nothing back.
            self._epochs[key] = Epoch(max(known.at, change.at), max(known.seq, change.seq))
        elif change.topic in (Topic.TOKEN, Topic.GRANT, Topic.SESSION):
            self._ended[key] = change.at
        else:
            return
        self._until[key] = max(change.until, self._until.get(key, 0.0))

    def token(self, jti: str) -> bool:
        return (Topic.TOKEN, jti) in self._ended

    def grant(self, id: str) -> bool:
        return (Topic.GRANT, id) in self._ended

    def subject(self, name: str, issued_at: float, seq: int) -> bool:
        epoch = self._epochs.get((Topic.SUBJECT, name))
        return epoch is not None and epoch.revokes(issued_at, seq)

    def client(self, name: str, issued_at: float, seq: int) -> bool:
        epoch = self._epochs.get((Topic.CLIENT, name))
        return epoch is not None and epoch.revokes(issued_at, seq)

    def forget(self, now: float) -> int:
        """Drops what nobody needs to know any more: all that it revoked has expired."""
        done = [key for key, until in self._until.items() if until < now]
        for key in done:
            del self._until[key]
            self._ended.pop(key, None)
            self._epochs.pop(key, None)
        return len(done)

    def __len__(self) -> int:
        return len(self._until)
