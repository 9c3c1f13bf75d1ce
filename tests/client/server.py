"""A token server and an API in one handler, for httpx.MockTransport: what it answers, and how often it was asked."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx

Handler = Callable[[httpx.Request], httpx.Response]
TOKEN_URL = "https://auth.example/oauth/token"


@dataclass
class Stranger:
    """`refused` tokens get a 401. `life`: what expires_in says (None: nothing)."""

    life: float | None = 300
    status: int = 200
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    headers: list[httpx.Headers] = field(default_factory=list)
    calls: list[httpx.Request] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    answer: Handler | None = None
    type: str = "Bearer"

    def __call__(self, request: httpx.Request) -> httpx.Response:
        return self.token(request) if str(request.url) == TOKEN_URL else self.call(request)

    def token(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(parse_qs(request.content.decode()))
        self.headers.append(request.headers)
        if self.answer is not None:
            return self.answer(request)
        if self.status != 200:
            return httpx.Response(self.status, json={"error": "invalid_client", "error_description": "no such client"})
        told = {"access_token": f"t{len(self.asked)}", "token_type": self.type, "scope": "read:pets"}
        return httpx.Response(200, json=told if self.life is None else told | {"expires_in": self.life})

    def call(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        shown = request.headers.get("authorization", "").partition(" ")[2]
        return httpx.Response(401 if not shown or shown in self.refused else 200, content=json.dumps({"shown": shown}).encode())
