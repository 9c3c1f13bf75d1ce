"""The examples under gunicorn, as they are run: workers that are forked, killed and replaced, and one truth in all of them."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest

from doorward.core.credential import Credential
from doorward.core.secret import Secret
from doorward.core.store import Tx
from doorward.crypto.hmac_signing import signed_headers
from doorward.lab.place import Place, free_port
from doorward.methods.session import csrf_of, lookup_of, new_secret, verifier_of
from doorward.stores.sqlite import SqliteStore
from doorward.webhooks import sign

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
SETTINGS = """
[limits]
failures = "off"

[[route]]
path = "/pets/**"
allow = "api_key"

[[route]]
path = "/both"
allow = "api_key and webhook bound by same_subject"
webhook = "shop"
"""
WARM = """
import os

from doorward import Doorward

door = Doorward()
door.blocking.start()  # before the fork: it is stopped for that, and started again in each worker
master = os.getpid()


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['doorward.principal'].subject} {master} {os.getpid()}".encode()]


app = door.wsgi(application)
"""


class Served(Place):
    port = 0
    add = "/pets"
    key: dict[str, Any]
    hmac: dict[str, Any]
    webhook = ""
    cookie = ""
    csrf = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=20, limits=httpx.Limits(max_keepalive_connections=0))

    def workers(self) -> list[int]:
        parent = self.processes[0].pid
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        return [int(pid) for pid in text.split()]

    @property
    def log(self) -> str:
        return (self.folder / "gunicorn.log").read_text()

    def begin(self, example: str, *words: str, app: str = "pets:app") -> None:
        folder = EXAMPLES / example if (EXAMPLES / example).is_dir() else self.folder
        said = ["--bind", f"127.0.0.1:{self.port}", "--workers", "2", "--no-control-socket", "--graceful-timeout", "5", *words, app]
        with (self.folder / "gunicorn.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *said],
                cwd=folder,
                env=self.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        until(lambda: len(self.workers()) == 2 and self._answers(), self)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5):
            return True
        return False


def until(holds: Any, place: Served, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError, FileNotFoundError):
            if holds():
                return
        time.sleep(0.02)
    raise AssertionError(place.log)


async def add_session(place: Served) -> Secret:
    secret, now = new_secret(os.urandom), time.time()
    session = Credential(
        id="se_1", method="session", lookup=lookup_of(secret), verifier=verifier_of(secret), owner="ada", created_at=now,
        expires_at=now + 3600, seen_at=now, data={"authenticated_at": repr(now)},
    )  # fmt: skip
    store = await SqliteStore.open(place.data / "doorward.db", clock=time.time)

    async def work(tx: Tx) -> None:
        await tx.add_credential(session)

    await store.write(work)
    await store.close()
    return secret


def furnish(place: Served) -> None:
    place.command("init")
    place.port = free_port()
    (place.data / "doorward.toml").write_text(SETTINGS)
    place.command("account", "create", "ada", "--scopes", "read:pets write:pets", "--password-stdin", stdin="correct horse battery\n")
    place.key = place.command("key", "create", "--name", "k", "--owner", "robot", "--scopes", "read:pets write:pets")
    place.hmac = place.command("key", "create", "--hmac", "--name", "h", "--owner", "robot", "--scopes", "write:pets")
    place.webhook = place.command("webhook", "add", "shop", "--form", "standard")["secret"]
    secret = asyncio.run(add_session(place))
    place.cookie, place.csrf = f"doorward={secret.reveal()}", csrf_of(secret)


@pytest.fixture(
    scope="module",
    params=[("flask", "sync", True), ("flask", "gthread", False), ("django", "sync", False), ("django", "gthread", True)],
    ids=lambda param: " ".join(map(str, param)),
)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    example, kind, preload = request.param
    place = Served(tmp_path_factory.mktemp("served"))
    furnish(place)
    place.add = "/pets" if example == "flask" else "/pets/new"
    place.begin(example, "--worker-class", kind, "--threads", "4" if kind == "gthread" else "1", *(["--preload"] if preload else []))
    yield place
    place.stop()


def signed(place: Served, body: bytes, nonce: str = "n", target: str | None = None) -> dict[str, str]:
    secret = Secret(place.hmac["secret"])
    return signed_headers(
        place.hmac["id"], secret, "POST", target or place.add, body, timestamp=int(time.time()), nonce=nonce + os.urandom(8).hex()
    )


def test_a_good_key_is_let_in_and_a_bad_one_gets_our_document(served: Served) -> None:
    with served.client() as web:
        good = web.get("/pets", headers={"X-API-Key": served.key["key"]})
        assert (good.status_code, good.json()["caller"]) == (200, "robot")
        assert good.headers["x-request-id"]
        bad = web.get("/pets", headers={"X-API-Key": "sk_live_nothing"})
        assert (bad.status_code, bad.json()["code"], bad.headers["content-type"]) == (401, "invalid_credential", "application/problem+json")
        assert bad.headers["www-authenticate"].startswith("Bearer")
        assert web.get("/pets").json()["code"] == "missing_credential"


def test_a_credential_that_is_sent_twice_is_refused_though_wsgi_joins_the_two(served: Served) -> None:
    key = served.key["key"]
    with served.client() as web:
        for fields in (
            [("X-API-Key", key), ("X-API-Key", key)],
            [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")],
            [("Authorization", f"Bearer {key}"), ("X-API-Key", key)],
            [("Authorization", "Basic YTpi"), ("Authorization", f"Bearer {key}")],
        ):
            assert web.get("/pets", headers=fields).status_code == 401, fields


def test_paths_that_could_be_read_in_two_ways_do_not_reach_a_view(served: Served) -> None:
    for path in ("/%70ets%2f", "//pets", "/x/../pets", "/pets;a=1", "/pets%00", "/pets%5c"):
        connection = HTTPConnection("127.0.0.1", served.port, timeout=10)
        connection.putrequest("GET", path, skip_host=True)
        for name, value in (("Host", "127.0.0.1"), ("X-API-Key", served.key["key"])):
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status in (400, 404), path
        connection.close()


def test_a_signed_body_is_verified_and_still_there_and_is_taken_once_by_all_workers(served: Served) -> None:
    body = b'{"name": "Rex"}'
    with served.client() as web:
        for _ in range(3):
            fields = {**signed(served, body), "Content-Type": "application/json"}
            answers = [web.post(served.add, content=body, headers=fields) for _ in range(6)]  # a connection each: both workers are met
            assert [answer.status_code for answer in answers] == [201] + [401] * 5, answers[0].text
            assert answers[0].json() == {"added": "Rex", "caller": "robot"}
            assert answers[1].json()["code"] == "replayed_request"
        changed = {**signed(served, body), "Content-Type": "application/json"}
        assert web.post(served.add, content=b'{"name": "Max"}', headers=changed).status_code == 401


def test_a_chunked_body_is_verified_or_refused_and_never_let_by(served: Served) -> None:
    body = b'{"name": "Rex"}'

    def pieces() -> Iterator[bytes]:
        yield body[:5]
        yield body[5:]

    with served.client() as web:
        answer = web.post(served.add, content=pieces(), headers={**signed(served, body), "Content-Type": "application/json"})
        assert answer.status_code == (201 if served.add == "/pets" else 401)  # Django does not read chunked bodies


def test_a_body_past_the_cap_is_413(served: Served) -> None:
    body = bytes(1024 * 1024 + 1)
    with served.client() as web:
        answer = web.post(served.add, content=body, headers=signed(served, body))
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_webhook_is_taken_once(served: Served) -> None:
    body = b'{"order": 1}'
    fields = {**sign("standard", body, served.webhook), "Content-Type": "application/json"}
    with served.client() as web:
        answers = [web.post("/hooks/orders", content=body, headers=fields) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 401, 401, 401], answers[0].text
    assert answers[0].json() == {"order": {"order": 1}, "caller": "shop"}


def test_a_session_needs_its_token_for_what_changes_something(served: Served) -> None:
    cookie, body = {"Cookie": served.cookie}, {"name": "Rex"}
    with served.client() as web:
        assert web.get("/pets", headers=cookie).json().get("caller") == "ada"
        assert web.post(served.add, json=body, headers=cookie).json()["code"] == "csrf"
        assert web.post(served.add, json=body, headers={**cookie, "Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert web.post(served.add, json=body, headers={**cookie, "X-CSRF-Token": served.csrf}).status_code == 201


def test_a_revoked_key_is_refused_by_every_worker_within_a_second(served: Served) -> None:
    new = served.command("key", "create", "--name", "gone", "--owner", "robot", "--scopes", "read:pets")
    with served.client() as web:
        for _ in range(10):
            assert web.get("/pets", headers={"X-API-Key": new["key"]}).status_code == 200
        served.command("key", "revoke", new["id"])
        time.sleep(1.0)
        answers = [web.get("/pets", headers={"X-API-Key": new["key"]}) for _ in range(20)]
    assert {answer.json()["code"] for answer in answers} == {"revoked_credential"}


def test_a_killed_worker_is_replaced_and_the_new_one_knows_everything(served: Served) -> None:
    before = set(served.workers())
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(set(served.workers()) - before) == 2, served)
    with served.client() as web:
        until(lambda: web.get("/pets", headers={"X-API-Key": served.key["key"]}).status_code == 200, served)
        answers = [web.get("/pets", headers={"X-API-Key": served.key["key"]}).status_code for _ in range(10)]
        assert answers == [200] * 10
        body = b'{"name": "Rex"}'
        fields = {**signed(served, body), "Content-Type": "application/json"}
        assert [web.post(served.add, content=body, headers=fields).status_code for _ in range(3)] == [201, 401, 401]


def uses(place: Served) -> int:
    return sum(each["count"] for each in place.command("key", "show", place.key["id"])["callers"])


def test_it_ends_in_good_order_and_has_written_who_used_what(served: Served) -> None:
    before = uses(served)
    with served.client() as web:
        for _ in range(50):
            assert web.get("/pets", headers={"X-API-Key": served.key["key"]}).status_code == 200
    began = time.monotonic()
    served.processes[0].terminate()
    assert served.processes[0].wait(15) == 0
    assert time.monotonic() - began < 5
    assert "Traceback" not in served.log
    assert uses(served) >= before + 50  # counts gather for two seconds: these were written at the end
    assert served.command("audit", "verify")


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Served]:
    place = Served(tmp_path)
    furnish(place)
    (tmp_path / "warm.py").write_text(WARM)
    place.begin("warm", "--preload", "--worker-class", "gthread", "--threads", "4", app="warm:app")
    yield place
    place.stop()


def test_a_door_that_ran_before_the_fork_runs_anew_in_each_worker_by_the_routes_of_the_file(warm: Served) -> None:
    key = {"X-API-Key": warm.key["key"]}
    shop = warm.command("key", "create", "--name", "s", "--owner", "shop")["key"]
    with warm.client() as web:
        until(lambda: len({web.get("/pets", headers=key).text for _ in range(8)}) == 2, warm)  # both workers answer
        assert {web.get("/pets", headers=key).text.split()[0] for _ in range(8)} == {"robot"}
        assert web.get("/elsewhere", headers=key).json()["code"] == "no_route"
        for keyed, status in ((shop, 200), (warm.key["key"], 401), (None, 401)):
            fields = sign("standard", b"{}", warm.webhook) | ({"X-API-Key": keyed} if keyed else {})
            assert web.post("/both", content=b"{}", headers=fields).status_code == status
        assert web.post("/both", content=b"{}", headers={"X-API-Key": shop}).status_code == 401
        warm.command("key", "revoke", warm.key["id"])
        time.sleep(1.0)
        assert {web.get("/pets", headers=key).status_code for _ in range(12)} == {401}
    warm.processes[0].terminate()
    assert warm.processes[0].wait(15) == 0
    assert "Traceback" not in warm.log
    assert warm.command("audit", "verify")
