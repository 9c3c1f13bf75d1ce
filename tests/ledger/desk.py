"""What tests of the ledger stand on: a real store, a clock that stands still, an account, and the mint with its keys."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from doorward.core.account import PERSON, Account
from doorward.core.errors import Refused, Why
from doorward.core.event import Kind
from doorward.core.proof import Proof
from doorward.core.revoked import Revoked
from doorward.core.route import Route
from doorward.core.secret import Secret
from doorward.core.store import Store, Tx
from doorward.crypto.digest import Peppers
from doorward.crypto.keyring import Keyring, new_signing_key
from doorward.crypto.seal import Sealer
from doorward.ledger.mint import LOGIN, Issued, Mint, TokenOptions
from doorward.ledger.revoke import Revoke
from doorward.ledger.rotate import Rotate
from doorward.methods.jwt import Jwt
from doorward.stores.sqlite import SqliteStore
from tests.methods.place import NOW, request

ISSUER = "https://door.example"
SEALER = Sealer({"a": b"a" * 32}, "a", os.urandom)
KEY = new_signing_key("ES256", SEALER, os.urandom, NOW - 100, NOW - 100)
ADA = Account(
    name="ada",
    kind=PERSON,
    created_at=NOW - 1000,
    email="ada@example.org",
    scopes=frozenset({"read:pets", "write:pets"}),
    roles=frozenset({"keeper"}),
)


@dataclass
class Desk:
    store: Store
    now: float = NOW
    options: TokenOptions = field(default_factory=TokenOptions)
    peppers: Peppers = field(default_factory=lambda: Peppers({"p1": b"1" * 32}, "p1"))
    revoked: Revoked = field(default_factory=Revoked)
    seen: int = 0

    def __post_init__(self) -> None:
        self.keyring = Keyring()
        self.keyring.load([KEY], SEALER, NOW)
        self.jwt = Jwt(keyring=self.keyring, revoked=self.revoked, clock=self.clock, issuer=ISSUER)

    def clock(self) -> float:
        return self.now

    @property
    def mint(self) -> Mint:
        return Mint(
            store=self.store,
            keyring=self.keyring,
            peppers=self.peppers,
            clock=self.clock,
            entropy=os.urandom,
            issuer=ISSUER,
            options=self.options,
        )

    @property
    def revoke(self) -> Revoke:
        return Revoke(self.store, self.options.access_life)

    @property
    def rotate(self) -> Rotate:
        return Rotate(self.mint, self.revoke)

    async def add(self, account: Account = ADA) -> None:
        async def work(tx: Tx) -> None:
            await tx.add_account(account)

        await self.store.write(work)

    async def refresh(self, token: Secret, holder: str = LOGIN) -> Issued | Why:
        try:
            return await self.rotate.refresh(token, holder)
        except Refused as refused:
            return refused.why

    async def watch(self) -> None:
        """What another worker does all the time."""
        for change in await self.store.changes.since(self.seen):
            self.revoked.apply(change)
            self.seen = change.seq

    async def prove(self, token: Secret) -> Proof | Why:
        """As another worker would, which has read the changes."""
        await self.watch()
        try:
            shown = self.jwt.find(request([("Authorization", f"Bearer {token.reveal()}")]), Route(path="/**", allow=None))
            assert shown is not None
            return await self.jwt.prove(shown)
        except Refused as refused:
            return refused.why

    async def events(self) -> list[Kind]:
        return [entry.event.kind for entry in await self.store.journal.read()]


def refresh_of(issued: Issued | Why) -> Secret:
    assert isinstance(issued, Issued), issued
    assert issued.refresh_token is not None
    return issued.refresh_token


@asynccontextmanager
async def a_desk(folder: Path, options: TokenOptions | None = None) -> AsyncIterator[Desk]:
    store = await SqliteStore.open(folder / "doorward.db", clock=lambda: NOW)
    desk = Desk(store, options=options or TokenOptions())
    try:
        await desk.add()
        yield desk
    finally:
        await store.close()
