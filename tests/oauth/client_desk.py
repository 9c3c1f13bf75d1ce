"""Clients for tests: made in a real store, with keys and certificates of their own, and `ClientAuth` over them."""

import base64
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from doorward.admin import clients
from doorward.admin.actor import LOCAL
from doorward.admin.client_metadata import ClientOrder
from doorward.admin.clients import NewClient, NewSecret, SecretMaker
from doorward.core.client import Client
from doorward.core.presented import Presented
from doorward.core.request import Request
from doorward.crypto.algorithms import ASYMMETRIC, PrivateKey, generate, signer
from doorward.crypto.client_chain import ClientTrust
from doorward.crypto.jwk import to_jwk
from doorward.crypto.revocation_list import RevocationLists
from doorward.oauth.client_assertion import AssertionCheck
from doorward.oauth.client_auth import ClientAuth, ClientStore
from doorward.oauth.client_certificate import CertificateCheck
from doorward.oauth.client_key_source import KeySource
from doorward.oauth.errors import OAuthError
from doorward.oauth.shown_client import JWT_BEARER
from doorward.outbound.fetch import Fetched
from doorward.outbound.refusal import Failure, FetchError
from tests.methods.place import Place, a_place, basic, request

ISSUER: Final = "https://door.example"
TOKEN_ENDPOINT: Final = f"{ISSUER}/oauth/token"
NOBODY: Final = ClientTrust({}, RevocationLists(), {})


@dataclass(frozen=True)
class KeyPair:
    """`alg` as the header says it."""

    alg: str = "ES256"
    kid: str = "k1"
    private: PrivateKey = field(default_factory=lambda: generate("ES256"))

    @property
    def public(self) -> dict[str, Any]:
        return {**to_jwk(self.private.public_key()), "kid": self.kid, "alg": self.alg}

    def sign(self, claims: Mapping[str, object] | bytes, **header: object) -> str:
        """Any claims, under any header: what a test wants to have refused, too."""
        said = {"alg": self.alg, "kid": self.kid, **header}
        head = json.dumps({name: value for name, value in said.items() if value is not None}).encode()
        body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        signed = f"{encoded(head)}.{encoded(body)}"
        return f"{signed}.{encoded(signer(self.alg, self.private)(signed.encode()))}" if self.alg in ASYMMETRIC else f"{signed}."


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class ClientDesk:
    """`pages`: what is found at a URL; `asked`: the URLs that were fetched. `trust`: the authorities of clients."""

    place: Place
    pages: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    trust: ClientTrust = NOBODY

    def __post_init__(self) -> None:
        place, store = self.place, self.place.store
        self.keys = KeySource(self.get, place.clock)
        self.auth = ClientAuth(
            ClientStore(
                accounts=store.accounts,
                credentials=store.credentials,
                peppers=place.peppers,
                clock=place.clock,
                version=store.credentials.version,
            ),
            os.urandom(32),
            AssertionCheck(keys=self.keys, once=store.once, clock=place.clock, audiences=frozenset({ISSUER, TOKEN_ENDPOINT})),
            CertificateCheck(keys=self.keys, credentials=store.credentials, clock=place.clock, trust=lambda: self.trust),
        )

    async def get(self, url: str) -> Fetched:
        self.asked.append(url)
        if url not in self.pages:
            raise FetchError(Failure.UNREACHABLE)
        return Fetched(self.pages[url], "application/json", None)

    @property
    def maker(self) -> SecretMaker:
        return SecretMaker(peppers=self.place.peppers, entropy=os.urandom)

    async def client(self, name: str = "till", **order: Any) -> NewClient:
        wanted = replace(ClientOrder(name=name, scopes=frozenset({"read:pets"})), **order)
        return await clients.create(wanted, store=self.place.store, maker=self.maker, actor=LOCAL, now=self.place.now)

    async def with_secret(self, **order: Any) -> tuple[str, str]:
        new = await self.client(**order)
        assert new.secret is not None
        return new.client.id, new.secret.reveal()

    async def with_key(self, *keys: KeyPair) -> Client:
        return (await self.client(auth="private_key_jwt", jwks={"keys": [key.public for key in keys]})).client

    async def rotate(self, id: str, overlap: float = clients.OVERLAP) -> NewSecret:
        return await clients.rotate_secret(id, store=self.place.store, maker=self.maker, actor=LOCAL, now=self.place.now, overlap=overlap)

    async def end(self, id: str) -> Client:
        return await clients.end(id, store=self.place.store, actor=LOCAL, now=self.place.now)

    async def basic(self, id: str, secret: str) -> Client:
        return await self.auth.authenticate({}, request([basic(id, secret)], method="POST"))

    async def post(self, id: str, secret: str) -> Client:
        return await self.form(client_id=id, client_secret=secret)

    async def form(self, **form: str) -> Client:
        return await self.auth.authenticate(form, request(method="POST"))

    async def assertion(self, text: str, **form: str) -> Client:
        return await self.form(client_assertion=text, client_assertion_type=JWT_BEARER, **form)

    async def shown(self, id: str, *chain: bytes) -> Client:
        return await self.auth.authenticate({"client_id": id}, with_certificate(Presented(chain)))

    def claims(self, client: Client, **more: object) -> dict[str, object]:
        """A good assertion; None takes a claim out."""
        now = int(self.place.now)
        said = {"iss": client.id, "sub": client.id, "aud": ISSUER, "exp": now + 60, "iat": now, "jti": encoded(os.urandom(16)), **more}
        return {name: value for name, value in said.items() if value is not None}


def with_certificate(presented: Presented) -> Request:
    return request(method="POST")._replace(certificate=presented)


async def refusal(trying: Any) -> OAuthError:
    """How it was refused; never with an error of ours."""
    try:
        await trying
    except OAuthError as reason:
        assert reason.status == (401 if reason.code == "invalid_client" else 400)
        return reason
    raise AssertionError("it was let in")


@asynccontextmanager
async def a_client_desk(folder: Path) -> AsyncIterator[ClientDesk]:
    async with a_place(folder) as place:
        yield ClientDesk(place)
