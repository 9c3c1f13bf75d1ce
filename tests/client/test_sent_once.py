"""client/sent_once.py: over real connections, since it is the transport that reads a body."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from doorward.client import ClientCredentials, Login, SecretPost, Session, TokenError
from doorward.core.secret import Secret

SECRET = "correct-horse-battery-staple"
TOKEN = b'{"access_token":"t","token_type":"Bearer","expires_in":60}'
MADE: dict[str, Callable[[str], httpx.Auth]] = {
    "secret": lambda base: ClientCredentials(f"{base}/token", "shop", SecretPost(Secret(SECRET))),
    "login": lambda base: Login(base, "alice", SECRET),
    "session": lambda base: Session(base, "alice", SECRET),
}


@contextmanager
def a_server(status: int, target: str, seen: list[bytes]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.rfile.read(int(self.headers["content-length"] or 0)))
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in (("Location", target), ("Content-Type", "application/json"), ("Content-Length", str(len(TOKEN)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(TOKEN)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


async def ask(mode: str, auth: httpx.Auth, url: str) -> httpx.Response:
    if mode == "sync":
        with httpx.Client(auth=auth, follow_redirects=True) as web:
            return web.get(url)
    async with httpx.AsyncClient(auth=auth, follow_redirects=True) as web:
        return await web.get(url)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("status", [303, 307, 308])
async def test_no_redirect_takes_a_secret_to_another_server_or_brings_its_token_back(mode: str, kind: str, status: int) -> None:
    seen: list[bytes] = []
    with a_server(200, "", seen) as thief, a_server(status, f"{thief}/stolen", []) as base:
        with pytest.raises(TokenError) as caught:
            await ask(mode, MADE[kind](base), f"{base}/pets")
        assert caught.value.code == "redirected"
    assert not any(SECRET.encode() in body for body in seen)
