"""A person's sessions: started with a new id at every sign-in, listed, ended. Who may do more than before signs in anew
(`admin.accounts.change` ends what they had), so no id outlives a change of rights.

In the store Credential of the method "session" as `methods.session` reads it; data: `authenticated_at`, `device` (the
User-Agent, cut) and `address`, so that a person can tell their sessions apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from doorward.core import key_text
from doorward.core.account import Account
from doorward.core.clock import Clock, Entropy
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.event import Event, Kind
from doorward.core.request import Request
from doorward.core.secret import Secret
from doorward.core.store import Store, Tx
from doorward.ledger.revoke import Revoke
from doorward.ledger.still import check_still
from doorward.methods.session import SESSION, SessionOptions, csrf_of, lookup_of, new_secret, verifier_of

_LONGEST_DEVICE: Final = 256
_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Started:
    """`secret` goes into the cookie and nowhere else; `csrf` is for the pages of this session."""

    secret: Secret
    csrf: str
    credential: Credential


class Sessions:
    def __init__(self, *, store: Store, revoke: Revoke, clock: Clock, entropy: Entropy, options: SessionOptions) -> None:
        self._store, self._revoke, self._clock, self._entropy, self._options = store, revoke, clock, entropy, options

    async def start(
        self, account: Account, at: float, request: Request, *, proven: Credential | None = None, replaces: Secret | None = None
    ) -> Started:
        """`proven`: what the person showed; it must still hold when this is written. `at`: when the proving began; whatever
        ended the owner's sessions since ends this one. `replaces`: the session that this browser had: it ends, whoever's it
        was (OWASP: a new id at every sign-in). Raises Refused, Unavailable."""
        secret = new_secret(self._entropy)
        session = Credential(
            id=f"se_{key_text.new_id(self._entropy)}",
            method=SESSION,
            lookup=lookup_of(secret),
            verifier=verifier_of(secret),
            owner=account.name,
            created_at=at,
            expires_at=at + self._options.absolute,
            seen_at=at,
            data={"authenticated_at": repr(at), "device": _device(request), "address": request.address or ""},
        )
        before = await self._store.credentials.find(SESSION, lookup_of(replaces)) if replaces is not None else None

        async def work(tx: Tx) -> None:
            owner = await tx.account(account.name)
            if owner is None or owner.ended_at is not None or (owner.epoch is not None and owner.epoch >= at):
                raise Refused(Why.REVOKED, note="the account ended, or its sessions were ended, during the sign-in")
            if proven is not None:
                await check_still(tx, proven)
            if before is not None:
                await self._revoke.session_in(tx, before.id, actor=account.name, now=self._clock(), why="signed in anew")
            await tx.add_credential(session)
            data = {"session": session.id, "address": session.data["address"]}
            await tx.record(Event(kind=Kind.SIGNED_IN, subject=account.name, actor=account.name, at=at, data=data))

        await self._store.write(work)
        return Started(secret, csrf_of(secret), session)

    async def live(self, owner: str) -> list[Credential]:
        """Those that still work, the latest sign-in first."""
        now, found, after = self._clock(), list[Credential](), ""
        while page := await self._store.credentials.list(method=SESSION, owner=owner, after=after, most=_PAGE):
            found += [session for session in page if self._is_live(session, now)]
            after = page[-1].id
        return sorted(found, key=lambda session: session.created_at, reverse=True)

    def _is_live(self, session: Credential, now: float) -> bool:
        if session.owner_epoch is not None and session.created_at <= session.owner_epoch:
            return False
        try:
            session.check_live(now)
        except Refused:
            return False
        return now < max(session.created_at, session.seen_at or 0.0) + self._options.idle

    async def end(self, id: str, owner: str, *, why: str = "ended by its owner") -> bool:
        """False if the owner has no such live session."""
        session = await self._store.credentials.get(id)
        if session is None or session.method != SESSION or session.owner != owner or session.revoked_at is not None:
            return False
        return bool(await self._revoke.sessions([id], actor=owner, now=self._clock(), why=why))

    async def end_all(self, owner: str, *, but: str | None = None) -> Sequence[str]:
        """Every live session of this person, except the one with the id `but`. Gives the ids that ended."""
        ids = [session.id for session in await self.live(owner) if session.id != but]
        receipts = await self._revoke.sessions(ids, actor=owner, now=self._clock(), why="all ended by their owner")
        return [receipt.id for receipt in receipts]


def _device(request: Request) -> str:
    """What the browser says it is, printable and short; two User-Agent fields say nothing."""
    told = request.headers.every(b"user-agent")
    return "".join(letter for letter in told[0] if letter.isprintable())[:_LONGEST_DEVICE] if len(told) == 1 else ""
