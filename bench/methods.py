"""What a method costs by itself, in process: a request found and proven as the gate does it, beside libraries for the same form.

Whatever is signed is met once. Ours also finds whose key it is, in SQLite on disk; that it was used is asked by the gate, later.
Opaque tokens and certificates have no library that does the same: their figures stand alone.
"""

import json
import os
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import httpx

from bench import method_peers, place, verify_ways
from bench.place import Place
from bench.rounds import Effort, Prepare, Run, rates
from bench.row import Goal, Row, alone, compared
from doorward.app import Doorward
from doorward.client.dpop import DpopKey
from doorward.core.method import Method
from doorward.core.policy import parse
from doorward.core.presented import Presented
from doorward.core.request import Headers, Request
from doorward.core.route import Route
from doorward.core.secret import Secret
from doorward.crypto import base64url
from doorward.crypto.digest import sha256
from doorward.crypto.hmac_signing import signed_headers
from doorward.crypto.message_signing import MessageKey, sign_request
from doorward.crypto.signature_algorithms import HMAC, read_private
from doorward.webhooks.signing import new_secret
from doorward.webhooks.signing import sign as sign_webhook
from doorward.webhooks.signing import verify as verify_webhook

AHEAD: Final = Goal(number=1.0)
URL: Final = "https://api.example/pets/7"
BODY: Final = b'{"type":"pet.sold","data":{"id":7,"name":"Rex"}}'
MANY: Final = 100_000
DEAR: Final = 400
"""As many RSA signatures are made for a round at most: a millisecond each."""
Head = dict[str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """What is sent for one method, and how others read the same. `peers` take what `theirs` makes of a request's fields."""

    key: str
    what: str
    method: Method[Any]
    head: Callable[[], Head]
    peers: dict[str, Callable[[Any], object]]
    theirs: Callable[[Head], object] = dict
    route: Route = Route(path="/**", allow=parse("api_key"))  # noqa: RUF009 - frozen
    body: bytes = b""
    certificate: Presented | None = None
    most: int = MANY


async def measure(effort: Effort) -> list[Row]:
    with place.made() as home:
        made = keys(home)
        async with Doorward(home.data, environ={}) as door:
            rows = [row for form in await forms(home, door, made) for row in await held(form, effort)]
    return [*rows, await webhook_function(effort)]


async def held(form: Form, effort: Effort) -> list[Row]:
    count = min(effort.batch, form.most)
    heads = [form.head() for _ in range(count)]
    subjects: dict[str, Prepare] = {"ours": partial(ours, form, heads)}
    for name, peer in form.peers.items():
        subjects[name] = partial(each, peer, [form.theirs(head) for head in heads])
    found = await rates(subjects, effort.rounds)
    if not form.peers:
        return [alone(f"method-{form.key}", form.what, "/s", found["ours"])]
    return [compared(f"method-{form.key}-{name}", form.what, "/s", found["ours"], name, found[name], AHEAD) for name in form.peers]


def ours(form: Form, heads: Sequence[Head]) -> Run:
    find, prove = form.method.find, form.method.prove
    requests = [request(form, head) for head in heads]

    async def run() -> int:
        for each in requests:
            shown = find(each, form.route)
            assert shown is not None
            await prove(shown)
        return len(requests)

    return run


def request(form: Form, head: Head) -> Request:
    """New ones each time: a Request remembers what was read of it."""
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in head.items()]
    method = "POST" if form.body else "GET"
    body = partial(_same, form.body) if form.body else None
    return Request(
        method,
        "/pets/7",
        "",
        Headers(raw),
        "https",
        "api.example",
        "192.0.2.7",
        body,
        bool(form.body),
        certificate=form.certificate,
    )


async def _same(body: bytes) -> bytes:
    return body


def each(peer: Callable[[Any], object], sent: Sequence[object]) -> Run:
    async def run() -> int:
        for one in sent:
            peer(one)
        return len(sent)

    return run


def keys(home: Place) -> dict[str, Any]:
    """By algorithm what `doorward key create` told; the webhook's secret; the certificate in DER."""
    words = ("key", "create", "--owner", "shop", "--scopes", "read:pets", "--json")
    made: dict[str, Any] = {}
    for alg in method_peers.SIGNED:
        pair = () if alg == HMAC else ("--keypair",)
        made[alg] = json.loads(home.ask(*words, "--alg", alg, "--name", alg, *pair))
    made["webhook"] = json.loads(home.ask("webhook", "add", "shop", "--form", "standard", "--json"))
    verify_ways.client_certificate(home)
    made["der"] = ssl.PEM_cert_to_DER_cert((home.data / "orders" / "cert.pem").read_text("ascii"))
    return made


async def forms(home: Place, door: Doorward, made: dict[str, Any]) -> list[Form]:
    parts = door.parts
    await door.start()
    methods = parts.gate.methods
    presented = Presented((made["der"],), "client-cert")
    return [
        *(signature(alg, made[alg], methods["http_signature"]) for alg in method_peers.SIGNED),
        Form("hmac", "hmac, signed request", methods["hmac"], partial(_hmac, home), {}),
        await dpop(home, parts.dpop),
        webhook(made["webhook"], methods["webhook"]),
        Form("mtls", "mtls, a certificate of our own CA", methods["mtls"], dict, {}, certificate=presented),
    ]


def signature(alg: str, told: dict[str, Any], method: Method[Any]) -> Form:
    secret = Secret(told["secret"] if alg == HMAC else told["private_key"])
    key = MessageKey.of(told["id"], secret if alg == HMAC else read_private(secret), alg)
    shared = (told["secret"] if alg == HMAC else told["public_key"]).encode()

    def head() -> Head:
        return sign_request("GET", URL, (), b"", key, created=int(time.time()), nonce=os.urandom(12).hex())

    peers = {"http-message-signatures": method_peers.message_signatures(alg, shared)}
    most = DEAR if alg.startswith("rsa") else 100_000
    return Form(
        f"signature-{alg}", f"http_signature, {alg}", method, head, peers, lambda head: httpx.Request("GET", URL, headers=head), most=most
    )


def _hmac(home: Place) -> Head:
    secret, nonce = Secret(home.hmac["secret"]), os.urandom(12).hex()
    return signed_headers(home.hmac["id"], secret, "GET", "/pets/7", b"", timestamp=int(time.time()), nonce=nonce)


async def dpop(home: Place, method: Method[Any]) -> Form:
    """The proof alone, without the token that it goes with."""
    key = DpopKey.generate("ES256")
    token = (await place.tokens(home, 1, cnf={"jkt": key.thumbprint}))[0]
    ath = base64url.encode(sha256(token.encode())).decode()

    def head() -> Head:
        said = {"jti": os.urandom(12).hex(), "htm": "GET", "htu": URL, "iat": int(time.time()), "ath": ath}
        return {"authorization": f"DPoP {token}", "dpop": key.proof(said)}

    peers = {"joserfc": method_peers.dpop_with_joserfc(URL, token), "Authlib": method_peers.dpop_with_authlib(URL, token)}
    return Form("dpop", "DPoP proof, ES256, a key that was met before", method, head, peers, lambda head: head["dpop"])


def webhook(told: dict[str, Any], method: Method[Any]) -> Form:
    route = Route(path="/**", allow=parse("webhook"), webhook="shop")
    head = partial(sign_webhook, "standard", BODY, Secret(told["secret"]))
    return Form("webhook", "webhook, of a registered sender", method, head, {}, route=route, body=BODY)


async def webhook_function(effort: Effort) -> Row:
    """`doorward.webhooks.verify`, which asks no store: what standardwebhooks does."""
    secret = new_secret("standard")
    sent = [(BODY, sign_webhook("standard", BODY, secret)) for _ in range(effort.batch)]
    peer = method_peers.webhooks(secret.reveal())
    subjects: dict[str, Prepare] = {
        "ours": lambda: each(lambda one: verify_webhook("standard", one[1], one[0], secret), sent),
        "theirs": lambda: each(peer, sent),
    }
    found = await rates(subjects, effort.rounds)
    return compared("webhook-verify", "webhooks.verify, Standard Webhooks", "/s", found["ours"], "standardwebhooks", found["theirs"])
