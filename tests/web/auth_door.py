"""`/auth/…` and `/oauth/jwks` over a real store, as a client speaks to them."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from doorward.core.case import Case
from doorward.core.cookie_name import access_cookie
from doorward.core.errors import Refused
from doorward.core.event import Kind
from doorward.core.gate import Gate, GateOptions
from doorward.core.limit import Rate
from doorward.core.policy import parse
from doorward.core.revoked import Revoked
from doorward.core.route import Route, Routes
from doorward.crypto.dpop_nonce import DpopNonces
from doorward.crypto.dpop_proof import ALGS
from doorward.crypto.keyring import Keyring, new_signing_key
from doorward.crypto.seal import Sealer
from doorward.crypto.token_csrf import TokenCsrf
from doorward.ledger.dpop_key import DpopKeys
from doorward.ledger.mint import Mint, TokenOptions
from doorward.ledger.revoke import Revoke
from doorward.ledger.rotate import Rotate
from doorward.login.password import PasswordSignIn
from doorward.login.session import Sessions
from doorward.methods.dpop import Dpop, DpopOptions
from doorward.methods.jwt import Jwt
from doorward.methods.session import SessionOptions
from doorward.web.answer import Answerer
from doorward.web.auth import AuthDoor
from doorward.web.auth_answers import AuthParts
from doorward.web.guard import Guard
from doorward.web.jwks import Jwks
from doorward.web.proxy import Proxies
from tests.methods.place import NOW, PASSWORD, Place, a_place

ISSUER = "https://door.example"
SEALER = Sealer({"a": b"a" * 32}, "a", os.urandom)
KEY = new_signing_key("ES256", SEALER, os.urandom, NOW - 100, NOW - 100)
GOOD = {"username": "alice", "password": PASSWORD.reveal()}


async def hello(scope: Any, _: Any, send: Any) -> None:
    principal = scope["principal"]
    body = f"{principal.subject} by {'+'.join(principal.methods)}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Auth:
    place: Place
    session: SessionOptions = field(default_factory=SessionOptions)
    nonce: str = "off"
    heard: list[Refused] = field(default_factory=list)

    def __post_init__(self) -> None:
        place, clock = self.place, self.place.clock
        self.keyring, self.revoked = Keyring(), Revoked()
        self.keyring.load([KEY], SEALER, NOW)
        csrf, options = TokenCsrf(place.peppers), DpopOptions(nonce=self.nonce)
        cookie = access_cookie(self.session.cookie)
        jwt = Jwt(keyring=self.keyring, revoked=self.revoked, clock=clock, issuer=ISSUER, cookie=cookie, csrf=csrf.of)
        dpop = Dpop(nonces=DpopNonces(place.peppers, clock, options.nonce_life), clock=clock, options=options)
        routes, once = Routes([Route(path="/pets/**", allow=parse("jwt or session or api_key"))]), place.store.once
        methods: list[Any] = [jwt, place.session(self.session), place.api_key()]
        self.gate = gate = Gate(methods, routes, once, place.store.meter, clock, GateOptions(), dpop=dpop)
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
            dpop_keys=DpopKeys(dpop=dpop, once=once, clock=clock, issuer=ISSUER),
            csrf=csrf,
            observers=(self._hear,),
        )
        answerer = Answerer(gate.methods, dpop=ALGS)
        self.door = AuthDoor(parts, answerer=answerer, proxies=Proxies(()))
        self.guarded = Guard(hello, gate=gate, answerer=answerer, proxies=Proxies(()), clock=clock)
        self.jwks = Jwks(self.keyring, clock)

    def _hear(self, case: Case, refused: Refused | None) -> None:
        assert refused is not None
        self.heard.append(refused)

    def client(self, base: str = ISSUER, address: str = "192.0.2.1") -> httpx.AsyncClient:
        """Of a browser that keeps its cookies, if one likes: /auth/… and a guarded /pets/…"""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self._doors, client=(address, 4711)), base_url=base)

    async def _doors(self, scope: Any, receive: Any, send: Any) -> None:
        await (self.guarded if scope["path"].startswith("/pets") else self.door)(scope, receive, send)

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
