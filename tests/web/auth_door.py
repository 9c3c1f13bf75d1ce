"""`/auth/…` and `/oauth/jwks` over a real store, as a client speaks to them."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from doorward.core.case import Case
from doorward.core.errors import Refused
from doorward.core.event import Kind
from doorward.core.gate import Gate, GateOptions
from doorward.core.limit import Rate
from doorward.core.revoked import Revoked
from doorward.core.route import Routes
from doorward.crypto.keyring import Keyring, new_signing_key
from doorward.crypto.seal import Sealer
from doorward.ledger.mint import Mint, TokenOptions
from doorward.ledger.revoke import Revoke
from doorward.ledger.rotate import Rotate
from doorward.login.password import PasswordSignIn
from doorward.login.session import Sessions
from doorward.methods.jwt import Jwt
from doorward.methods.session import SessionOptions
from doorward.web.answer import Answerer
from doorward.web.auth import AuthDoor
from doorward.web.auth_answers import AuthParts
from doorward.web.jwks import Jwks
from doorward.web.proxy import Proxies
from tests.methods.place import NOW, PASSWORD, Place, a_place

ISSUER = "https://door.example"
SEALER = Sealer({"a": b"a" * 32}, "a", os.urandom)
KEY = new_signing_key("ES256", SEALER, os.urandom, NOW - 100, NOW - 100)
GOOD = {"username": "alice", "password": PASSWORD.reveal()}


@dataclass
class Auth:
    place: Place
    session: SessionOptions = field(default_factory=SessionOptions)
    heard: list[Refused] = field(default_factory=list)

    def __post_init__(self) -> None:
        place, clock = self.place, self.place.clock
        self.keyring, self.revoked = Keyring(), Revoked()
        self.keyring.load([KEY], SEALER, NOW)
        jwt = Jwt(keyring=self.keyring, revoked=self.revoked, clock=clock, issuer=ISSUER)
        gate = Gate([jwt, place.session(self.session)], Routes([]), place.store.once, place.store.meter, clock, GateOptions())
        mint = Mint(
            store=place.store,
            keyring=self.keyring,
            peppers=place.peppers,
            clock=clock,
            entropy=os.urandom,
            issuer=ISSUER,
            options=TokenOptions(),
        )
        revoke = Revoke(place.store, 900)
        parts = AuthParts(
            gate=gate,
            passwords=PasswordSignIn(place.passwords(), clock),
            mint=mint,
            rotate=Rotate(mint, revoke),
            revoke=revoke,
            sessions=Sessions(store=place.store, revoke=revoke, clock=clock, entropy=os.urandom, options=self.session),
            session_options=self.session,
            observers=(self._hear,),
        )
        self.door = AuthDoor(parts, answerer=Answerer(gate.methods), proxies=Proxies(()))
        self.jwks = Jwks(self.keyring, clock)

    def _hear(self, case: Case, refused: Refused | None) -> None:
        assert refused is not None
        self.heard.append(refused)

    def client(self, base: str = ISSUER, address: str = "192.0.2.1") -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.door, client=(address, 4711)), base_url=base)

    async def watch(self) -> None:
        for change in await self.place.store.changes.since(0):
            self.revoked.apply(change)

    async def events(self) -> list[Kind]:
        return [entry.event.kind for entry in await self.place.store.journal.read()]


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


@asynccontextmanager
async def an_auth(folder: Path, failures: Rate | None = None) -> AsyncIterator[Auth]:
    async with a_place(folder, failures=failures) as place:
        await place.account(email="alice@example.org")
        yield Auth(place)
