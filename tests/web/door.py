"""A gate with one small method, and a caller that speaks raw ASGI: what all tests of the doors share."""

import json
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from doorward.core.errors import Refused, Why
from doorward.core.gate import Gate, GateOptions
from doorward.core.limit import Rate
from doorward.core.method import Method
from doorward.core.policy import parse
from doorward.core.proof import OneUse, Proof
from doorward.core.request import Request
from doorward.core.route import Route, Routes
from doorward.stores.memory import MemoryStore
from doorward.web.answer import Answerer
from doorward.web.asgi import App, Scope
from doorward.web.proxy import Proxies

NOW = 1_790_000_000.0
LISTED = "127.0.0.1"


def clock() -> float:
    return NOW


@dataclass
class Words:
    """`X-API-Key: NAME` is NAME's; `wrong` is unknown, `slow` asks for the body. Stands in for api_key or session."""

    name: str = "api_key"
    challenge: str | None = "Bearer"
    ambient: bool = False
    guessable: bool = False
    fields: tuple[bytes, ...] = ()
    repeatable: bool = False
    place: bytes = b"x-api-key"
    scopes: frozenset[str] | None = frozenset({"read:pets"})
    claims: Mapping[str, object] = field(default_factory=dict)
    rate: Rate | None = None
    bodies: list[bytes] = field(default_factory=list)
    error: Exception | None = None
    once: bool = False

    def find(self, request: Request, route: Route) -> tuple[str, Request] | None:
        text = request.header(self.place)
        return None if text is None else (text, request)

    async def prove(self, shown: tuple[str, Request]) -> Proof:
        word, request = shown
        if self.error is not None:
            raise self.error
        if word == "wrong":
            raise Refused(Why.UNKNOWN, "a secret detail", note="no such key id")
        if request.has_body and word == "signer":
            if request.body is None:
                raise Refused(Why.BODY_NOT_SIGNED)
            self.bodies.append(await request.body())
        return Proof(
            method=self.name,
            subject=word,
            credential_id=f"id-{word}",
            scopes=self.scopes,
            claims=self.claims,
            rate=self.rate,
            csrf="token" if self.ambient else None,
            authenticated_at=NOW - 100,
            once=OneUse(word.encode(), NOW + 1, NOW) if self.once else None,
        )


def route(path: str = "/pets/**", allow: str | None = "api_key", **more: Any) -> Route:
    return Route(path=path, allow=parse(allow) if allow else None, **more)


def gate(routes: Sequence[Route] | None = None, methods: Sequence[Method[Any]] | None = None, **options: Any) -> Gate:
    store = MemoryStore(clock)
    return Gate(
        methods if methods is not None else [Words()],
        Routes(routes if routes is not None else [route(), route("/open", None, name="open")]),
        store.once,
        store.meter,
        clock,
        GateOptions(**options),
    )


def answerer(of: Gate) -> Answerer:
    return Answerer(of.methods)


LOCAL = Proxies([LISTED])


@dataclass
class Told:
    """What came back."""

    status: int = 0
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    closed: int | None = None
    accepted: bool = False

    def header(self, name: str) -> str | None:
        found = [value.decode("latin-1") for key, value in self.fields if key == name.encode()]
        assert len(found) < 2, f"{name} came twice"
        return found[0] if found else None

    @property
    def code(self) -> str:
        assert self.header("content-type") == "application/problem+json"
        problem = json.loads(self.body)
        assert problem["status"] == self.status
        assert set(problem) == {"type", "title", "status", "code", "detail", "instance"}
        return str(problem["code"])


async def call(
    app: App,
    target: str = "/pets/1",
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | Sequence[bytes] = b"",
    *,
    peer: str | None = LISTED,
    kind: str = "http",
    **more: Any,
) -> Told:
    """One request over raw ASGI."""
    path, _, query = target.partition("?")
    scope: Scope = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws" if kind == "websocket" else "http",
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": (peer, 40000) if peer else None,
        "server": ("127.0.0.1", 80),
        **more,
    }
    if kind == "http":
        scope["method"] = method
    parts = [body] if isinstance(body, bytes) else list(body)
    events: list[MutableMapping[str, Any]] = (
        [{"type": "websocket.connect"}]
        if kind == "websocket"
        else [{"type": "http.request", "body": part, "more_body": at < len(parts) - 1} for at, part in enumerate(parts)]
    )
    told = Told()

    async def receive() -> MutableMapping[str, Any]:
        return events.pop(0) if events else {"type": f"{kind}.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"].endswith("response.start"):
            told.status, told.fields = message["status"], list(message["headers"])
        elif message["type"].endswith("response.body"):
            told.body += message.get("body", b"")
        elif message["type"] == "websocket.send":
            told.body += message["text"].encode()
        elif message["type"] == "websocket.close":
            told.closed = message["code"]
        elif message["type"] == "websocket.accept":
            told.accepted, told.fields = True, list(message.get("headers", ()))

    await app(scope, receive, send)
    return told
