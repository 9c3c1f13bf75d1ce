"""Message signatures over real connections: a second implementation on the other side, real proxies between, several processes.

The other implementation is http-message-signatures from PyPI, for every algorithm that both know, in both directions.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver, InvalidSignature, algorithms

from doorward.admin import keys
from doorward.admin.actor import LOCAL
from doorward.admin.keys import KeyMaker, KeyOptions, KeyOrder, NewKey
from doorward.admin.signature_keys import shown_public
from doorward.core.gate import Gate, GateOptions
from doorward.core.policy import By
from doorward.core.route import Route, Routes
from doorward.core.secret import Secret
from doorward.crypto.digest import Peppers
from doorward.crypto.message_signing import MessageKey, Wish, sign_request
from doorward.crypto.seal import Sealer
from doorward.crypto.signature_algorithms import ALGORITHMS, HMAC, read_private
from doorward.methods.http_signature import HttpSignature
from doorward.stores.memory import MemoryStore
from doorward.web.answer import Answerer
from doorward.web.guard import Guard
from doorward.web.proxy import Proxies
from tests.trips.behind_proxy import COMMANDS, Trip, free_port, mirror, served, trip
from tests.trips.test_proxies import needed
from tests.trips.test_server import Served, asked, ready

THEIRS: dict[str, type[algorithms.HTTPSignatureAlgorithm]] = {
    each.algorithm_id: each
    for each in (
        algorithms.HMAC_SHA256,
        algorithms.ED25519,
        algorithms.ECDSA_P256_SHA256,
        algorithms.ECDSA_P384_SHA384,
        algorithms.RSA_PSS_SHA512,
        algorithms.RSA_V1_5_SHA256,
    )
}
BODY = b'{"pet": "Rex"}'


class Resolver(HTTPSignatureKeyResolver):
    """The keys of one credential, as its holder has them."""

    def __init__(self, new: NewKey) -> None:
        self.new = new

    def resolve_private_key(self, key_id: str) -> bytes:
        return self.new.key.reveal().encode()

    def resolve_public_key(self, key_id: str) -> bytes:
        assert key_id == self.new.id
        return shown_public(self.new.credential).get("public_key", self.new.key.reveal()).encode()


def holder(new: NewKey) -> MessageKey:
    alg = new.credential.kind
    return MessageKey.of(new.id, new.key if alg == HMAC else read_private(new.key), alg)


@pytest.fixture(scope="module")
def made() -> dict[str, NewKey]:
    return {}


@pytest.fixture(scope="module")
def port(made: dict[str, NewKey]) -> Iterator[int]:
    """An application behind the guard; what was signed this second is not from before its start (DECISIONS 28)."""
    store = MemoryStore(lambda: time.time() - 60)
    sealer = Sealer({"s": bytes(32)}, "s", os.urandom)
    maker = KeyMaker(peppers=Peppers({"p": bytes(32)}, "p"), sealer=sealer, entropy=os.urandom, options=KeyOptions())
    for alg in ALGORITHMS:
        order = KeyOrder(name=alg, owner="ann", alg=alg)
        made[alg] = asyncio.run(keys.create(order, store=store, maker=maker, actor=LOCAL, now=time.time(), method=keys.HTTP_SIGNATURE))
    methods = [HttpSignature(credentials=store.credentials, sealer=sealer, clock=time.time)]
    routes = Routes([Route(path="/**", allow=By("http_signature"))])
    gate = Gate(methods, routes, store.once, store.meter, time.time, GateOptions())
    guard = Guard(mirror, gate=gate, answerer=Answerer(gate.methods), proxies=Proxies([]), clock=time.time)
    with served(guard) as found:
        yield found


@pytest.mark.rfc("9421", "3.1")
@pytest.mark.parametrize("alg", ALGORITHMS)
@pytest.mark.parametrize("cover", [("@method", "@authority", "@target-uri"), ("@method", "@authority", "@path", "@query", "content-type")])
def test_what_another_implementation_signs_is_admitted_once(port: int, made: dict[str, NewKey], alg: str, cover: tuple[str, ...]) -> None:
    new = made[alg]
    signer = HTTPMessageSigner(signature_algorithm=THEIRS[alg], key_resolver=Resolver(new))
    with httpx.Client(trust_env=False) as web:
        url = f"http://127.0.0.1:{port}/pets?kind=dog&name=Jos%C3%A9"
        request = web.build_request("POST", url, content=BODY, headers={"Content-Type": "application/json"})
        signer.sign(request, key_id=new.id, covered_component_ids=cover, body=BODY, nonce=os.urandom(8).hex(), label="theirs")
        first = web.send(request)
        assert (first.status_code, first.json().get("subject")) == (200, "ann"), first.text
        again = web.send(request)
        assert (again.status_code, again.json()["code"]) == (401, "replayed_request")
        same = [pair for pair in request.headers.items() if pair[0] != "content-length"]
        changed = web.build_request("POST", url, content=b"{}", headers=same)
        assert web.send(changed).status_code == 401


@pytest.mark.rfc("9421", "3.2")
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_what_is_signed_here_another_implementation_verifies(port: int, made: dict[str, NewKey], alg: str) -> None:
    new, url = made[alg], "https://api.example/pets?kind=dog&name=Jos%C3%A9&plus=a+b"
    verifier = HTTPMessageVerifier(signature_algorithm=THEIRS[alg], key_resolver=Resolver(new))
    cover = ("@method", "@target-uri", "@authority", "@path", "@query", "@scheme", '"@query-param";name="plus"', "content-type", "x-a")
    wish = Wish(cover=cover, tag="app", lifetime=60, tell_alg=True, digest=("sha-256", "sha-512"))
    given = [("Content-Type", "application/json"), ("X-A", "1"), ("X-A", "2")]
    fields = sign_request("POST", url, given, BODY, holder(new), created=int(time.time()), nonce="n", wish=wish)
    request = httpx.Request("POST", url, content=BODY, headers=[*given, *fields.items()])
    [found] = verifier.verify(request, expect_tag="app", body=BODY, require_components=("@method", "@target-uri", "content-digest"))
    assert found.parameters["keyid"] == new.id
    request.headers["X-A"] = "3"
    with pytest.raises(InvalidSignature):
        verifier.verify(request, expect_tag="app")


def test_a_401_says_what_to_cover_and_what_it_says_is_admitted(port: int, made: dict[str, NewKey]) -> None:
    with httpx.Client(trust_env=False) as web:
        refused = web.post(f"http://127.0.0.1:{port}/pets", content=BODY)
        assert refused.status_code == 401
        assert refused.headers["accept-signature"] == 'sig=("@method" "@target-uri" "content-digest");created'
        assert refused.headers["www-authenticate"] == 'Signature realm="doorward"'
        lacking = sign_request(
            "GET", f"http://127.0.0.1:{port}/", [], b"", holder(made["ed25519"]), created=int(time.time()), nonce=None,
            wish=Wish(cover=("@method",)),
        )  # fmt: skip
        told = web.get(f"http://127.0.0.1:{port}/", headers=lacking)
        assert told.json()["detail"] == "The signature must also cover @target-uri."


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.real(name)) for name in COMMANDS])
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trip]:
    needed(request.param)
    with trip(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


def fields_of(proxy: Trip, method: str, target: str, body: bytes = b"", **words: Any) -> dict[str, str]:
    url = words.pop("url", f"http://127.0.0.1:{proxy.port}{target}")
    wish, nonce = Wish(digest=words.pop("digest", ("sha-256",))), os.urandom(8).hex()
    return sign_request(method, url, [], body, proxy.keys.message, created=int(time.time()), nonce=nonce, wish=wish)


@pytest.mark.parametrize("digest", [("sha-256",), ("sha-512",), ("sha-256", "sha-512")])
def test_behind_a_proxy_a_signed_post_arrives_with_its_own_body_only(proxy: Trip, digest: tuple[str, ...]) -> None:
    target = "/signed/1?a=b"
    fields = fields_of(proxy, "POST", target, BODY, digest=digest)
    told = proxy.ask("POST", target, fields, BODY)
    assert (told.status, told.json["subject"], told.json["size"]) == (200, "ann", len(BODY))
    again = proxy.ask("POST", target, fields, BODY)
    assert (again.status, again.json["code"]) == (401, "replayed_request")
    swapped = proxy.ask("POST", target, fields_of(proxy, "POST", target, BODY, digest=digest), b'{"pet": "Max"}')
    assert swapped.status == 401


def test_behind_a_proxy_a_get_is_admitted_and_no_body_comes_with_it(proxy: Trip) -> None:
    assert proxy.ask("GET", "/signed/1", fields_of(proxy, "GET", "/signed/1")).status == 200
    assert proxy.ask("GET", "/signed/1", fields_of(proxy, "GET", "/signed/1"), b"more").status in (400, 401, 403)


def test_what_was_signed_for_another_host_or_target_is_refused_behind_a_proxy(proxy: Trip) -> None:
    for url in (
        f"http://other.example:{proxy.port}/signed/1",
        f"https://127.0.0.1:{proxy.port}/signed/1",
        f"http://127.0.0.1:{proxy.port}/signed/2",
    ):
        assert proxy.ask("GET", "/signed/1", fields_of(proxy, "GET", "/signed/1", url=url)).status == 401
    stolen = fields_of(proxy, "GET", "/signed/1", url="http://other.example/signed/1")
    assert proxy.ask("GET", "/signed/1", {**stolen, "X-Forwarded-Host": "other.example", "X-Original-Host": "other.example"}).status == 401


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = Served(tmp_path_factory.mktemp("signatures"))
    place.make_certificate()
    place.command("init")
    place.port = free_port()
    settings = f'[server]\nissuer = "https://localhost:{place.port}"\ntrusted_proxies = ["127.0.0.1/32"]\n'
    settings += '[[route]]\npath = "/**"\nallow = "http_signature"\ncover = ["@method", "@target-uri", "nonce"]\n'
    (place.data / "doorward.toml").write_text(settings)
    place.serve(place.port, "--workers", "2")
    ready(place)
    yield place
    place.stop()


@pytest.mark.parametrize("alg", ["ed25519", "ecdsa-p256-sha256", HMAC])
async def test_a_signature_is_accepted_once_over_all_processes(workers: Served, alg: str) -> None:
    made = workers.command("key", "create", "--name", "n", "--owner", "robot", "--alg", alg)
    key = MessageKey.of(made["id"], Secret(made["secret"]) if alg == HMAC else read_private(Secret(made["private_key"])), alg)
    async with workers.client() as web:
        for _ in range(3):
            fields = sign_request("GET", "https://pets.example/a", [], b"", key, created=int(time.time()) + 2, nonce=os.urandom(8).hex())
            answers = await asyncio.gather(*(web.get("/verify", headers=asked(fields, "/a")) for _ in range(16)))
            assert sorted(answer.status_code for answer in answers) == [200] + [401] * 15
            assert {answer.json()["code"] for answer in answers if answer.status_code == 401} == {"replayed_request"}
        bare = sign_request("GET", "https://pets.example/a", [], b"", key, created=int(time.time()) + 2, nonce=None)
        assert (await web.get("/verify", headers=asked(bare, "/a"))).json()["detail"] == "The signature must also cover nonce."
        workers.command("key", "revoke", made["id"])
        fields = sign_request("GET", "https://pets.example/a", [], b"", key, created=int(time.time()) + 2, nonce="last")
        await asyncio.sleep(1)
        assert {(await web.get("/verify", headers=asked(fields, "/a"))).json()["code"] for _ in range(4)} == {"revoked_credential"}


def test_the_command_signs_what_the_workers_admit(workers: Served, tmp_path: Path) -> None:
    out = tmp_path / "key.pem"
    made = workers.command("key", "create", "--name", "n", "--owner", "robot", "--keypair", "--out", str(out))
    fields = workers.command("sign", "--rfc9421", "--key-id", made["id"], "--key-file", str(out), "GET", "https://pets.example/a?b")
    with httpx.Client(verify=workers.trust(), base_url=workers.url) as web:
        assert web.get("/verify", headers=asked(fields, "/a?b")).headers["x-auth-subject"] == "robot"
