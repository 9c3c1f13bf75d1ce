"""Taking back. Each is one transaction: the end, its journal row, its announcement; each gives a receipt.

A change is announced until the last self-contained token that it ends has expired by itself: `life` is the longest
life of such a token, in seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from doorward.core.access_text import METHOD as ACCESS
from doorward.core.account import CLIENT
from doorward.core.authority import MTLS
from doorward.core.event import Change, Event, Kind, Topic
from doorward.core.store import Store, Tx

_SKEW: Final = 120.0
_SESSION: Final = "session"
_KINDS: Final = {_SESSION: Kind.SESSION_REVOKED, ACCESS: Kind.TOKEN_REVOKED, MTLS: Kind.CERTIFICATE_REVOKED}
"""By method; all others are keys."""


class NotThere(LookupError):
    """There is nothing of that id to revoke."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Every worker that has read the changes up to `seq` refuses it. `first`: it was not revoked before."""

    what: Topic
    id: str
    at: float
    seq: int
    first: bool = True


@dataclass(frozen=True, slots=True)
class Revoke:
    """`life`: see above. All take the actor and the reason for the journal, and raise Unavailable."""

    store: Store
    life: float

    async def credential(self, id: str, *, actor: str, now: float, why: str = "") -> Receipt:
        """A key, a password, a certificate, a session. Raises NotThere."""

        async def work(tx: Tx) -> Receipt:
            credential = await tx.credential(id)
            if credential is None:
                raise NotThere(id)
            is_session = credential.method == _SESSION
            first = await tx.end_credential(id, now)
            if first:
                kind = _KINDS.get(credential.method, Kind.KEY_REVOKED)
                about = {"owner": credential.owner, "method": credential.method}
                await tx.record(Event(kind=kind, subject=id, actor=actor, at=now, why=why, data=about))
            return await self._announce(tx, Topic.SESSION if is_session else Topic.CREDENTIAL, id, now, first=first)

        return await self.store.write(work)

    async def sessions(self, ids: Sequence[str], *, actor: str, now: float, why: str = "") -> list[Receipt]:
        """All of these in one transaction; those that ended before are left out."""

        async def work(tx: Tx) -> list[Receipt]:
            ended = [await self.session_in(tx, id, actor=actor, now=now, why=why) for id in ids]
            return [receipt for receipt in ended if receipt is not None]

        return await self.store.write(work)

    async def session_in(self, tx: Tx, id: str, *, actor: str, now: float, why: str) -> Receipt | None:
        """One session, inside a transaction that does more. None: it had ended."""
        if not await tx.end_credential(id, now):
            return None
        await tx.record(Event(kind=Kind.SESSION_REVOKED, subject=id, actor=actor, at=now, why=why))
        return await self._announce(tx, Topic.SESSION, id, now)

    async def token(self, jti: str, *, expires_at: float, actor: str, now: float, why: str = "") -> Receipt:
        """One access token. Revoking it twice is harmless: no record of single tokens is kept."""

        async def work(tx: Tx) -> Receipt:
            await tx.record(Event(kind=Kind.TOKEN_REVOKED, subject=jti, actor=actor, at=now, why=why))
            until = min(max(expires_at, now), now + self.life) + _SKEW  # whatever it claims: workers remember it for so long
            seq = await tx.announce(Change(topic=Topic.TOKEN, id=jti, at=now, until=until))
            return Receipt(Topic.TOKEN, jti, now, seq)

        return await self.store.write(work)

    async def grant(self, id: str, *, actor: str, now: float, why: str = "") -> Receipt:
        """A sign-in or a consent, with all tokens under it. Raises NotThere."""

        async def work(tx: Tx) -> Receipt:
            if await tx.hold(id) is None:
                raise NotThere(id)
            return await self.grant_in(tx, id, actor=actor, now=now, why=why)

        return await self.store.write(work)

    async def grant_in(self, tx: Tx, id: str, *, actor: str, now: float, why: str) -> Receipt:
        """The same inside a transaction that does more."""
        first = await tx.end_grant(id, now)
        if first:
            await tx.record(Event(kind=Kind.GRANT_REVOKED, subject=id, actor=actor, at=now, why=why))
        return await self._announce(tx, Topic.GRANT, id, now, first=first)

    async def subject(self, name: str, *, actor: str, now: float, why: str = "") -> Receipt:
        """All sessions, grants and tokens of `name` made up to now; a new sign-in works (DECISIONS 20)."""

        async def work(tx: Tx) -> Receipt:
            return await self.subject_in(tx, name, actor=actor, now=now, why=why)

        return await self.store.write(work)

    async def subject_in(self, tx: Tx, name: str, *, actor: str, now: float, why: str) -> Receipt:
        """The same inside a transaction that does more."""
        await tx.set_epoch(name, now)
        await tx.record(Event(kind=Kind.SUBJECT_REVOKED, subject=name, actor=actor, at=now, why=why))
        return await self._announce(tx, Topic.SUBJECT, name, now)

    async def account(self, name: str, *, actor: str, now: float, why: str = "") -> Receipt:
        """For good: whatever it owns dies with it; of a client also all tokens that people let it have. Raises NotThere."""

        async def work(tx: Tx) -> Receipt:
            account = await tx.account(name)
            if account is None:
                raise NotThere(name)
            is_client = account.kind == CLIENT
            first = await tx.end_account(name, now)
            if first:
                kind = Kind.CLIENT_ENDED if is_client else Kind.ACCOUNT_ENDED
                await tx.record(Event(kind=kind, subject=name, actor=actor, at=now, why=why))
            if is_client:
                await self._announce(tx, Topic.CLIENT, name, now, first=first)
            return await self._announce(tx, Topic.SUBJECT, name, now, first=first)

        return await self.store.write(work)

    async def _announce(self, tx: Tx, topic: Topic, id: str, now: float, *, first: bool = True) -> Receipt:
        """Again also for what ended before: a repeated revocation is one that somebody was not sure of."""
        seq = await tx.announce(Change(topic=topic, id=id, at=now, until=now + self.life + _SKEW))
        return Receipt(topic, id, now, seq, first)
