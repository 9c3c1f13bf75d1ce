"""`doorward serve --workers 2` as it is run: whatever is decided in one process holds in all, whatever dies in between."""

import asyncio
import os
import signal
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from doorward.lab import stranger
from doorward.lab.place import Place, free_port

PASSWORD = "correct horse: battery stäple"
WITHIN = 1.0
ROUTES = """
[server]
issuer = "https://localhost:{port}"
trusted_proxies = ["127.0.0.1/32"]

[limits]
failures = "off"

[[route]]
path = "/pets/**"
allow = "api_key or basic or jwt or session or hmac"

[[route]]
path = "/limited"
allow = "api_key"
rate = "50/h"
"""


class Served(Place):
    port = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_keepalive_connections=0)  # a new connection each time reaches every worker
        return httpx.AsyncClient(verify=self.trust(), base_url=self.url, limits=limits, timeout=20)

    def start(self) -> None:
        self.serve(self.port, "--workers", "2")
        ready(self)

    def workers(self) -> list[int]:
        parent = self.processes[0].pid
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        found = [int(pid) for pid in text.split()]
        return [pid for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@contextmanager
def two_workers(folder: Path, settings: str) -> Iterator[Served]:
    """`{port}` in the settings is the one that they serve."""
    place = Served(folder)
    place.make_certificate()
    place.command("init")
    place.port = free_port()
    (place.data / "doorward.toml").write_text(settings.format(port=place.port))
    try:
        place.start()
        yield place
    finally:
        place.stop()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with two_workers(tmp_path_factory.mktemp("served"), ROUTES) as place:
        place.command("account", "create", "ada", "--scopes", "read:pets", "--password-stdin", stdin=PASSWORD + "\n")
        yield place


def ready(place: Served) -> None:
    deadline = time.monotonic() + 20
    with httpx.Client(verify=place.trust(), base_url=place.url) as web:
        while time.monotonic() < deadline:
            try:
                if web.get("/readyz").status_code == 200 and len(place.workers()) == 2:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    raise AssertionError("the server did not become ready")


@pytest.fixture
async def web(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with served.client() as made:
        yield made


def asked(headers: dict[str, str], path: str = "/pets", method: str = "GET") -> dict[str, str]:
    return {
        "X-Original-Method": method,
        "X-Original-URI": path,
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "pets.example",
        **headers,
    }


async def verify(web: httpx.AsyncClient, headers: dict[str, str], path: str = "/pets") -> httpx.Response:
    return await web.get("/verify", headers=asked(headers, path))


async def sign_in(web: httpx.AsyncClient, transport: str = "bearer") -> httpx.Response:
    answer = await web.post("/auth/login", json={"username": "ada", "password": PASSWORD, "transport": transport})
    assert answer.status_code == 200, answer.text
    return answer


def key(served: Served, *words: str) -> dict[str, Any]:
    return served.command("key", "create", "--name", "n", "--owner", "o", *words)


async def refused_everywhere(web: httpx.AsyncClient, headers: Callable[[], dict[str, str]]) -> float:
    """Seconds until twenty connections in a row are refused, counted to the first of them."""
    began, last_admitted = time.monotonic(), time.monotonic()
    in_a_row = 0
    while in_a_row < 20:
        answer = await verify(web, headers())
        if answer.status_code == 200:
            in_a_row, last_admitted = 0, time.monotonic()
        else:
            assert answer.status_code == 401, answer.text
            in_a_row += 1
        assert time.monotonic() - began < 20
    return last_admitted - began


async def test_both_workers_answer(served: Served, web: httpx.AsyncClient) -> None:
    assert len(served.workers()) == 2
    await asyncio.sleep(1.2)  # each leaves its figures once a second
    text = (await web.get("/metrics")).text
    for pid in served.workers():
        assert f'worker="{pid}"' in text


async def test_each_kind_of_revocation_is_known_to_all_workers_within_a_second(served: Served, web: httpx.AsyncClient) -> None:
    made = key(served)
    token, other = (await sign_in(web)).json(), (await sign_in(web)).json()
    session = next(iter((await sign_in(web, "session")).cookies.items()))
    web.cookies.clear()
    bearer, after = stranger.bearer(token["access_token"]), stranger.bearer(other["access_token"])
    cookie = {"Cookie": f"{session[0]}={session[1]}"}
    for shown in (stranger.api_key(made["key"]), bearer, after, cookie):
        assert (await verify(web, shown)).status_code == 200

    async def key_revoked() -> None:
        await asyncio.to_thread(served.command, "key", "revoke", made["id"])

    async def token_revoked() -> None:
        await asyncio.to_thread(served.command, "token", "revoke", "-", stdin=token["access_token"])

    async def signed_out() -> None:
        assert (await web.post("/auth/logout", headers=after)).status_code == 204

    async def all_sessions_ended() -> None:
        await asyncio.to_thread(served.command, "session", "revoke", "--owner", "ada")

    for revoke, shown in (
        (key_revoked, stranger.api_key(made["key"])),
        (token_revoked, bearer),
        (signed_out, after),
        (all_sessions_ended, cookie),
    ):
        await revoke()
        assert await refused_everywhere(web, lambda shown=shown: shown) <= WITHIN  # type: ignore[misc]
    again = stranger.bearer((await sign_in(web)).json()["access_token"])
    assert (await verify(web, again)).status_code == 200, "a new sign-in works"


async def test_revocation_takes_a_second_at_most(served: Served, web: httpx.AsyncClient) -> None:
    spans = []
    for _ in range(12):
        bearer = stranger.bearer((await sign_in(web)).json()["access_token"])
        assert (await verify(web, bearer)).status_code == 200
        assert (await web.post("/auth/logout", headers=bearer)).status_code == 204
        spans.append(await refused_everywhere(web, lambda bearer=bearer: bearer))  # type: ignore[misc]
    print(f"revocation: median {statistics.median(spans) * 1000:.0f} ms, worst {max(spans) * 1000:.0f} ms")
    assert max(spans) <= WITHIN


async def test_a_signed_request_is_admitted_once_over_all_workers(served: Served, web: httpx.AsyncClient) -> None:
    made = key(served, "--hmac")
    for _ in range(10):
        headers = stranger.signed(made["id"], made["secret"], "GET", "https://pets.example/pets")
        answers = await asyncio.gather(*(verify(web, headers) for _ in range(12)))
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * 11


async def test_a_rate_is_exact_over_all_workers(served: Served, web: httpx.AsyncClient) -> None:
    shown = stranger.api_key(key(served)["key"])
    answers = [answer for _ in range(4) for answer in await asyncio.gather(*(verify(web, shown, "/limited") for _ in range(20)))]
    codes = [answer.status_code for answer in answers]
    assert codes.count(200) == 50
    assert codes.count(429) == 30
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1


async def test_refresh_by_many_at_once_makes_one_family(served: Served, web: httpx.AsyncClient) -> None:
    for _ in range(5):
        refresh = (await sign_in(web)).json()["refresh_token"]
        answers = await asyncio.gather(*(web.post("/auth/refresh", json={"refresh_token": refresh}) for _ in range(10)))
        given = {answer.json()["refresh_token"] for answer in answers if answer.status_code == 200}
        assert len(given) == 1, "within the grace all are given the same successor"
        following = (await web.post("/auth/refresh", json={"refresh_token": given.pop()})).json()
        theft = await web.post("/auth/refresh", json={"refresh_token": refresh})
        assert theft.status_code == 401
        bearer = stranger.bearer(following["access_token"])
        assert await refused_everywhere(web, lambda bearer=bearer: bearer) <= WITHIN  # type: ignore[misc]
        assert (await web.post("/auth/refresh", json={"refresh_token": following["refresh_token"]})).status_code == 401


async def test_a_flood_of_bad_keys_writes_no_rows(served: Served, web: httpx.AsyncClient) -> None:
    """Each worker writes a summary a minute, and does jobs of its own meanwhile: what counts is that rows do not grow with refusals."""
    before = (served.data / "doorward.db").stat().st_size
    made = key(served)
    rows = int(served.command("audit", "verify")["rows"])
    forged = stranger.forged_key(made["key"])
    for _ in range(30):
        answers = await asyncio.gather(*(verify(web, stranger.api_key(forged)) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {401}
    assert int(served.command("audit", "verify")["rows"]) - rows < 600 // 10
    assert (served.data / "doorward.db").stat().st_size <= before + 512 * 1024


async def test_killing_a_worker_loses_nothing_acknowledged(served: Served, web: httpx.AsyncClient) -> None:
    bearer = stranger.bearer((await sign_in(web)).json()["access_token"])
    made = key(served, "--hmac")
    headers = stranger.signed(made["id"], made["secret"], "GET", "https://pets.example/pets")
    assert (await verify(web, headers)).status_code == 200
    assert (await web.post("/auth/logout", headers=bearer)).status_code == 204
    for pid in served.workers():
        os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(ready, served)
    assert (await verify(web, bearer)).status_code == 401, "revoked before the kill, refused after it"
    assert (await verify(web, headers)).status_code == 401, "admitted before the kill, a replay after it"
    assert (await verify(web, stranger.bearer((await sign_in(web)).json()["access_token"]))).status_code == 200
    assert served.command("audit", "verify")["ok"] is True


@pytest.mark.parametrize("bad", [b"\xff\xfe", b"a" * 9000, b"Bearer", b"Basic !!!", b"Bearer " + b"x" * 8000, b"Digest x"])
async def test_no_header_makes_an_error_of_ours(web: httpx.AsyncClient, bad: bytes) -> None:
    for name in (b"authorization", b"x-api-key", b"cookie", b"x-signature", b"x-key-id"):
        fields = [(key.encode(), value.encode()) for key, value in asked({}).items()]
        answer = await web.get("/verify", headers=[*fields, (name, bad)])
        assert answer.status_code in (400, 401, 403, 431)
