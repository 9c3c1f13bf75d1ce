"""client/renewing.py, client/credentials.py: one fetch for all who wait, in threads and in tasks; one more try where it is refused."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from doorward.client import ClientCredentials, TokenError, Unsafe
from doorward.client.assertion import SecretPost
from doorward.client.renewing import EARLY, PAUSE
from doorward.core.secret import Secret
from tests.client.server import TOKEN_URL, Stranger

URL = "https://api.example/pets"


class Watch:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def credentials(watch: Watch | None = None, **words: object) -> ClientCredentials:
    return ClientCredentials(TOKEN_URL, "shop", Secret("s3cret"), scopes="read:pets", clock=watch or Watch(), **words)  # type: ignore[arg-type]


async def get(mode: str, auth: httpx.Auth, server: Stranger, times: int = 1, url: str = URL) -> list[httpx.Response]:
    """The same requests one after another, by a Client or an AsyncClient."""
    if mode == "sync":
        with httpx.Client(transport=httpx.MockTransport(server), auth=auth) as web:
            return [web.get(url) for _ in range(times)]
    async with httpx.AsyncClient(transport=httpx.MockTransport(server), auth=auth) as web:
        return [await web.get(url) for _ in range(times)]


both = pytest.mark.parametrize("mode", ["sync", "async"])


@both
async def test_a_token_is_fetched_once_and_kept(mode: str) -> None:
    server = Stranger()
    answers = await get(mode, credentials(), server, 5)
    assert [answer.json()["shown"] for answer in answers] == ["t1"] * 5
    assert server.asked == [{"grant_type": ["client_credentials"], "scope": ["read:pets"]}]
    assert server.headers[0]["authorization"] == "Basic c2hvcDpzM2NyZXQ="


@both
@pytest.mark.parametrize(("life", "early"), [(300, EARLY), (100, 10), (3600, EARLY)])
async def test_it_is_fetched_anew_near_its_end(mode: str, life: float, early: float) -> None:
    server, watch = Stranger(life=life), Watch()
    auth = credentials(watch)
    await get(mode, auth, server)
    watch.now += life - early - 1
    await get(mode, auth, server)
    assert len(server.asked) == 1
    watch.now += 2
    assert (await get(mode, auth, server))[0].json()["shown"] == "t2"


@both
async def test_a_token_without_an_end_is_kept_until_it_is_refused(mode: str) -> None:
    server, watch = Stranger(life=None), Watch()
    auth = credentials(watch)
    await get(mode, auth, server)
    watch.now += 1e9
    await get(mode, auth, server)
    assert len(server.asked) == 1
    server.refused = {"t1"}
    assert (await get(mode, auth, server))[0].json()["shown"] == "t2"


@both
async def test_a_refused_token_is_fetched_anew_and_tried_once_more(mode: str) -> None:
    server = Stranger()
    auth = credentials()
    await get(mode, auth, server)
    server.refused = {"t1"}
    (answer,) = await get(mode, auth, server)
    assert (answer.status_code, answer.json()["shown"]) == (200, "t2")
    server.refused = {"t2", "t3"}
    (answer,) = await get(mode, auth, server)
    assert answer.status_code == 401, "and no more than once"
    assert len(server.asked) == 3


@both
async def test_a_token_that_was_fetched_for_this_very_request_is_not_fetched_again(mode: str) -> None:
    server = Stranger(refused={"t1"})
    (answer,) = await get(mode, credentials(), server)
    assert (answer.status_code, len(server.asked), len(server.calls)) == (401, 1, 1)


async def test_two_hundred_tasks_fetch_one_token() -> None:
    server = Stranger()

    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.01)
        return server(request)

    auth = credentials()
    async with httpx.AsyncClient(transport=httpx.MockTransport(slow), auth=auth) as web:
        answers = await asyncio.gather(*(web.get(URL) for _ in range(200)))
        assert {answer.json()["shown"] for answer in answers} == {"t1"}
        server.refused = {"t1"}
        answers = await asyncio.gather(*(web.get(URL) for _ in range(200)))
    assert {answer.json()["shown"] for answer in answers} == {"t2"}
    assert len(server.asked) == 2


def test_fifty_threads_fetch_one_token() -> None:
    server, lock, seen = Stranger(), threading.Lock(), set()

    def slow(request: httpx.Request) -> httpx.Response:
        if str(request.url) == TOKEN_URL:
            threading.Event().wait(0.02)
        with lock:
            return server(request)

    auth = credentials()

    def call() -> None:
        with httpx.Client(transport=httpx.MockTransport(slow), auth=auth) as web:
            seen.add(web.get(URL).json()["shown"])

    threads = [threading.Thread(target=call) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (seen, len(server.asked)) == ({"t1"}, 1)


def test_one_object_serves_one_event_loop_after_another() -> None:
    server, auth = Stranger(), credentials()
    for _ in range(3):
        asyncio.run(get("async", auth, server))
    assert len(server.asked) == 1


@both
async def test_a_refusal_of_the_token_server_is_told_and_not_asked_for_again_at_once(mode: str) -> None:
    server, watch = Stranger(status=401), Watch()
    auth = credentials(watch)
    for _ in range(3):
        with pytest.raises(TokenError, match="invalid_client: no such client") as caught:
            await get(mode, auth, server)
        assert caught.value.status == 401
    assert len(server.asked) == 1
    server.status = 200
    watch.now += PAUSE
    assert (await get(mode, auth, server))[0].status_code == 200


@both
@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b'{"access_token": 1, "token_type": "Bearer"}',
        b'{"access_token": "", "token_type": "Bearer"}',
        b'{"access_token": "t\\n", "token_type": "Bearer"}',
        b'{"access_token": "t"}',
        b'{"access_token": "t", "token_type": "MAC"}',
        b'{"access_token": "t", "token_type": "Bearer", "expires_in": "300"}',
        b'{"access_token": "t", "token_type": "Bearer", "expires_in": true}',
        b'{"access_token": "t", "token_type": "Bearer", "expires_in": -1}',
        b'{"access_token": "t", "token_type": "DPoP", "expires_in": 1}',
        b"[" * 100_000,
        b" " * 100_000,
    ],
)
async def test_an_answer_that_is_not_understood_is_an_error(mode: str, told: bytes) -> None:
    server = Stranger(answer=lambda _: httpx.Response(200, content=told))
    with pytest.raises(TokenError, match="invalid_answer"):
        await get(mode, credentials(), server)


@both
async def test_a_broken_connection_leaves_nobody_waiting(mode: str) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("gone")

    server, auth = Stranger(answer=broken), credentials()
    for _ in range(2):
        with pytest.raises(httpx.ConnectError):
            await get(mode, auth, server)
    server.answer = None
    assert (await get(mode, auth, server))[0].status_code == 200


async def test_a_task_that_is_cancelled_gives_its_turn_back() -> None:
    server, hold = Stranger(), asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        if not hold.is_set():
            await hold.wait()
        return server(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(slow), auth=credentials()) as web:
        first = asyncio.create_task(web.get(URL))
        second = asyncio.create_task(web.get(URL))
        await asyncio.sleep(0.01)
        first.cancel()
        hold.set()
        assert (await asyncio.wait_for(second, 1)).status_code == 200


@both
async def test_a_body_that_streams_is_not_sent_twice(mode: str) -> None:
    server, auth = Stranger(), credentials()
    await get(mode, auth, server)
    server.refused = {"t1"}

    async def later() -> AsyncIterator[bytes]:
        yield b"body"

    def now() -> Iterator[bytes]:
        yield b"body"

    if mode == "sync":
        with httpx.Client(transport=httpx.MockTransport(server), auth=auth) as web:
            answer = web.post(URL, content=now())
    else:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server), auth=auth) as client:
            answer = await client.post(URL, content=later())
    assert (answer.status_code, len(server.asked)) == (401, 1)


@both
@pytest.mark.parametrize("url", ["http://api.example/pets", "http://127.0.0.1.example/pets", "http://10.0.0.1/"])
async def test_no_credential_goes_over_plain_http_to_another_machine(mode: str, url: str) -> None:
    server = Stranger()
    with pytest.raises(Unsafe, match="plain http"):
        await get(mode, credentials(), server, url=url)
    assert not server.calls
    with pytest.raises(Unsafe):
        await get(mode, ClientCredentials("http://auth.example/token", "shop", "s"), server)
    assert not server.asked


@both
@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/pets", "http://localhost/pets", "http://[::1]:1/pets"])
async def test_this_machine_is_spoken_to_over_plain_http(mode: str, url: str) -> None:
    assert (await get(mode, credentials(), Stranger(), url=url))[0].status_code == 200


async def test_a_token_is_not_taken_along_to_another_origin() -> None:
    def moved(request: httpx.Request) -> httpx.Response:
        if request.url.host == "api.example":
            return httpx.Response(302, headers={"location": "https://evil.example/"})
        return httpx.Response(200, json={"shown": request.headers.get("authorization")})

    server = Stranger()
    transport = httpx.MockTransport(lambda request: server(request) if request.url.host == "auth.example" else moved(request))
    async with httpx.AsyncClient(transport=transport, auth=credentials(), follow_redirects=True) as web:
        assert (await web.get(URL)).json()["shown"] is None


async def test_the_secret_may_go_in_the_form_and_is_shown_in_no_repr() -> None:
    server, auth = Stranger(), ClientCredentials(TOKEN_URL, "shop", SecretPost(Secret("s3cret&=")), resource="https://api.example")
    await get("async", auth, server)
    assert server.asked[0]["client_secret"] == ["s3cret&="]
    assert server.asked[0]["resource"] == ["https://api.example"]
    assert "s3cret" not in repr(vars(auth)) + repr(auth)
    assert "t1" not in repr(vars(auth))
