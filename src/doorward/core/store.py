"""The ports. Verbs of the domain, each with its promise; every store passes `tests/conformance/stores.py`.

A write is a function handed to the store: `await store.write(mint)`. It is an `async def` that awaits nothing but
verbs of its `Tx` (DECISIONS 26): on SQLite these never suspend, so one writer drives a group of functions, each in
a savepoint, and acknowledges all after the group's commit. A function may be run again; it has no other effect.
"""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from doorward.core.account import Account
from doorward.core.credential import Credential
from doorward.core.event import Change, Event
from doorward.core.grant import Grant, Spent, Ticket
from doorward.core.limit import Rate, Verdict
from doorward.core.signing import SigningKey

T = TypeVar("T")


class Exists(Exception):
    """A unique thing is there already: a credential's lookup, an account's name or e-mail. `what` names the field."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Unavailable(Exception):
    """The store cannot answer: locked, full, corrupt, read-only, gone. The message says what to do; nothing is half-done."""


class Busy(Unavailable):
    """The bounded queue before the writer is full; nothing was queued."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal row. `digest` and `chain` are None until the chainer linked it (DECISIONS 29).

    `flaw`: why the row is not one that a store wrote; `event` is then what could be read of it.
    """

    seq: int
    event: Event
    digest: bytes | None
    chain: bytes | None
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Signed by the chainer's key: up to this row the chain was this (`core.chain.signed_text`)."""

    seq: int
    chain: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Linked:
    """How many rows were linked, and the last checkpoint then (None: there is none)."""

    rows: int
    end: Checkpoint | None


@dataclass(frozen=True, slots=True)
class Use:
    """How often a credential was used in one minute, with which outcome, and the milliseconds it took in all."""

    credential_id: str
    minute: int
    outcome: str
    count: int
    last_at: float
    address: str = ""


class Tx(Protocol):
    """The verbs inside a write. All or nothing."""

    async def add_credential(self, credential: Credential) -> None:
        """Raises Exists("lookup")."""
        ...

    async def credential(self, id: str) -> Credential | None: ...

    async def end_credential(self, id: str, at: float) -> bool:
        """Sets `revoked_at`. True for the one call that did it; False if there is none or it was ended before."""
        ...

    async def limit_credential(self, id: str, expires_at: float) -> bool:
        """Brings the end forward, never back. True if there is such a credential and it was not ended."""
        ...

    async def change_verifier(self, id: str, old: bytes, new: bytes, key_id: str) -> bool:
        """Compare and set. False when `old` is no longer the verifier."""
        ...

    async def touch_credential(self, id: str, seen_at: float, expires_at: float | None) -> None:
        """A session was used (DECISIONS 33)."""
        ...

    async def add_account(self, account: Account) -> None:
        """Raises Exists("name") or Exists("email"); ended names count."""
        ...

    async def account(self, name: str) -> Account | None: ...

    async def change_account(self, account: Account) -> None:
        """Writes email, scopes, roles, data of an account that is there. Raises Exists("email")."""
        ...

    async def end_account(self, name: str, at: float) -> bool: ...

    async def set_epoch(self, name: str, at: float) -> None:
        """Grants, tokens and sessions of `name` committed before this are revoked, also those that say they were made later
        than `at`. `name` need not be an account."""
        ...

    async def add_grant(self, grant: Grant) -> None: ...

    async def hold(self, grant_id: str) -> Grant | None:
        """The grant, its row held until the end of the write: a revocation comes before us or after us, never between.

        `revoked_at` also tells the end of its subject's account or its client's, and the subject's epoch.
        """
        ...

    async def end_grant(self, grant_id: str, at: float) -> bool:
        """True for the one call that did it."""
        ...

    async def add_ticket(self, ticket: Ticket) -> None: ...

    async def ticket(self, kind: str, lookup: bytes) -> Ticket | None: ...

    async def spend(self, kind: str, lookup: bytes, holder: str, at: float, successor: bytes | None = None) -> Spent | None:
        """Spends by one statement. None: no such ticket, another holder's, or expired at `at`.

        `first_time` is true for exactly one caller; the later ones are given the ticket as the first one left it.
        """
        ...

    async def add_signing_key(self, key: SigningKey) -> None: ...

    async def change_signing_key(self, key: SigningKey) -> None:
        """Writes `active_at`, `retired_at`, `gone_at`, `sealed`, `sealed_by`."""
        ...

    async def signing_keys(self) -> Sequence[SigningKey]: ...

    async def record(self, event: Event) -> None:
        """Into the journal, in this transaction."""
        ...

    async def announce(self, change: Change) -> int:
        """To every worker, in this transaction; gives the change's `seq`, ordered as the commits are."""
        ...

    async def add_uses(self, uses: Iterable[Use]) -> None: ...

    async def lease(self, job: str, holder: str, now: float, until: float) -> bool:
        """True if `holder` may run this background job until then: nobody else holds it at `now`."""
        ...

    async def get(self, name: str) -> str | None:
        """A named fact of this installation."""
        ...

    async def put(self, name: str, value: str) -> None: ...


Write = Callable[[Tx], Awaitable[T]]


class Credentials(Protocol):
    async def find(self, method: str, lookup: str) -> Credential | None:
        """With `ended_at` and `owner_epoch` joined. One row; on SQLite a direct read. Raises Unavailable."""
        ...

    async def get(self, id: str) -> Credential | None: ...

    async def list(self, *, method: str | None = None, owner: str | None = None, after: str = "", most: int = 100) -> Sequence[Credential]:
        """By id, those after `after`."""
        ...

    async def find_by_start(self, method: str, start: str) -> Sequence[Credential]:
        """Imported ones whose hash cannot be looked up: salted or slow (DECISIONS 16). At most 16."""
        ...

    def version(self) -> Hashable:
        """Another value as soon as anything was committed to the store by anybody; never blocks. Raises Unavailable."""
        ...


class Accounts(Protocol):
    async def find(self, name: str) -> Account | None: ...
    async def find_by_email(self, email: str) -> Account | None:
        """Case is folded."""
        ...

    async def list(self, *, kind: str | None = None, after: str = "", most: int = 100) -> Sequence[Account]: ...


class Journal(Protocol):
    async def read(self, *, after: int = 0, most: int = 1000) -> Sequence[Entry]: ...
    async def latest(self) -> int: ...
    async def last(self, most: int) -> Sequence[Entry]:
        """The latest ones, oldest first."""
        ...

    async def link(self, key: Callable[[bytes], bytes], trust: Callable[[Checkpoint | None], None]) -> Linked:
        """Chains the committed rows after the last checkpoint, in order; `key` signs checkpoints.

        In the write itself, so that nobody comes between: `trust` is shown the last checkpoint and raises
        `core.chain.Tampered` if it is not the one; so does `core.chain.check_end`. Nothing is linked then.
        """
        ...

    async def checkpoints(self) -> Sequence[Checkpoint]:
        """In order; for `core.chain.Audit`."""
        ...


class Uses(Protocol):
    async def read(self, credential_id: str, *, since: int = 0) -> Sequence[Use]:
        """By minute, oldest first; `since` is a minute since the epoch."""
        ...

    async def last_used(self, credential_ids: Sequence[str]) -> Mapping[str, float]: ...


class Changes(Protocol):
    async def since(self, seq: int, most: int = 1000) -> Sequence[Change]:
        """Those after `seq`, in order. Raises Unavailable."""
        ...

    async def latest(self) -> int: ...


class Once(Protocol):
    async def spend(self, key: bytes, until: float, now: float) -> bool:
        """True for the first caller of all workers; False for every later one before `until`. Raises Unavailable."""
        ...

    async def trusted_since(self) -> float:
        """Nothing signed before this moment can be told from a replay (DECISIONS 28)."""
        ...


class Meter(Protocol):
    async def take(self, key: str, rate: Rate, now: float) -> Verdict:
        """Takes one if there is one, exactly, over all workers of this machine. Raises Unavailable."""
        ...

    async def look(self, key: str, rate: Rate, now: float) -> Verdict:
        """Whether `take` would be allowed; takes nothing."""
        ...

    async def give_back(self, key: str, rate: Rate, now: float) -> None: ...


class Store(Protocol):
    @property
    def credentials(self) -> Credentials: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def uses(self) -> Uses: ...
    @property
    def changes(self) -> Changes: ...
    @property
    def once(self) -> Once: ...
    @property
    def meter(self) -> Meter: ...

    async def write(self, work: Write[T]) -> T:
        """Runs `work` in one transaction and returns once it is durable. Raises Busy, Unavailable, or what `work` raised
        (then nothing of it was done)."""
        ...

    async def sweep(self, now: float, most: int = 500) -> int:
        """Removes up to `most` expired rows of each kind; gives how many. Call again while it gives more than nought."""
        ...

    async def close(self) -> None: ...
