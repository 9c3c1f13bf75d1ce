"""Tables as dictionaries, and the verbs of a write over them. Every change remembers how to take it back."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from doorward.core.account import Account
from doorward.core.credential import Credential
from doorward.core.event import Change, Event
from doorward.core.grant import Grant, Spent, Ticket
from doorward.core.signing import SigningKey
from doorward.core.store import Checkpoint, Entry, Exists, Use

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Tables:
    """What the store holds. `numbers` count what was ever written: a swept row's `seq` is not given again."""

    def __init__(self) -> None:
        self.credentials: dict[str, Credential] = {}
        self.lookups: dict[tuple[str, str], str] = {}
        self.accounts: dict[str, Account] = {}
        self.emails: dict[str, str] = {}
        self.epochs: dict[str, float] = {}
        self.grants: dict[str, Grant] = {}
        self.tickets: dict[tuple[str, bytes], Ticket] = {}
        self.signing_keys: dict[str, SigningKey] = {}
        self.journal: dict[int, Entry] = {}
        self.checkpoints: list[Checkpoint] = []
        self.changes: dict[int, Change] = {}
        self.uses: dict[tuple[str, int, str], Use] = {}
        self.leases: dict[str, tuple[str, float]] = {}
        self.facts: dict[str, str] = {}
        self.numbers: dict[str, int] = {"journal": 0, "changes": 0, "writes": 0}

    def with_liveness(self, credential: Credential) -> Credential:
        owner = self.accounts.get(credential.owner)
        ends = [] if owner is None or owner.ended_at is None else [owner.ended_at]
        if credential.grant_id is not None:
            grant = self.grants.get(credential.grant_id)
            end = credential.created_at if grant is None else grant.revoked_at  # a grant that was swept has ended
            ends += [] if end is None else [end]
        return replace(
            credential,
            ended_at=min(ends, default=None),
            owner_epoch=self.epochs.get(credential.owner),
            owner_kind="" if owner is None else owner.kind,
        )

    def with_epoch(self, account: Account) -> Account:
        return replace(account, epoch=self.epochs.get(account.name))


class MemoryTx:
    """`core.store.Tx`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._undo: list[Callable[[], object]] = []

    def roll_back(self) -> None:
        while self._undo:
            self._undo.pop()()

    def _set(self, table: dict[K, V], key: K, value: V) -> None:
        if key in table:
            self._undo.append(lambda old=table[key]: table.__setitem__(key, old))  # type: ignore[misc]
        else:
            self._undo.append(lambda: table.pop(key))
        table[key] = value

    def _number(self, name: str) -> int:
        number = self._tables.numbers[name] + 1
        self._set(self._tables.numbers, name, number)
        return number

    async def add_credential(self, credential: Credential) -> None:
        if (credential.method, credential.lookup) in self._tables.lookups:
            raise Exists("lookup")
        if credential.id in self._tables.credentials:
            raise Exists("id")
        self._set(self._tables.credentials, credential.id, credential)
        self._set(self._tables.lookups, (credential.method, credential.lookup), credential.id)

    async def credential(self, id: str) -> Credential | None:
        found = self._tables.credentials.get(id)
        return None if found is None else self._tables.with_liveness(found)

    def _not_ended(self, id: str) -> Credential | None:
        found = self._tables.credentials.get(id)
        return None if found is None or found.revoked_at is not None else found

    async def end_credential(self, id: str, at: float) -> bool:
        found = self._not_ended(id)
        if found is not None:
            self._set(self._tables.credentials, id, replace(found, revoked_at=at))
        return found is not None

    async def limit_credential(self, id: str, expires_at: float) -> bool:
        found = self._not_ended(id)
        if found is not None and (found.expires_at is None or expires_at < found.expires_at):
            self._set(self._tables.credentials, id, replace(found, expires_at=expires_at))
        return found is not None

    async def change_verifier(self, id: str, old: bytes, new: bytes, key_id: str) -> bool:
        found = self._tables.credentials.get(id)
        if found is None or found.verifier != old:
            return False
        self._set(self._tables.credentials, id, replace(found, verifier=new, key_id=key_id))
        return True

    async def touch_credential(self, id: str, seen_at: float, expires_at: float | None) -> None:
        found = self._not_ended(id)
        if found is not None:
            end = found.expires_at if expires_at is None else expires_at
            self._set(self._tables.credentials, id, replace(found, seen_at=seen_at, expires_at=end))

    async def add_account(self, account: Account) -> None:
        if account.name in self._tables.accounts:
            raise Exists("name")
        self._take_email(account, None)
        self._set(self._tables.accounts, account.name, account)
        if account.epoch is not None:
            await self.set_epoch(account.name, account.epoch)

    def _take_email(self, account: Account, before: str | None) -> None:
        folded = None if account.email is None else account.email.casefold()
        if folded is not None and self._tables.emails.get(folded, account.name) != account.name:
            raise Exists("email")
        if before is not None and before.casefold() != folded:
            old = before.casefold()
            self._undo.append(lambda: self._tables.emails.__setitem__(old, account.name))
            del self._tables.emails[old]
        if folded is not None:
            self._set(self._tables.emails, folded, account.name)

    async def account(self, name: str) -> Account | None:
        found = self._tables.accounts.get(name)
        return None if found is None else self._tables.with_epoch(found)

    async def change_account(self, account: Account) -> None:
        found = self._tables.accounts.get(account.name)
        if found is None:
            return
        self._take_email(account, found.email)
        changed = replace(found, email=account.email, scopes=account.scopes, roles=account.roles, data=account.data)
        self._set(self._tables.accounts, account.name, changed)

    async def end_account(self, name: str, at: float) -> bool:
        found = self._tables.accounts.get(name)
        if found is None or found.ended_at is not None:
            return False
        self._set(self._tables.accounts, name, replace(found, ended_at=at))
        return True

    async def set_epoch(self, name: str, at: float) -> None:
        grants = (grant.created_at for grant in self._tables.grants.values() if grant.subject == name)
        sessions = (each.created_at for each in self._tables.credentials.values() if each.method == "session" and each.owner == name)
        at = min(at + 60, max((at, *grants, *sessions)))
        if self._tables.epochs.get(name, at) <= at:
            self._set(self._tables.epochs, name, at)

    async def add_grant(self, grant: Grant) -> None:
        self._set(self._tables.grants, grant.id, grant)

    async def hold(self, grant_id: str) -> Grant | None:
        grant = self._tables.grants.get(grant_id)
        if grant is None:
            return None
        epoch, accounts = self._tables.epochs.get(grant.subject), self._tables.accounts
        ends = [grant.revoked_at, *(accounts[name].ended_at for name in (grant.subject, grant.client) if name in accounts)]
        ends.append(epoch if epoch is not None and epoch >= grant.created_at else None)
        return replace(grant, revoked_at=min((end for end in ends if end is not None), default=None))

    async def end_grant(self, grant_id: str, at: float) -> bool:
        grant = self._tables.grants.get(grant_id)
        if grant is None or grant.revoked_at is not None:
            return False
        self._set(self._tables.grants, grant_id, replace(grant, revoked_at=at))
        return True

    async def add_ticket(self, ticket: Ticket) -> None:
        self._set(self._tables.tickets, (ticket.kind, ticket.lookup), ticket)

    async def ticket(self, kind: str, lookup: bytes) -> Ticket | None:
        return self._tables.tickets.get((kind, lookup))

    async def spend(self, kind: str, lookup: bytes, holder: str, at: float, successor: bytes | None = None) -> Spent | None:
        ticket = self._tables.tickets.get((kind, lookup))
        if ticket is None or ticket.holder != holder or ticket.expires_at <= at:
            return None
        if ticket.spent_at is not None:
            return Spent(ticket, first_time=False)
        spent = replace(ticket, spent_at=at, successor=successor)
        self._set(self._tables.tickets, (kind, lookup), spent)
        return Spent(spent, first_time=True)

    async def add_signing_key(self, key: SigningKey) -> None:
        self._set(self._tables.signing_keys, key.kid, key)

    async def change_signing_key(self, key: SigningKey) -> None:
        found = self._tables.signing_keys.get(key.kid)
        if found is not None:
            times = {name: getattr(key, name) for name in ("active_at", "retired_at", "gone_at", "sealed", "sealed_by")}
            self._set(self._tables.signing_keys, key.kid, replace(found, **times))

    async def signing_keys(self) -> Sequence[SigningKey]:
        return sorted(self._tables.signing_keys.values(), key=lambda key: (key.created_at, key.kid))

    async def record(self, event: Event) -> None:
        seq = self._number("journal")
        self._set(self._tables.journal, seq, Entry(seq, event, None, None))

    async def announce(self, change: Change) -> int:
        seq = self._number("changes")
        self._set(self._tables.changes, seq, replace(change, seq=seq))
        return seq

    async def add_uses(self, uses: Iterable[Use]) -> None:
        for use in uses:
            key = (use.credential_id, use.minute, use.outcome)
            known = self._tables.uses.get(key)
            if known is not None:
                address = use.address if use.address and use.last_at >= known.last_at else known.address
                use = replace(use, count=known.count + use.count, last_at=max(known.last_at, use.last_at), address=address)
            self._set(self._tables.uses, key, use)

    async def lease(self, job: str, holder: str, now: float, until: float) -> bool:
        other, ends = self._tables.leases.get(job, (holder, until))
        if other != holder and ends > now:
            return False
        self._set(self._tables.leases, job, (holder, until))
        return True

    async def get(self, name: str) -> str | None:
        return self._tables.facts.get(name)

    async def put(self, name: str, value: str) -> None:
        self._set(self._tables.facts, name, value)
