"""What tests of methods and use-cases stand on: a real store, a clock that stands still, and requests."""

import base64
import itertools
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from doorward.admin import accounts, keys, services
from doorward.admin.accounts import AccountOrder, PasswordMaker
from doorward.admin.actor import LOCAL
from doorward.admin.keys import KeyMaker, KeyOptions, KeyOrder, NewKey
from doorward.admin.services import NewService
from doorward.core.account import Account
from doorward.core.limit import Rate
from doorward.core.policy import By
from doorward.core.request import Body, Headers, Request
from doorward.core.revoked import Revoked
from doorward.core.route import Route
from doorward.core.secret import Secret
from doorward.core.store import Store
from doorward.crypto.digest import Peppers
from doorward.crypto.password import CHEAPEST_FOR_TESTS, HashingPool
from doorward.crypto.seal import Sealer
from doorward.methods.access_token import AccessToken
from doorward.methods.api_key import ApiKey, ApiKeyOptions
from doorward.methods.basic import Basic
from doorward.methods.hmac import Hmac
from doorward.methods.http_signature import HttpSignature, HttpSignatureOptions
from doorward.methods.password_check import BasicOptions, PasswordCheck
from doorward.methods.session import Session, SessionOptions
from doorward.stores.sqlite import SqliteStore

NOW = 1_800_000_000.0
ROUTE = Route(path="/**", allow=By("api_key"))
PASSWORD = Secret("correct: horse battery staple")


def request(
    headers: Iterable[tuple[str, str]] = (),
    *,
    method: str = "GET",
    path: str = "/pets",
    query: str = "",
    scheme: str | None = "https",
    address: str | None = "192.0.2.1",
    body: Body | None = None,
    has_body: bool = False,
) -> Request:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return Request(method, path, query, Headers(raw), scheme, "api.example", address, body, has_body)


def basic(name: str, password: str) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@dataclass
class Place:
    """`now` may be moved forward. Everything else is as in an installation, with the cheapest password hashing."""

    store: Store
    now: float = NOW
    failures: Rate | None = None
    peppers: Peppers = field(default_factory=lambda: Peppers({"p1": bytes(range(32)), "old": bytes(range(1, 33))}, "p1"))
    sealer: Sealer = field(default_factory=lambda: Sealer({"s1": bytes(range(2, 34))}, "s1", os.urandom))
    pool: HashingPool = field(default_factory=lambda: HashingPool(threads=2, queue=8))
    names: Iterable[int] = field(default_factory=itertools.count)

    def clock(self) -> float:
        return self.now

    @property
    def maker(self) -> KeyMaker:
        return KeyMaker(peppers=self.peppers, sealer=self.sealer, entropy=os.urandom, options=KeyOptions())

    @property
    def password_maker(self) -> PasswordMaker:
        return PasswordMaker(pool=self.pool, params=CHEAPEST_FOR_TESTS, entropy=os.urandom)

    async def key(self, order: KeyOrder | None = None, method: str = keys.API_KEY) -> NewKey:
        order = order or KeyOrder(name="till", owner="shop", scopes=frozenset({"read:pets"}))
        return await keys.create(order, store=self.store, maker=self.maker, actor=LOCAL, now=self.now, method=method)

    async def account(self, name: str = "alice", password: Secret | None = PASSWORD, email: str | None = None) -> Account:
        order = AccountOrder(name=name, email=email, password=password, scopes=frozenset({"read:pets"}), roles=frozenset({"keeper"}))
        return await accounts.create(order, store=self.store, maker=self.password_maker, actor=LOCAL, now=self.now)

    async def service(self, name: str = "till") -> NewService:
        return await services.create(
            name,
            frozenset({"read:pets"}),
            store=self.store,
            peppers=self.peppers,
            entropy=os.urandom,
            actor=LOCAL,
            now=self.now,
        )

    def api_key(self, options: ApiKeyOptions | None = None) -> ApiKey:
        return ApiKey(
            credentials=self.store.credentials,
            peppers=self.peppers,
            clock=self.clock,
            pool=self.pool,
            write=self.store.write,
            options=options,
        )

    def access_token(self, revoked: Revoked | None = None, fresh: bool = True) -> AccessToken:
        return AccessToken(
            credentials=self.store.credentials,
            peppers=self.peppers,
            revoked=revoked if revoked is not None else Revoked(),
            clock=self.clock,
            issuer="https://door.example",
            fresh=lambda: fresh,
        )

    def hmac(self) -> Hmac:
        return Hmac(credentials=self.store.credentials, sealer=self.sealer, clock=self.clock)

    def http_signature(self, options: HttpSignatureOptions | None = None) -> HttpSignature:
        return HttpSignature(credentials=self.store.credentials, sealer=self.sealer, clock=self.clock, options=options)

    def session(self, options: SessionOptions | None = None) -> Session:
        return Session(
            credentials=self.store.credentials,
            accounts=self.store.accounts,
            clock=self.clock,
            write=self.store.write,
            options=options,
        )

    def passwords(self, options: BasicOptions | None = None) -> PasswordCheck:
        return PasswordCheck(
            credentials=self.store.credentials,
            accounts=self.store.accounts,
            pool=self.pool,
            params=CHEAPEST_FOR_TESTS,
            meter=self.store.meter,
            failures=self.failures,
            clock=self.clock,
            entropy=os.urandom,
            write=self.store.write,
            options=options,
        )

    def basic(self, options: BasicOptions | None = None) -> Basic:
        return Basic(
            credentials=self.store.credentials,
            accounts=self.store.accounts,
            peppers=self.peppers,
            passwords=self.passwords(options),
            clock=self.clock,
        )


@asynccontextmanager
async def a_place(folder: Path, failures: Rate | None = None) -> AsyncIterator[Place]:
    store = await SqliteStore.open(folder / "doorward.db", clock=lambda: NOW)
    place = Place(store, failures=failures)
    try:
        yield place
    finally:
        place.pool.close()
        await store.close()
