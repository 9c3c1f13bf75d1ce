"""Refresh token rotation that never logs out the innocent (PRODUCT 4, RFC 9700 section 4.14.2, DECISIONS 24).

One transaction spends the shown token and mints its successor. A repeat of the last one by the same holder, inside
the grace and until the successor was used, is given the same answer: the same refresh token, and an access token of
the same id and times. Any older one is theft: the grant ends with all under it, and that is committed although the
caller is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass

from doorward.core.account import Account
from doorward.core.errors import Refused, Why
from doorward.core.event import Event, Kind
from doorward.core.grant import Grant, Ticket
from doorward.core.secret import Secret
from doorward.core.store import Tx
from doorward.ledger.mint import Issued, Mint, Stamp
from doorward.ledger.revoke import Revoke
from doorward.ledger.token_text import REFRESH, check_shape, lookup_of, successor_of


@dataclass(frozen=True, slots=True)
class _Answered:
    grant: Grant
    account: Account | None
    stamp: Stamp
    successor: Secret


@dataclass(frozen=True, slots=True)
class _Stolen:
    grant_id: str


Check = Callable[[Grant], None]
"""Raises Refused where the token may not be used in this way; then nothing is spent. May be asked again."""


def any_way(_: Grant) -> None:
    pass


class Rotate:
    def __init__(self, mint: Mint, revoke: Revoke) -> None:
        self._mint, self._revoke = mint, revoke

    async def refresh(self, token: Secret, holder: str, check: Check = any_way) -> Issued:
        """Raises Refused: MALFORMED, UNKNOWN (also another holder's); of genuine tokens EXPIRED, REVOKED, and what `check`
        raises. Unavailable."""
        check_shape(token)
        fresh = await self._mint.stamp()

        async def work(tx: Tx) -> _Answered | _Stolen:
            ticket = await self._find(tx, token, holder)
            return await self._turn(tx, token, ticket, fresh, check)

        done = await self._mint.store.write(work)
        if isinstance(done, _Stolen):
            raise Refused(Why.REVOKED, note=f"a refresh token was used again; the grant {done.grant_id} has ended")
        return self._mint.answer(done.grant, done.account, done.stamp, done.successor)

    async def sign_out(self, token: Secret, holder: str, check: Check = any_way) -> None:
        """Ends the grant of this refresh token, spent or not. Raises Refused: MALFORMED, UNKNOWN, EXPIRED, what `check` raises."""
        check_shape(token)

        async def work(tx: Tx) -> None:
            ticket = await self._find(tx, token, holder)
            grant = await tx.hold(ticket.grant_id)
            if grant is not None:
                check(grant)
                await self._revoke.grant_in(tx, grant.id, actor=grant.subject, now=self._mint.clock(), why="signed out")

        await self._mint.store.write(work)

    async def _find(self, tx: Tx, token: Secret, holder: str) -> Ticket:
        for key_id in self._mint.peppers.ids:
            ticket = await tx.ticket(REFRESH, lookup_of(token, self._mint.peppers, key_id))
            if ticket is not None and ticket.holder == holder:
                if self._mint.clock() >= ticket.expires_at:
                    raise Refused(Why.EXPIRED)
                return ticket
        raise Refused(Why.UNKNOWN, note="no such refresh token, or another holder's")

    async def _turn(self, tx: Tx, token: Secret, ticket: Ticket, fresh: Stamp, check: Check) -> _Answered | _Stolen:
        mint, now = self._mint, self._mint.clock()
        grant = await tx.hold(ticket.grant_id)
        if grant is None or grant.revoked_at is not None:
            raise Refused(Why.REVOKED, note="the grant has ended")
        if grant.expires_at is not None and now >= grant.expires_at:
            raise Refused(Why.EXPIRED, note="the grant is over: sign in again")
        check(grant)  # before the reuse is judged: who lacks the key, or comes from another site, ends nobody's grant
        account = await tx.account(grant.subject)
        successor = successor_of(token, mint.peppers, ticket.data["pepper"])
        following = mint.ticket(successor, grant, ticket.holder, fresh)
        spent = await tx.spend(REFRESH, ticket.lookup, ticket.holder, now, following.lookup)
        if spent is None:
            raise Refused(Why.UNKNOWN, note="gone while it was asked for")
        if spent.first_time:
            await tx.add_ticket(following)
            data = {"grant": grant.id, "jti": fresh.jti}
            await tx.record(Event(kind=Kind.TOKEN_REFRESHED, subject=grant.subject, actor=grant.subject, at=now, data=data))
            return _Answered(grant, account, fresh, successor)
        if (again := await self._unused_successor(tx, spent.ticket, now)) is not None:
            return _Answered(grant, account, Stamp.of(again.data), successor)
        await tx.record(Event(kind=Kind.REFRESH_REUSED, subject=grant.subject, actor="", at=now, data={"grant": grant.id}))
        await self._revoke.grant_in(tx, grant.id, actor="", now=now, why="a refresh token was used again")
        return _Stolen(grant.id)

    async def _unused_successor(self, tx: Tx, spent: Ticket, now: float) -> Ticket | None:
        """What took the place of this ticket, if the grace is open: short, and until the successor was used."""
        grace = self._mint.options.refresh_grace
        if spent.spent_at is None or spent.successor is None or not now < spent.spent_at + grace:
            return None
        following = await tx.ticket(REFRESH, spent.successor)
        return following if following is not None and following.spent_at is None else None
