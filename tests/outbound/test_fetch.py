"""The attack table: servers that are slow, huge, lying or elsewhere. Each ends within the time, with its own reason."""

import asyncio
import gzip
import ssl
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvloop

from doorward.outbound.fetch import Failure, Fetched, Fetcher, FetchError, FetchOptions
from tests.outbound.servers import NAME, Behave, answering, authority, endless, head_of, json_answer, listening, resolving

LOCAL = ("127.0.0.1/32",)
SECONDS = 0.6
GOOD = json_answer(b'{"keys": []}', "Cache-Control: public, max-age=300")


def fetcher(folder: Path, *addresses: Sequence[str], allow: tuple[str, ...] = LOCAL, seconds: float = SECONDS) -> Fetcher:
    options = FetchOptions(allow=allow, ca_bundle=str(authority().bundle(folder)), seconds=seconds)
    return Fetcher(options, resolve=resolving(*addresses or (["127.0.0.1"],)))


async def failure(asking: Fetcher, url: str, most: int = 64 * 1024) -> Failure:
    """Why it failed; that it did within the time is asked of every one."""
    began = time.monotonic()
    with pytest.raises(FetchError) as caught:
        await asking.get(url, most=most)
    assert time.monotonic() - began < SECONDS + 0.5
    return caught.value.why


async def test_what_is_asked_for_is_fetched_with_its_age(tmp_path: Path) -> None:
    seen = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await head_of(reader))
        writer.write(GOOD)
        await writer.drain()

    async with listening(behave, authority().tls(tmp_path)) as place:
        assert await fetcher(tmp_path).get(place.url) == Fetched(b'{"keys": []}', "application/json", 300.0)
    lines = seen[0].decode().split("\r\n")
    assert lines[0] == "GET /jwks HTTP/1.1"
    assert f"Host: {NAME}:{place.port}" in lines
    assert "Accept-Encoding: identity" in lines
    assert not any(line.lower().startswith(("cookie", "authorization")) for line in lines)


LIES: dict[str, tuple[Behave, Failure]] = {
    "never answers": (answering(b"", more=9), Failure.TOO_SLOW),
    "drips its body": (
        endless(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n", b"{", 0.05),
        Failure.TOO_SLOW,
    ),
    "drips its headers": (endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.05), Failure.TOO_SLOW),
    "huge, and says so": (answering(json_answer(b"")[:-2].replace(b"Length: 0", b"Length: 99999999") + b"\r\n"), Failure.TOO_LARGE),
    "huge, and does not say so": (endless(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b"x" * 8192), Failure.TOO_LARGE),
    "chunked for ever": (
        endless(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"
        ),
        Failure.TOO_LARGE,
    ),
    "chunk extensions for ever": (
        endless(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 8192),
        Failure.TOO_LARGE,
    ),
    "trailers for ever": (
        endless(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 999),
        Failure.TOO_LARGE,
    ),
    "headers for ever": (endless(b"HTTP/1.1 200 OK\r\n", b"X-Y: z\r\n" * 20), Failure.TOO_LARGE),
    "one header for ever": (endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 8192), Failure.TOO_LARGE),
    "a reason phrase for ever": (endless(b"HTTP/1.1 200 ", b"y" * 8192), Failure.TOO_LARGE),
    "interim answers for ever": (endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), Failure.TOO_LARGE),
    "a gzip bomb": (answering(json_answer(gzip.compress(b"x" * 10_000_000), "Content-Encoding: gzip")), Failure.ENCODED),
    "redirects within": (answering(json_answer(b"", "Location: /other", status="302 Found")), Failure.REDIRECTED),
    "redirects to the metadata": (
        answering(json_answer(b"", "Location: http://169.254.169.254/", status="307 Temporary Redirect")),
        Failure.REDIRECTED,
    ),
    "says more than it sends": (
        answering(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{}"),
        Failure.CUT_SHORT,
    ),
    "says two lengths": (
        answering(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
        Failure.NOT_HTTP,
    ),
    "length and chunks": (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        Failure.NOT_HTTP,
    ),
    "closes at once": (answering(b""), Failure.CUT_SHORT),
    "closes in its headers": (answering(b"HTTP/1.1 200 OK\r\nContent-"), Failure.CUT_SHORT),
    "closes in a chunk": (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{}"), Failure.CUT_SHORT),
    "another status": (answering(json_answer(b"{}", status="500 Oops")), Failure.BAD_STATUS),
    "part of it": (answering(json_answer(b"{}", status="206 Partial Content")), Failure.BAD_STATUS),
    "nothing": (answering(b"HTTP/1.1 204 No Content\r\n\r\n"), Failure.BAD_STATUS),
    "another protocol": (
        answering(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
        Failure.NOT_HTTP,
    ),
    "HTML": (answering(json_answer(b"<html>", kind="text/html")), Failure.BAD_TYPE),
    "no type": (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), Failure.BAD_TYPE),
    "SSH": (answering(b"SSH-2.0-OpenSSH_9.9\r\n"), Failure.NOT_HTTP),
    "noise": (answering(bytes(range(256))), Failure.NOT_HTTP),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_server_that_lies_is_told_from_one_that_answers(tmp_path: Path, lie: str) -> None:
    behave, why = LIES[lie]
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    async with listening(behave, authority().tls(tmp_path)) as place:
        assert await failure(fetcher(tmp_path), place.url) is why
    assert len(list(Path("/proc/self/fd").iterdir())) <= open_before


@pytest.mark.parametrize("lie", [name for name, (_, why) in LIES.items() if why is Failure.TOO_LARGE])
async def test_nothing_that_never_ends_fills_the_memory(tmp_path: Path, lie: str) -> None:
    async with listening(LIES[lie][0], authority().tls(tmp_path)) as place:
        asking = fetcher(tmp_path)
        await failure(asking, place.url)
        tracemalloc.start()
        try:
            await failure(asking, place.url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 3 * 1024 * 1024


@pytest.mark.parametrize(
    "lie", ["never answers", "huge, and does not say so", "headers for ever", "closes in a chunk", "says two lengths", "HTML"]
)
def test_it_is_the_same_on_the_loop_that_the_server_runs_on(tmp_path: Path, lie: str) -> None:
    async def tried() -> Failure:
        async with listening(LIES[lie][0], authority().tls(tmp_path)) as place:
            return await failure(fetcher(tmp_path), place.url)

    assert uvloop.run(tried()) is LIES[lie][1]


async def test_more_than_was_announced_is_not_looked_at(tmp_path: Path) -> None:
    answer = GOOD + b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
    async with listening(answering(answer), authority().tls(tmp_path)) as place:
        assert (await fetcher(tmp_path).get(place.url)).body == b'{"keys": []}'


@pytest.mark.parametrize("framing", ["Connection: close", "Transfer-Encoding: chunked"])
async def test_a_body_without_a_length_is_taken_by_its_framing(tmp_path: Path, framing: str) -> None:
    body = b"2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n" if "chunked" in framing else b"{}"
    answer = f"HTTP/1.1 200 OK\r\nContent-Type: application/jwk-set+json; charset=utf-8\r\n{framing}\r\n\r\n".encode() + body
    async with listening(answering(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer), authority().tls(tmp_path)) as place:
        assert await fetcher(tmp_path).get(place.url) == Fetched(b"{}", "application/jwk-set+json", None)


async def test_a_server_that_accepts_nobody_is_given_up(tmp_path: Path) -> None:
    import socket

    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        url = f"https://{NAME}:{full.getsockname()[1]}/"
        waiting = [asyncio.create_task(failure(fetcher(tmp_path), url)) for _ in range(4)]  # the queue of the system is short
        assert set(await asyncio.gather(*waiting)) <= {Failure.TOO_SLOW, Failure.UNREACHABLE}


async def test_a_server_that_never_shakes_hands_is_given_up(tmp_path: Path) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(9)

    async with listening(behave, None) as place:
        assert await failure(fetcher(tmp_path), place.url) is Failure.TOO_SLOW


async def test_plain_http_where_tls_is_asked_for_is_no_tls(tmp_path: Path) -> None:
    async with listening(answering(GOOD), None) as place:
        assert await failure(fetcher(tmp_path), place.url) in (Failure.BAD_CERTIFICATE, Failure.TOO_SLOW)


async def test_nobody_listens(tmp_path: Path) -> None:
    async with listening(answering(GOOD), None) as place:
        pass
    assert await failure(fetcher(tmp_path), place.url) is Failure.UNREACHABLE


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    async with listening(answering(GOOD), authority().tls(tmp_path, "other.test", "127.0.0.1")) as place:
        assert await failure(fetcher(tmp_path), place.url) is Failure.BAD_CERTIFICATE


async def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    async with listening(answering(GOOD), authority("somebody else").tls(tmp_path)) as place:
        assert await failure(fetcher(tmp_path), place.url) is Failure.BAD_CERTIFICATE


async def test_without_a_bundle_the_authorities_of_the_system_are_asked(tmp_path: Path) -> None:
    async with listening(answering(GOOD), authority().tls(tmp_path)) as place:
        plain = Fetcher(FetchOptions(allow=LOCAL, seconds=SECONDS), resolve=resolving(["127.0.0.1"]))
        assert await failure(plain, place.url) is Failure.BAD_CERTIFICATE


async def test_tls_below_1_2_is_refused(tmp_path: Path) -> None:
    tls = authority().tls(tmp_path)
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_1
    async with listening(answering(GOOD), tls) as place:
        assert await failure(fetcher(tmp_path), place.url) in (Failure.BAD_CERTIFICATE, Failure.UNREACHABLE)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "fe80::1%lo"]
)
async def test_a_name_that_leads_inside_is_refused(tmp_path: Path, address: str) -> None:
    assert await failure(fetcher(tmp_path, [address]), f"https://{NAME}/") is Failure.NOT_PUBLIC


@pytest.mark.parametrize("order", [0, 1])
async def test_one_address_inside_condemns_the_name(tmp_path: Path, order: int) -> None:
    both = ["8.8.8.8", "10.0.0.1"]
    assert await failure(fetcher(tmp_path, both[order:] + both[:order]), f"https://{NAME}/") is Failure.NOT_PUBLIC


async def test_a_name_is_looked_up_once_and_the_connection_goes_to_what_was_checked(tmp_path: Path) -> None:
    """DNS rebinding: the first answer may be asked, the second is inside. Only the first is ever used."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    async with listening(answering(GOOD), authority().tls(tmp_path)) as place:
        options = FetchOptions(allow=LOCAL, ca_bundle=str(authority().bundle(tmp_path)), seconds=SECONDS)
        asking = Fetcher(options, resolve=resolve)
        assert (await asking.get(place.url)).body == b'{"keys": []}'
        assert asked == [NAME]
        assert await failure(asking, place.url) is Failure.NOT_PUBLIC
        assert place.connections == 1


async def test_the_next_address_is_tried_where_nobody_listens(tmp_path: Path) -> None:
    async with listening(answering(GOOD), authority().tls(tmp_path)) as place:
        asking = fetcher(tmp_path, ["127.0.0.2", "127.0.0.1"], allow=("127.0.0.0/8",))
        assert (await asking.get(place.url)).max_age == 300


async def test_a_name_without_address_is_told(tmp_path: Path) -> None:
    assert await failure(fetcher(tmp_path, []), f"https://{NAME}/") is Failure.NO_ADDRESS


async def test_the_systems_resolver_is_asked_where_none_is_given(tmp_path: Path) -> None:
    async with listening(answering(GOOD), authority().tls(tmp_path)) as place:
        options = FetchOptions(allow=("127.0.0.1/32", "::1/128"), ca_bundle="authority.pem", seconds=SECONDS)
        authority().bundle(tmp_path)
        asking = Fetcher(options, base=tmp_path)
        assert (await asking.get(f"https://localhost:{place.port}/")).body == b'{"keys": []}'
        assert await failure(asking, "https://no-such-name.invalid/") in (Failure.NO_ADDRESS, Failure.TOO_SLOW)
        asking.close()


async def test_a_resolver_that_never_answers_is_given_up(tmp_path: Path) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(9)
        return []

    asking = Fetcher(FetchOptions(seconds=SECONDS), resolve=resolve)
    assert await failure(asking, f"https://{NAME}/") is Failure.TOO_SLOW


async def test_plain_http_is_for_listed_addresses_only(tmp_path: Path) -> None:
    async with listening(answering(GOOD), None) as place:
        assert (await fetcher(tmp_path).get(f"http://127.0.0.1:{place.port}/")).body == b'{"keys": []}'
    assert await failure(fetcher(tmp_path, ["8.8.8.8"]), f"http://{NAME}/") is Failure.NOT_HTTPS
    assert await failure(fetcher(tmp_path, allow=()), "http://127.0.0.1/") is Failure.NOT_PUBLIC


async def test_a_flood_waits_in_a_short_line_and_no_longer_than_its_time(tmp_path: Path) -> None:
    async with listening(answering(b"", more=9), authority().tls(tmp_path)) as place:
        asking = fetcher(tmp_path)
        told = await asyncio.gather(*(failure(asking, place.url) for _ in range(200)))
        assert told.count(Failure.BUSY) == 200 - 64
        assert told.count(Failure.TOO_SLOW) == 64
        assert place.connections <= 2
        assert not asking._each
        assert asking._waiting == 0


async def test_a_slow_host_does_not_hold_up_another(tmp_path: Path) -> None:
    tls = authority().tls(tmp_path)
    async with listening(answering(b"", more=9), tls) as slow, listening(answering(GOOD), tls) as quick:
        asking = fetcher(tmp_path)
        flood = [asyncio.create_task(failure(asking, slow.url)) for _ in range(40)]
        await asyncio.sleep(0.05)
        assert (await asking.get(f"https://127.0.0.1:{quick.port}/")).body == b'{"keys": []}'
        await asyncio.gather(*flood)


async def test_proxies_of_the_environment_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with listening(answering(GOOD), authority().tls(tmp_path)) as place:
        assert (await fetcher(tmp_path).get(place.url)).body == b'{"keys": []}'


async def test_given_up_by_its_asker_it_leaves_nothing_open(tmp_path: Path) -> None:
    async with listening(answering(b"", more=9), authority().tls(tmp_path)) as place:
        asking = fetcher(tmp_path)
        task = asyncio.create_task(asking.get(place.url))
        while not place.connections:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not asking._each
        assert asking._waiting == 0


@pytest.mark.parametrize("options", [{"allow": ("10.0.0.1/8",)}, {"allow": ("localhost",)}, {"seconds": 0.0}, {"seconds": 61.0}])
def test_options_that_cannot_be_meant_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        FetchOptions(**options)  # type: ignore[arg-type]


def test_a_bundle_that_cannot_be_read_is_refused_at_start(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("empty.pem", "missing.pem"):
        with pytest.raises(ValueError, match="ca_bundle"):
            Fetcher(FetchOptions(ca_bundle=name), base=tmp_path)
