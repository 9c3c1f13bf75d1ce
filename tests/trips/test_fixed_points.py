"""What others script against: the commands, the questions to /verify and the sign-in doors, exactly as they are promised."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from doorward.lab import stranger
from doorward.lab.place import Place, free_port

PASSWORD = "correct horse"
SETTINGS = """
[server]
issuer = "http://127.0.0.1:{port}"
trusted_proxies = ["127.0.0.1/32"]

[limits]
failures = "5/m"

[oauth]
refresh_grace = "0s"

[[route]]
path = "/pets/**"
methods = ["GET"]
allow = "api_key or (api_key and jwt bound by app_and_user)"
scopes = ["read:pets"]
rate = "100/m"

[[route]]
path = "/one/*"
allow = "api_key or basic or jwt or session or hmac"
"""


class Plain(Place):
    port = 0

    def begin(self) -> None:
        self.command("init")
        self.port = free_port()
        (self.data / "doorward.toml").write_text(SETTINGS.format(port=self.port))
        self.command(
            "account", "create", "ada", "--email", "ada@example.org", "--scopes", "read:pets", "--password-stdin", stdin=PASSWORD + "\n"
        )
        words = [sys.executable, "-m", "doorward", "serve", "--data", str(self.data), "--host", "127.0.0.1", "--port", str(self.port)]
        log = (self.folder / "serve.log").open("wb")
        self.processes.append(subprocess.Popen([*words, "--workers", "2"], stdout=log, stderr=subprocess.STDOUT))
        log.close()
        for _ in range(200):
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError((self.folder / "serve.log").read_text())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plain]:
    made = Plain(tmp_path_factory.mktemp("plain"))
    try:
        made.begin()
        yield made
    finally:
        made.stop()


@pytest.fixture
def web(place: Plain) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{place.port}", timeout=20) as client:
        yield client


def ask(web: httpx.Client, headers: dict[str, str], path: str = "/one/a", method: str = "GET") -> httpx.Response:
    """nginx's family, and nothing else."""
    return web.get("/verify", headers={"X-Original-Method": method, "X-Original-URI": path, **headers})


def key(place: Plain, *words: str) -> dict[str, Any]:
    return place.command("key", "create", "--name", "n", "--owner", "o", "--scopes", "read:pets write:pets", *words)


def login(web: httpx.Client, **more: str) -> httpx.Response:
    return web.post("/auth/login", json={"username": "ada", "password": PASSWORD, **more})


def test_a_key_with_every_option(place: Plain, web: httpx.Client) -> None:
    made = key(place, "--expires", "30d", "--allow-ip", "127.0.0.1/32", "--methods", "GET", "--rate", "100/m")
    shown = {"X-API-Key": made["key"]}
    assert ask(web, shown, "/pets/1").status_code == 200
    assert ask(web, shown, "/one/a", "DELETE").status_code == 403
    assert ask(web, {**shown, "X-Forwarded-For": "192.0.2.9"}, "/pets/1").status_code == 401
    assert ask(web, {"X-API-Key": key(place, "--env", "test")["key"]}, "/pets/1").status_code == 401
    place.command("key", "revoke", made["id"])
    assert ask(web, shown, "/pets/1").json()["code"] == "revoked_credential"


def test_both_families_tell_the_original_request(place: Plain, web: httpx.Client) -> None:
    shown = {"Authorization": f"Bearer {key(place)['key']}"}
    told = {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/pets/1?a=b", "X-Forwarded-Host": "h.example", "X-Forwarded-Proto": "https"}
    answer = web.get("/verify", headers={**told, **shown})
    assert answer.status_code == 200
    assert (answer.headers["x-auth-subject"], answer.headers["x-auth-method"]) == ("o", "api_key")
    assert answer.headers["x-auth-identity"].count(".") == 2
    assert web.get("/verify", headers={**told, **shown, "X-Original-Method": "GET", "X-Original-URI": "/pets/2"}).status_code == 400


@pytest.mark.parametrize(
    ("path", "status"), [("/one/a", 200), ("/one", 403), ("/one/a/b", 403), ("/pets", 200), ("/pets/a/b/c", 200), ("/", 403)]
)
def test_paths_match_by_segment(place: Plain, web: httpx.Client, path: str, status: int) -> None:
    assert ask(web, {"X-API-Key": key(place)["key"]}, path).status_code == status


def test_the_application_and_its_user(place: Plain, web: httpx.Client) -> None:
    shown = {"X-API-Key": key(place)["key"], "Authorization": f"Bearer {login(web).json()['access_token']}"}
    answer = ask(web, shown, "/pets/1")
    assert (answer.headers["x-auth-subject"], answer.headers["x-auth-client"]) == ("ada", "o")


def test_a_service_and_an_account_by_basic(place: Plain, web: httpx.Client) -> None:
    made = place.command("service", "create", "bot", "--scopes", "read:pets")
    assert ask(web, stranger.basic(made["id"], made["secret"])).status_code == 200
    for name in ("ada", "ada@example.org"):
        assert ask(web, stranger.basic(name, PASSWORD)).status_code == 200


def test_tokens_and_their_refresh_without_a_grace(place: Plain, web: httpx.Client) -> None:
    tokens = login(web, transport="bearer").json()
    assert set(tokens) >= {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    second = web.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert second.status_code == 200
    assert web.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 401
    assert web.post("/auth/refresh", json={"refresh_token": second.json()["refresh_token"]}).status_code == 401
    assert web.get("/oauth/jwks").json()["keys"][0]["alg"] == "ES256"


def test_a_session_on_plain_http_works_at_verify_too(web: httpx.Client) -> None:
    cookie = login(web, transport="session").headers["set-cookie"].partition(";")[0]
    web.cookies.clear()
    assert ask(web, {"Cookie": cookie}).status_code == 200
    assert web.post("/auth/logout", headers={"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}).status_code == 204
    assert ask(web, {"Cookie": cookie}).status_code == 401


@pytest.mark.parametrize("offset", [-290, -5, 0, 290])
def test_a_signature_within_the_window_is_good_right_after_init(
    place: Plain, web: httpx.Client, offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, now = key(place, "--hmac"), time.time()
    monkeypatch.setattr("doorward.lab.stranger.time.time", lambda: now + offset)
    headers = stranger.signed(made["id"], made["secret"], "GET", "https://h.example/one/a?x=1")
    assert ask(web, headers, "/one/a?x=1").status_code == 200
    assert ask(web, headers, "/one/a?x=1").json()["code"] == "replayed_request"


@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("DELETE", b""), ("POST", b""), ("POST", b'{"a": 1}')])
def test_what_sign_signs_passes_a_proxy_that_tells_nothing_of_bodies(
    place: Plain, web: httpx.Client, tmp_path: Path, method: str, body: bytes
) -> None:
    made = key(place, "--hmac")
    (tmp_path / "secret").write_text(made["secret"])
    (tmp_path / "body").write_bytes(body)
    words = ("sign", "--hmac", "--key-id", made["id"], "--secret-file", str(tmp_path / "secret"), method, "https://h.example/one/a")
    headers = place.command(*words, "--body-file", str(tmp_path / "body"))
    assert ask(web, headers, "/one/a", method).status_code == 200


def test_wrong_passwords_are_limited_by_account_and_never_lock_the_proxy(place: Plain, web: httpx.Client) -> None:
    place.command("account", "create", "bob", "--password-stdin", stdin="pw")
    codes = [ask(web, stranger.basic("bob", f"wrong {number}")).status_code for number in range(8)]
    assert codes == [401] * 5 + [429] * 3
    assert ask(web, stranger.basic("ada", PASSWORD)).status_code == 200
    far = {"X-Forwarded-For": "192.0.2.50", "X-Forwarded-Proto": "https"}
    codes = [ask(web, stranger.basic(f"nobody{number}", "x") | far).status_code for number in range(8)]
    assert codes == [401] * 5 + [429] * 3


def test_a_token_is_revoked_from_standard_input(place: Plain, web: httpx.Client) -> None:
    token = login(web).json()["access_token"]
    assert place.command("token", "verify", "-", stdin=token)["valid"]
    place.command("token", "revoke", "-", stdin=token)
    time.sleep(0.3)
    assert ask(web, stranger.bearer(token)).json()["code"] == "revoked_credential"
