"""Every method passes the one suite."""

import base64
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doorward.admin import accounts, keys, sessions, webhooks
from doorward.admin.actor import LOCAL
from doorward.admin.keys import KeyOrder, NewKey
from doorward.admin.taking_back import taking_back
from doorward.admin.webhooks import SenderOrder
from doorward.core import access_text, key_text
from doorward.core.account import SERVICE
from doorward.core.credential import Credential
from doorward.core.event import Change, Topic
from doorward.core.policy import METHODS, By
from doorward.core.presented import Presented, x5t
from doorward.core.request import Request
from doorward.core.revoked import Revoked
from doorward.core.route import Route
from doorward.core.secret import Secret
from doorward.core.store import Tx
from doorward.crypto.client_chain import OWN, ClientTrust
from doorward.crypto.hmac_signing import signed_headers
from doorward.crypto.jose import sign_jwt
from doorward.crypto.keyring import Keyring, new_signing_key
from doorward.crypto.message_signing import MessageKey, Wish, sign_request
from doorward.crypto.revocation_list import RevocationLists
from doorward.crypto.signature_algorithms import ALGORITHMS, HMAC, read_private
from doorward.crypto.token_claims import ACCESS_TOKEN
from doorward.crypto.webhook_forms import FIELDS
from doorward.crypto.webhook_secrets import Live, seal
from doorward.methods import ALL
from doorward.methods.access_token import opaque_data
from doorward.methods.jwt import Jwt
from doorward.methods.mtls import Mtls
from doorward.methods.password_check import PASSWORD as PASSWORD_METHOD
from doorward.methods.session import lookup_of, verifier_of
from doorward.methods.session import new_secret as new_session_secret
from doorward.methods.webhook import Webhook
from doorward.web.client_cert import Certificates
from doorward.webhooks import new_secret, sign
from tests import certificates
from tests.conformance.methods import Fields, Kit, MethodSuite
from tests.methods.place import NOW, PASSWORD, Place, a_place, basic

ISSUER = "https://door.example"
PETS = "https://api.example/pets"
ORDER = KeyOrder(name="till", owner="alice", scopes=frozenset({"read:pets"}), lifetime=60.0)


def route(method: str) -> Route:
    return Route(path="/**", allow=By(method))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path) as made:
        yield made


async def end_alice(place: Place) -> None:
    await accounts.end("alice", store=place.store, actor=LOCAL, now=place.now)


class TestApiKey(MethodSuite):
    @pytest.fixture
    async def kit(self, place: Place) -> Kit:
        await place.account()
        new, other = await place.key(ORDER), key_text.make("sk", "live", os.urandom)
        text = new.key.reveal()
        swapped = f"sk_live_{new.id}{other.whole.reveal()[20:63]}"

        async def revoke() -> None:
            await keys.revoke(new.id, store=place.store, actor=LOCAL, now=place.now)

        async def expire() -> None:
            place.now += 60

        return Kit(
            method=place.api_key(),
            route=route("api_key"),
            genuine=lambda: [("X-API-Key", text)],
            forged=[("X-API-Key", swapped + key_text.check_digits(swapped))],
            unknown=[("X-API-Key", other.whole.reveal())],
            twice=[("X-API-Key", text), ("Authorization", f"Bearer {text}")],
            secrets=[text, text[20:63]],
            subject="alice",
            names=["X-API-Key", "Authorization"],
            revoke=revoke,
            end_owner=lambda: end_alice(place),
            expire=expire,
        )


class TestHmac(MethodSuite):
    @pytest.fixture
    async def kit(self, place: Place) -> Kit:
        await place.account()
        new = await place.key(ORDER, method=keys.HMAC)

        def signed(id: str = new.id, secret: Secret = new.key) -> Fields:
            fields = signed_headers(id, secret, "GET", "/pets", b"", timestamp=int(place.now), nonce=os.urandom(8).hex())
            return list(fields.items())

        async def revoke() -> None:
            await keys.revoke(new.id, store=place.store, actor=LOCAL, now=place.now)

        async def expire() -> None:
            place.now += 60

        genuine = signed()
        return Kit(
            method=place.hmac(),
            route=route("hmac"),
            genuine=signed,
            forged=signed(secret=Secret("x" * 43)),
            unknown=signed(id="0" * 12),
            twice=[*genuine, genuine[2]],
            secrets=[new.key.reveal()],
            subject="alice",
            names=["X-Key-Id", "X-Timestamp", "X-Signature", "X-Nonce", "X-Content-SHA256"],
            revoke=revoke,
            end_owner=lambda: end_alice(place),
            expire=expire,
        )


class TestHttpSignature(MethodSuite):
    @pytest.fixture(params=ALGORITHMS)
    async def kit(self, place: Place, request: pytest.FixtureRequest) -> Kit:
        await place.account()
        new = await place.key(replace(ORDER, alg=request.param), method=keys.HTTP_SIGNATURE)
        other = await place.key(replace(ORDER, alg=request.param), method=keys.HTTP_SIGNATURE)

        def signed(id: str = new.id, key: NewKey = new) -> Fields:
            private = key.key if request.param == HMAC else read_private(key.key)
            signs = MessageKey.of(id, private, request.param)
            nonce, wish = os.urandom(8).hex(), Wish(tell_alg=True)
            return list(sign_request("GET", PETS, [], b"", signs, created=int(place.now), nonce=nonce, wish=wish).items())

        async def revoke() -> None:
            await keys.revoke(new.id, store=place.store, actor=LOCAL, now=place.now)

        async def expire() -> None:
            place.now += 60

        genuine = signed()
        return Kit(
            method=place.http_signature(),
            route=route("http_signature"),
            genuine=signed,
            forged=signed(key=other),
            unknown=signed(id="0" * 12),
            twice=[*genuine, genuine[1]],
            secrets=[new.key.reveal()],
            subject="alice",
            names=["Signature-Input", "Signature", "Content-Digest"],
            revoke=revoke,
            end_owner=lambda: end_alice(place),
            expire=expire,
        )


class TestAccessToken(MethodSuite):
    @pytest.fixture
    async def kit(self, place: Place) -> Kit:
        await place.account()
        text, other = access_text.make(os.urandom), access_text.make(os.urandom)
        whole = text.whole.reveal()
        swapped = whole[:16] + other.whole.reveal()[16:59]
        credential = Credential(
            id=text.id,
            method=access_text.METHOD,
            lookup=text.id,
            verifier=place.peppers.mac(whole.encode()),
            key_id=place.peppers.current,
            owner="alice",
            created_at=NOW,
            expires_at=NOW + 60,
            scopes=frozenset({"read:pets"}),
            data=opaque_data(client="orders", audiences=(ISSUER,), bound_to=frozenset(), seq=0),
        )

        async def work(tx: Tx) -> None:
            await tx.add_credential(credential)

        await place.store.write(work)

        async def revoke() -> None:
            await taking_back(place.store).credential(text.id, actor="orders", now=place.now)

        async def expire() -> None:
            place.now += 60

        return Kit(
            method=place.access_token(),
            route=route("access_token"),
            genuine=lambda: [("Authorization", f"Bearer {whole}")],
            forged=[("Authorization", f"Bearer {swapped}{key_text.check_digits(swapped)}")],
            unknown=[("Authorization", f"Bearer {other.whole.reveal()}")],
            twice=[("Authorization", f"Bearer {whole}")] * 2,
            secrets=[whole, whole[16:59]],
            subject="alice",
            names=["Authorization"],
            revoke=revoke,
            end_owner=lambda: end_alice(place),
            expire=expire,
        )


class TestBasicOfAPerson(MethodSuite):
    @pytest.fixture
    async def kit(self, place: Place) -> Kit:
        await place.account(email="alice@example.org")
        good = basic("alice", PASSWORD.reveal())

        async def revoke() -> None:
            password = await place.store.credentials.find(PASSWORD_METHOD, "alice")
            assert password is not None

            async def work(tx: Tx) -> None:
                await tx.end_credential(password.id, place.now)

            await place.store.write(work)

        return Kit(
            method=place.basic(),
            route=route("basic"),
            genuine=lambda: [good],
            forged=[basic("alice", "wrong: very wrong")],
            unknown=[basic("nobody", PASSWORD.reveal())],
            twice=[good, good],
            secrets=[PASSWORD.reveal(), good[1], "wrong: very wrong"],
            subject="alice",
            names=["Authorization"],
            revoke=revoke,
            end_owner=lambda: end_alice(place),
            expire=None,
        )


class TestBasicOfAService(MethodSuite):
    @pytest.fixture
    async def kit(self, place: Place) -> Kit:
        new = await place.service("till")
        good = basic(new.id, new.secret.reveal())

        async def revoke() -> None:
            async def work(tx: Tx) -> None:
                await tx.end_credential(new.id, place.now)

            await place.store.write(work)

        async def end() -> None:
            await accounts.end("till", store=place.store, actor=LOCAL, now=place.now)

        return Kit(
            method=place.basic(),
            route=route("basic"),
            genuine=lambda: [good],
            forged=[basic(new.id, "x" * 43)],
            unknown=[basic("svc_000000000000", new.secret.reveal())],
            twice=[good, good],
            secrets=[new.secret.reveal(), good[1]],
            subject="till",
            names=["Authorization"],
            revoke=revoke,
            end_owner=end,
            expire=None,
            owner_kind=SERVICE,
        )


class TestSession(MethodSuite):
    @pytest.fixture
    async def kit(self, place: Place) -> Kit:
        await place.account()
        secret = new_session_secret(os.urandom)
        session = Credential(
            id="ses_1",
            method="session",
            lookup=lookup_of(secret),
            verifier=verifier_of(secret),
            owner="alice",
            created_at=NOW,
            expires_at=NOW + 86400,
        )
        # A session has no id beside its secret, so a forged one is one whose row has another verifier.
        half = new_session_secret(os.urandom)

        async def work(tx: Tx) -> None:
            await tx.add_credential(session)
            await tx.add_credential(replace(session, id="ses_2", lookup=lookup_of(half)))

        await place.store.write(work)

        async def revoke() -> None:
            await sessions.revoke("ses_1", store=place.store, actor=LOCAL, now=place.now)

        async def expire() -> None:
            place.now += 7200

        cookie = f"__Host-doorward={secret.reveal()}"
        return Kit(
            method=place.session(),
            route=route("session"),
            genuine=lambda: [("Cookie", cookie)],
            forged=[("Cookie", f"__Host-doorward={half.reveal()}")],
            unknown=[("Cookie", f"__Host-doorward={'0' * 43}")],
            twice=[("Cookie", f"{cookie}; {cookie}")],
            secrets=[secret.reveal(), half.reveal()],
            subject="alice",
            names=["Cookie"],
            revoke=revoke,
            end_owner=lambda: end_alice(place),
            expire=expire,
        )


class TestJwt(MethodSuite):
    @pytest.fixture(params=["Authorization", "Cookie"])
    async def kit(self, place: Place, request: pytest.FixtureRequest) -> Kit:
        keyring, stranger, revoked = Keyring(), Keyring(), Revoked()
        record = new_signing_key("ES256", place.sealer, os.urandom, NOW, NOW)
        keyring.load([record], place.sealer, NOW)
        stranger.load([new_signing_key("ES256", place.sealer, os.urandom, NOW, NOW)], place.sealer, NOW)
        claims = {"iss": ISSUER, "aud": ISSUER, "sub": "alice", "jti": "t1", "iat": NOW, "exp": NOW + 60, "scope": "read:pets"}
        genuine = sign_jwt(claims, keyring.active(NOW), ACCESS_TOKEN)
        # The kid is public, so "unknown" is another token under it: an unknown kid may be cheaper.
        false_key = replace(stranger.active(NOW), kid=record.kid)
        forged = sign_jwt(claims, false_key, ACCESS_TOKEN)
        unknown = sign_jwt({**claims, "jti": "t2"}, false_key, ACCESS_TOKEN)

        def shown(token: str) -> tuple[str, str]:
            name: str = request.param
            return name, f"__Host-doorward-access={token}" if name == "Cookie" else f"Bearer {token}"

        async def end(topic: Topic, id: str) -> None:
            revoked.apply(Change(topic=topic, id=id, at=NOW, until=NOW + 60, seq=1))

        async def expire() -> None:
            place.now += 60

        return Kit(
            method=Jwt(keyring=keyring, revoked=revoked, clock=place.clock, issuer=ISSUER, cookie="doorward-access"),
            route=route("jwt"),
            genuine=lambda: [shown(genuine)],
            forged=[shown(forged)],
            unknown=[shown(unknown)],
            twice=[shown(genuine)] * 2,
            secrets=[genuine, genuine.rpartition(".")[2]],
            subject="alice",
            names=["Authorization", "Cookie"],
            revoke=lambda: end(Topic.TOKEN, "t1"),
            end_owner=lambda: end(Topic.SUBJECT, "alice"),
            expire=expire,
            owner_kind="",
        )


class TestWebhook(MethodSuite):
    """`unknown` names no sender: it is signed by one that was never registered, and the route says whose are taken."""

    @pytest.fixture(params=["standard", "github", "stripe", "slack"])
    async def kit(self, place: Place, request: pytest.FixtureRequest) -> Kit:
        await place.account()
        form: str = request.param
        order = SenderOrder(name="orders", form=form, owner="alice")
        new = await webhooks.add(order, None, store=place.store, sealer=place.sealer, entropy=os.urandom, actor=LOCAL, now=place.now)
        assert new.secret is not None
        body, secret = b'{"order": 1}', new.secret

        def signed(by: Secret = secret, id: str | None = "" if form == "github" else None) -> Fields:
            return list(sign(form, body, by, id=id, clock=place.clock).items())

        async def whole() -> bytes:
            return body

        async def revoke() -> None:
            await webhooks.revoke("orders", store=place.store, actor=LOCAL, now=place.now)

        async def expire() -> None:
            made = await webhooks.show("orders", store=place.store)
            old = seal([Live(new_secret(form), None), Live(secret, place.now)], place.sealer, made.id)

            async def work(tx: Tx) -> None:
                await tx.change_verifier(made.id, made.verifier, old, place.sealer.current)

            await place.store.write(work)

        genuine = signed()
        return Kit(
            method=Webhook(credentials=place.store.credentials, sealer=place.sealer, clock=place.clock),
            route=Route(path="/**", allow=By("webhook"), webhook="orders"),
            genuine=signed,
            forged=signed(new_secret(form)),
            unknown=signed(new_secret(form)),
            twice=[*genuine, genuine[-1]],
            secrets=[secret.reveal()],
            subject="alice",
            names=[field.decode() for field in FIELDS],
            revoke=revoke,
            end_owner=lambda: end_alice(place),
            expire=expire,
            body=whole,
        )


class Told:
    """mtls as a proxy's caller meets it: the certificate comes in Client-Cert."""

    def __init__(self, mtls: Mtls) -> None:
        self._mtls, self._certificates = mtls, Certificates()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mtls, name)

    def __repr__(self) -> str:
        return repr(self._mtls)

    def find(self, request: Request, route: Route) -> Presented | None:
        return self._mtls.find(request._replace(certificate=self._certificates.told(request.headers)), route)


class TestMtls(MethodSuite):
    @pytest.fixture
    async def kit(self, place: Place) -> Kit:
        await place.account()
        ca, impostor = certificates.authority("ca"), certificates.authority("ca")
        own, forged, unknown = (certificates.leaf(each, common_name="till", ends=NOW + 59) for each in (ca, impostor, impostor))
        credential = Credential(
            id="crt_1",
            method="mtls",
            lookup=x5t(own.der),
            verifier=own.der,
            owner="alice",
            kind="issued",
            created_at=NOW,
            expires_at=NOW + 60,
        )

        async def work(tx: Tx) -> None:
            await tx.add_credential(credential)
            await tx.add_credential(replace(credential, id="crt_2", lookup=x5t(forged.der), verifier=forged.der))

        await place.store.write(work)

        async def revoke() -> None:
            async def work(tx: Tx) -> None:
                await tx.end_credential("crt_1", place.now)

            await place.store.write(work)

        async def expire() -> None:
            place.now += 60

        def field(made: certificates.Made) -> tuple[str, str]:
            return "Client-Cert", f":{base64.b64encode(made.der).decode()}:"

        trust = ClientTrust({OWN: [ca.certificate]}, RevocationLists(), {})
        mtls = Mtls(trust=trust, credentials=place.store.credentials, accounts=place.store.accounts, clock=place.clock)
        return Kit(
            method=Told(mtls),
            route=route("mtls"),
            genuine=lambda: [field(own)],
            forged=[field(forged)],
            unknown=[field(unknown)],
            twice=[field(own), field(own)],
            secrets=[own.key_pem.decode().splitlines()[1]],
            subject="alice",
            names=["Client-Cert", "Client-Cert-Chain"],
            revoke=revoke,
            end_owner=lambda: end_alice(place),
            expire=expire,
        )


SUITES = {
    "access_token": TestAccessToken,
    "api_key": TestApiKey,
    "basic": TestBasicOfAPerson,
    "hmac": TestHmac,
    "http_signature": TestHttpSignature,
    "jwt": TestJwt,
    "mtls": TestMtls,
    "session": TestSession,
    "webhook": TestWebhook,
}


def test_every_method_is_a_word_of_the_policy_and_passes_the_suite() -> None:
    names = [method.name for method in ALL]
    assert set(names) == set(SUITES)
    assert set(names) <= set(METHODS)
    assert len(set(names)) == len(names)
