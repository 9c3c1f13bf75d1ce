"""doorward's /verify and a service, both real servers, for the real proxies of `deploy/` to stand between.

Routes      /open anyone · /pets API key with read:pets · /write API key with write:pets · /rare one request an hour ·
            /signed HMAC key · /down a method whose store does not answer · /bound a token bound to a DPoP key ·
            /certified a client certificate
Service     says as JSON what reached it; below /signed it believes X-Auth-Identity only and compares signed bodies
"""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import uvicorn

from doorward.admin.actor import LOCAL
from doorward.admin.keys import KeyMaker, KeyOptions, KeyOrder, create
from doorward.core.gate import Gate, GateOptions
from doorward.core.limit import Rate
from doorward.core.policy import parse
from doorward.core.revoked import Revoked
from doorward.core.route import Route, Routes
from doorward.core.store import Unavailable
from doorward.crypto.client_chain import ClientTrust
from doorward.crypto.digest import Peppers
from doorward.crypto.dpop_nonce import DpopNonces
from doorward.crypto.dpop_proof import ALGS
from doorward.crypto.hashing_pool import HashingPool
from doorward.crypto.jose import sign_jwt
from doorward.crypto.keyring import Keyring, new_signing_key
from doorward.crypto.message_signing import MessageKey
from doorward.crypto.revocation_list import RevocationLists
from doorward.crypto.seal import Sealer
from doorward.crypto.signature_algorithms import read_private
from doorward.crypto.token_claims import ACCESS_TOKEN
from doorward.lab.stranger import signed
from doorward.methods.api_key import ApiKey
from doorward.methods.dpop import Dpop, DpopOptions
from doorward.methods.hmac import Hmac
from doorward.methods.http_signature import HttpSignature
from doorward.methods.jwt import Jwt
from doorward.methods.mtls import Mtls
from doorward.stores.memory import MemoryStore
from doorward.web.answer import Answerer
from doorward.web.asgi import App, Receive, Scope, Send
from doorward.web.behind import Behind
from doorward.web.doors import Doors
from doorward.web.forward_auth import MOUNT, ForwardAuth
from doorward.web.identity import IdentityTokens
from doorward.web.key_set import KeySet
from doorward.web.listener import Listener
from doorward.web.original import Style
from doorward.web.proxy import Proxies
from tests.certificates import authority
from tests.methods.dpop_client import DpopClient
from tests.web.door import Words
from tests.web.keys import TestKey

DEPLOY = Path(__file__).parents[2] / "deploy"
ISSUER = "https://door.test"
_KEYS = b"k" * 32
_SIGNING = TestKey()
CLIENT_CA = authority("clients", begins=time.time() - 60, ends=time.time() + 3600)
CLIENT_TRUST = ClientTrust({"clients.pem": [CLIENT_CA.certificate]}, RevocationLists(), {})


@dataclass(frozen=True)
class Keys:
    reader: str
    hmac_id: str
    hmac_secret: str
    bound: str
    """A token that is bound to CLIENT's key."""
    older_nonce: Callable[[], str]
    """One that was given a minute ago, and is taken."""
    message: MessageKey
    """Of message signatures."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


CLIENT = DpopClient()


def tokens(peppers: Peppers, sealer: Sealer, nonce: str) -> tuple[Jwt, Dpop, str]:
    """What proves a bound token, and one."""
    keyring, now = Keyring(), time.time()
    keyring.load([new_signing_key("ES256", sealer, os.urandom, now - 60, now - 60)], sealer, now)
    options = DpopOptions(nonce=nonce)
    dpop = Dpop(nonces=DpopNonces(peppers, time.time, options.nonce_life), clock=time.time, options=options)
    claims = {"iss": ISSUER, "sub": "ann", "aud": ISSUER, "iat": now, "exp": now + 900, "jti": "t", "cnf": {"jkt": CLIENT.jkt}}
    jwt = Jwt(keyring=keyring, revoked=Revoked(), clock=time.time, issuer=ISSUER)
    return jwt, dpop, sign_jwt(claims, keyring.active(now), ACCESS_TOKEN)


def doorward(style: Style | None, nonce: str = "off") -> tuple[App, Keys, HashingPool]:
    # Started a minute ago, else signatures of this second count as from before the start (DECISIONS 28).
    store, pool = MemoryStore(lambda: time.time() - 60), HashingPool(1, 1)
    peppers, sealer = Peppers({"p": _KEYS}, "p"), Sealer({"s": _KEYS}, "s", os.urandom)
    maker = KeyMaker(peppers=peppers, sealer=sealer, entropy=os.urandom, options=KeyOptions())

    async def make(method: str) -> Any:
        order = KeyOrder(name=method, owner="ann", scopes=frozenset({"read:pets"}))
        return await create(order, store=store, maker=maker, actor=LOCAL, now=time.time(), method=method)

    reader, signer, pair = asyncio.run(make("api_key")), asyncio.run(make("hmac")), asyncio.run(make("http_signature"))
    methods: list[Any] = [
        ApiKey(credentials=store.credentials, peppers=peppers, clock=time.time, pool=pool, write=store.write),
        Hmac(credentials=store.credentials, sealer=sealer, clock=time.time),
        HttpSignature(credentials=store.credentials, sealer=sealer, clock=time.time),
        Mtls(trust=CLIENT_TRUST, credentials=store.credentials, accounts=store.accounts, clock=time.time),
        Words("session", place=b"x-down", error=Unavailable("the disk is full")),
    ]
    jwt, dpop, bound = tokens(peppers, sealer, nonce)
    methods.append(jwt)
    key = parse("api_key")
    routes = Routes(
        [
            Route(path="/open", allow=None),
            Route(path="/pets/**", allow=key, scopes=frozenset({"read:pets"})),
            Route(path="/write", allow=key, scopes=frozenset({"write:pets"})),
            Route(path="/rare", allow=key, rate=Rate(1, 3600)),
            Route(path="/signed/**", allow=parse("hmac or http_signature")),
            Route(path="/certified/**", allow=parse("mtls")),
            Route(path="/down", allow=parse("session")),
            Route(path="/bound/**", allow=parse("oauth bound by dpop")),
        ]
    )
    gate = Gate(methods, routes, store.once, store.meter, time.time, GateOptions(), dpop=dpop)
    verify = ForwardAuth(
        gate=gate,
        answerer=Answerer(gate.methods, dpop=ALGS),
        proxies=Proxies(["127.0.0.1/32"]),
        clock=time.time,
        identify=IdentityTokens(issuer=ISSUER, sign=_SIGNING.sign, clock=time.time),
        style=style,
    )
    older, message = DpopNonces(peppers, lambda: time.time() - 60, 180.0).current, MessageKey.of(pair.id, read_private(pair.key))
    keys = Keys(reader.key.reveal(), signer.id, signer.key.reveal(), bound, older, message)
    return Doors({MOUNT: verify}, {f"{MOUNT}/": verify}), keys, pool


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    principal = scope.get("principal")
    seen = {
        "method": scope["method"],
        "target": scope["raw_path"].decode() + (f"?{scope['query_string'].decode()}" if scope["query_string"] else ""),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "subject": principal.subject if principal else None,
    }
    status = 403 if scope["path"] == "/pets/forbidden" else 200
    answer = json.dumps(seen).encode()
    fields = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer})


def service() -> App:
    behind = Behind(mirror, keys=KeySet(_SIGNING.jwks, time.time), issuer=ISSUER, audience="orders", clock=time.time)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (behind if scope["path"].startswith("/signed") else mirror)(scope, receive, send)

    return app


@contextmanager
def served(app: App) -> Iterator[int]:
    """The port of a uvicorn with our listener, in a thread of its own."""
    config = uvicorn.Config(app, http=Listener, ws="none", port=0, lifespan="off", log_config=None, access_log=False, proxy_headers=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.started
    yield int(server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    thread.join(10)


COMMANDS: Mapping[str, tuple[str, Style]] = {
    "nginx": ("nginx.conf", Style.NGINX),
    "caddy": ("Caddyfile", Style.FORWARDED),
    "haproxy": ("haproxy.cfg", Style.NGINX),
}


def written(name: str, folder: Path, ports: Mapping[str, int], replaced: Mapping[str, str]) -> list[str]:
    """The shipped configuration with these ports, and the command that runs it."""
    text = (DEPLOY / COMMANDS[name][0]).read_text()
    for old, new in {**{f"127.0.0.1:{port}": f"127.0.0.1:{real}" for port, real in ports.items()}, **replaced}.items():
        text, times = re.subn(old.removeprefix("re:"), new, text) if old.startswith("re:") else (text.replace(old, new), text.count(old))
        assert times, f"{old!r} is not in the shipped configuration"
    config = folder / COMMANDS[name][0]
    if name == "nginx":
        user = "user root;" if os.geteuid() == 0 else ""  # else its workers cannot write in this folder
        paths = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        text = text.replace("worker_processes auto;", f"{user} worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/log;")
        text = text.replace("http {\n", f"http {{\n access_log off; {paths}\n", 1)
        command = ["nginx", "-e", f"{folder}/log", "-p", str(folder), "-c", str(config)]
    elif name == "haproxy":
        text = text.replace("/etc/haproxy/doorward.lua", str(DEPLOY / "doorward.lua"))
        command = ["haproxy", "-db", "-f", str(config)]
    else:
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]
    config.write_text(text)
    return command


@dataclass(frozen=True)
class Trip:
    name: str
    port: int
    keys: Keys

    def ask(self, method: str, target: str, headers: Mapping[str, str] | list[tuple[str, str]] = (), body: bytes | None = None) -> "Told":  # type: ignore[assignment]
        connection = HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            return ask(connection, method, target, headers, body)
        finally:
            connection.close()

    def key(self) -> dict[str, str]:
        return {"X-API-Key": self.keys.reader}

    def signed(self, method: str, target: str, body: bytes = b"", *, digest: bool = True) -> dict[str, str]:
        fields = signed(self.keys.hmac_id, self.keys.hmac_secret, method, f"http://a{target}", body)
        if body and digest:
            fields["X-Content-SHA256"] = hashlib.sha256(body).hexdigest()
        return fields


@dataclass(frozen=True)
class Told:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def seen(self, name: str) -> list[str]:
        """The values of a field as the service saw it, empty ones left out."""
        return [value for key, value in self.json["headers"] if key == name and value]


def ask(connection: HTTPConnection, method: str, target: str, headers: Any = (), body: bytes | None = None) -> Told:
    """Sends exactly this target; a body of None is none at all."""
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        connection.putheader(name, value)
    chunked = any(name.lower() == "transfer-encoding" for name, _ in (headers.items() if isinstance(headers, Mapping) else headers))
    if body is not None and not chunked:
        connection.putheader("Content-Length", str(len(body)))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before the body was out; the answer is there all the same
        connection.endheaders(body, encode_chunked=chunked)
    response: HTTPResponse = connection.getresponse()
    return Told(response.status, response.headers, response.read())


@contextmanager
def trip(
    name: str, folder: Path, style: Style | None = None, replaced: Mapping[str, str] | None = None, nonce: str = "off"
) -> Iterator[Trip]:
    """The proxy of this name between the world and the two servers. `style` None lets doorward read every family."""
    app, keys, pool = doorward(style, nonce)
    with served(app) as door, served(service()) as behind:
        port = free_port()
        command = written(name, folder, {"8000": door, "8080": behind, "8088": port}, replaced or {})
        log = (folder / "output").open("wb")
        environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        process = subprocess.Popen([shutil.which(command[0]) or command[0], *command[1:]], stdout=log, stderr=log, env=environment)
        try:
            deadline = time.monotonic() + 15
            while time.monotonic() < deadline and process.poll() is None:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            else:
                raise AssertionError(f"{name} did not start:\n{(folder / 'output').read_text()[-3000:]}")
            yield Trip(name, port, keys)
        finally:
            process.terminate()
            process.wait(10)
            log.close()
            pool.close()
