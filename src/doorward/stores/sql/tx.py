"""The verbs inside a write, as statements. The same for every SQL database: `rows` is what differs."""

from collections.abc import Iterable, Sequence

from doorward.core.account import Account
from doorward.core.credential import Credential
from doorward.core.event import Change, Event
from doorward.core.grant import Grant, Spent, Ticket
from doorward.core.signing import SigningKey
from doorward.core.store import Exists, Use
from doorward.stores.sql import Rows, accounts, changes, credentials, facts, grants, journal, signing_keys, uses


class SqlTx:
    """`core.store.Tx`."""

    __slots__ = ("rows",)

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    async def add_credential(self, credential: Credential) -> None:
        if not await self.rows(credentials.ADD, *credentials.row_of(credential)):
            taken = await self.rows(credentials.HAS_LOOKUP, credential.method, credential.lookup)
            raise Exists("lookup" if taken else "id")

    async def credential(self, id: str) -> Credential | None:
        found = await self.rows(credentials.GET, id)
        return credentials.credential_of(found[0]) if found else None

    async def end_credential(self, id: str, at: float) -> bool:
        return bool(await self.rows(credentials.END, id, at))

    async def limit_credential(self, id: str, expires_at: float) -> bool:
        return bool(await self.rows(credentials.LIMIT, id, expires_at))

    async def change_verifier(self, id: str, old: bytes, new: bytes, key_id: str) -> bool:
        return bool(await self.rows(credentials.CHANGE_VERIFIER, id, old, new, key_id))

    async def touch_credential(self, id: str, seen_at: float, expires_at: float | None) -> None:
        await self.rows(credentials.TOUCH, id, seen_at, expires_at)

    async def add_account(self, account: Account) -> None:
        if not await self.rows(accounts.ADD, *accounts.row_of(account)):
            raise Exists("name" if await self.rows(accounts.HAS_NAME, account.name) else "email")
        if account.epoch is not None:
            await self.set_epoch(account.name, account.epoch)

    async def account(self, name: str) -> Account | None:
        found = await self.rows(accounts.FIND, name)
        return accounts.account_of(found[0]) if found else None

    async def change_account(self, account: Account) -> None:
        if account.email is not None and await self.rows(accounts.HAS_EMAIL, accounts.fold(account.email), account.name):
            raise Exists("email")
        await self.rows(accounts.CHANGE, *accounts.change_of(account))

    async def end_account(self, name: str, at: float) -> bool:
        return bool(await self.rows(accounts.END, name, at))

    async def set_epoch(self, name: str, at: float) -> None:
        await self.rows(accounts.SET_EPOCH, name, at)

    async def add_grant(self, grant: Grant) -> None:
        await self.rows(grants.ADD, *grants.row_of(grant))

    async def hold(self, grant_id: str) -> Grant | None:
        found = await self.rows(grants.HOLD, grant_id)
        return grants.grant_of(found[0]) if found else None

    async def end_grant(self, grant_id: str, at: float) -> bool:
        return bool(await self.rows(grants.END, grant_id, at))

    async def add_ticket(self, ticket: Ticket) -> None:
        await self.rows(grants.ADD_TICKET, *grants.ticket_row(ticket))

    async def ticket(self, kind: str, lookup: bytes) -> Ticket | None:
        found = await self.rows(grants.TICKET, kind, lookup)
        return grants.ticket_of(found[0]) if found else None

    async def spend(self, kind: str, lookup: bytes, holder: str, at: float, successor: bytes | None = None) -> Spent | None:
        first = await self.rows(grants.SPEND, kind, lookup, holder, at, successor)
        if first:
            return Spent(grants.ticket_of(first[0]), first_time=True)
        later = await self.rows(grants.SPENT, kind, lookup, holder, at)
        return Spent(grants.ticket_of(later[0]), first_time=False) if later else None

    async def add_signing_key(self, key: SigningKey) -> None:
        await self.rows(signing_keys.ADD, *signing_keys.row_of(key))

    async def change_signing_key(self, key: SigningKey) -> None:
        await self.rows(signing_keys.CHANGE, *signing_keys.change_of(key))

    async def signing_keys(self) -> Sequence[SigningKey]:
        return [signing_keys.key_of(row) for row in await self.rows(signing_keys.ALL)]

    async def record(self, event: Event) -> None:
        await self.rows(journal.RECORD, *journal.row_of(event))

    async def announce(self, change: Change) -> int:
        seq: int = (await self.rows(changes.ANNOUNCE, *changes.row_of(change)))[0][0]
        return seq

    async def add_uses(self, uses_made: Iterable[Use]) -> None:
        for use in uses_made:
            await self.rows(uses.ADD, *uses.row_of(use))

    async def lease(self, job: str, holder: str, now: float, until: float) -> bool:
        return bool(await self.rows(facts.LEASE, job, holder, now, until))

    async def get(self, name: str) -> str | None:
        found = await self.rows(facts.GET, name)
        return found[0][0] if found else None

    async def put(self, name: str, value: str) -> None:
        await self.rows(facts.PUT, name, value)
