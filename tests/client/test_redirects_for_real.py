"""client/: an API that redirects, over real TLS connections with clients that follow: what goes along, and what does not."""

import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from doorward.client import ApiKey, Basic, Bearer, ClientCredentials, DpopKey, HttpSignature, Login
from tests.client.shop import PASSWORD, Shop, both


@dataclass
class Old:
    """Where the API was: it redirects to where it is now; below /old to itself."""

    port: int
    seen: list[tuple[str, str]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"https://localhost:{self.port}{path}"


@pytest.fixture
def old(shop: Shop) -> Iterator[Old]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            it.seen.append((self.path, self.headers.get("Authorization", "")))
            moved = {"/pets": shop.url("/pets"), "/bound": shop.url("/bound"), "/old": "/new"}.get(self.path)
            self.send_response(307 if moved else 200)
            self.send_header("Location", moved or "")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shop.place.certificate, shop.place.private_key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        it = Old(server.server_port)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield it
        finally:
            server.shutdown()
            thread.join()


def auth_of(kind: str, shop: Shop) -> httpx.Auth:
    if kind == "key":
        return ApiKey(str(shop.place.command("key", "create", "--name", "k", "--owner", "robot")["key"]))
    if kind == "password":
        return Basic("ada", PASSWORD)
    if kind == "token":
        return Bearer(str(shop.place.command("token", "issue", "ada")["access_token"]))
    if kind == "login":
        return Login(shop.door_url, "ada", PASSWORD)
    if kind == "signature":
        made = shop.place.command("key", "create", "--keypair", "--name", "k", "--owner", "robot")
        return HttpSignature(str(made["id"]), str(made["private_key"]))
    made = shop.client(*(("--dpop-bound",) if kind == "bound" else ()))
    dpop = DpopKey.generate() if kind == "bound" else None
    return ClientCredentials(shop.token_url, made["client_id"], made["client_secret"], dpop=dpop)


@both
@pytest.mark.parametrize("kind", ["key", "password", "token", "login", "client", "bound", "signature"])
def test_what_is_redirected_to_another_origin_is_not_let_in_there(shop: Shop, old: Old, mode: str, kind: str) -> None:
    auth, path = auth_of(kind, shop), "/bound" if kind == "bound" else "/pets"
    assert shop.call(mode, auth, path)[0].status_code == 200
    (answer,) = shop.call(mode, auth, old.url(path))
    assert answer.history[-1].status_code == 307
    assert (answer.status_code, answer.request.headers.get("authorization")) == (401, None)
    assert len(old.seen) <= 2, "one more try with a new token, and no more"
    assert shop.call(mode, auth, path)[0].status_code == 200, "and the credential is as good as before"


@both
@pytest.mark.parametrize("kind", ["key", "password", "token", "login", "client"])
def test_on_its_own_origin_a_redirect_takes_it_along(shop: Shop, old: Old, mode: str, kind: str) -> None:
    (answer,) = shop.call(mode, auth_of(kind, shop), old.url("/old"))
    assert answer.status_code == 200
    assert [path for path, _ in old.seen] == ["/old", "/new"]
    first, second = (shown for _, shown in old.seen)
    assert first == second != ""
