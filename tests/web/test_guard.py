import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Why
from doorward.core.limit import Rate
from doorward.web.asgi import Receive, Scope, Send
from doorward.web.guard import CASE, Guard, GuardOptions
from doorward.web.outcome import Outcome, ignore
from tests.web.door import LOCAL, Words, answerer, call, clock, gate, route

KEY = ("X-API-Key", "ann")


class Behind:
    """The application: says what it saw."""

    def __init__(self) -> None:
        self.scope: Scope = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            return
        if scope["type"] == "lifespan":
            return
        body, more = b"", True
        while more:
            message = await receive()
            assert message["type"] == "http.request"
            body, more = body + message["body"], message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})


def guarded(
    methods: list[Words] | None = None, seen: list[Outcome] | None = None, largest: int = 1024, **more: Any
) -> tuple[Guard, Behind]:
    behind = Behind()
    its_gate = gate(more.pop("routes", None), methods or [Words()], **more)
    guard = Guard(
        behind,
        gate=its_gate,
        answerer=answerer(its_gate),
        proxies=LOCAL,
        clock=clock,
        observe=seen.append if seen is not None else ignore,
        options=GuardOptions(largest_body=largest),
    )
    return guard, behind


async def test_the_application_sees_the_principal_and_the_body() -> None:
    guard, behind = guarded()
    told = await call(guard, method="POST", headers=[KEY, ("content-length", "6")], body=[b"ab", b"cd", b"ef"])
    assert told.body == b"abcdef"
    assert behind.scope["principal"].subject == "ann"
    assert behind.scope[CASE].path == "/pets/1"
    assert told.header("x-request-id") == behind.scope[CASE].request.id


async def test_without_a_credential_the_application_is_not_called() -> None:
    guard, behind = guarded()
    told = await call(guard)
    assert (told.status, told.code) == (401, "missing_credential")
    assert behind.scope == {}


async def test_head_is_refused_without_content() -> None:
    told = await call(guarded()[0], method="HEAD")
    assert (told.status, told.body) == (401, b"")
    assert told.header("content-length") != "0"


async def test_an_open_route_has_no_principal() -> None:
    guard, behind = guarded()
    assert (await call(guard, "/open", headers=[("X-Auth-Subject", "root")])).status == 200
    assert behind.scope["principal"] is None


async def test_identity_fields_of_a_caller_are_taken_away() -> None:
    guard, behind = guarded()
    await call(guard, headers=[KEY, ("X-Auth-Subject", "root"), ("X-Auth-Identity", "forged"), ("Accept", "a/b")])
    assert behind.scope["headers"] == [(b"x-api-key", b"ann"), (b"accept", b"a/b")]


@pytest.mark.parametrize("name", ["X_Auth_Subject", "x-auth_subject", "x_auth-identity", "X_AUTH-SCOPES"])
async def test_their_other_spellings_are_refused(name: str) -> None:
    told = await call(guarded()[0], headers=[KEY, (name, "root")])
    assert (told.status, told.code) == (400, "bad_request")


async def test_a_signed_body_is_read_and_played_again() -> None:
    words = Words()
    guard, _ = guarded([words])
    told = await call(guard, method="POST", headers=[("X-API-Key", "signer"), ("content-length", "6")], body=[b"abc", b"def"])
    assert words.bodies == [b"abcdef"]
    assert told.body == b"abcdef"


@pytest.mark.parametrize("announced", ["2000", None])
async def test_a_signed_body_past_the_cap_is_refused(announced: str | None) -> None:
    length = [("content-length", announced)] if announced else [("transfer-encoding", "chunked")]
    told = await call(guarded()[0], method="POST", headers=[("X-API-Key", "signer"), *length], body=[b"a" * 500] * 4)
    assert (told.status, told.code) == (413, "body_too_large")
    assert told.header("connection") == "close"


async def test_a_large_body_that_nobody_must_verify_passes() -> None:
    told = await call(guarded()[0], method="POST", headers=[KEY, ("content-length", "2000")], body=[b"a" * 500] * 4)
    assert len(told.body) == 2000


async def test_a_caller_who_leaves_in_the_middle_is_refused() -> None:
    guard, _ = guarded()
    left: list[dict[str, Any]] = [{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return left.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": "/pets/1",
        "raw_path": b"/pets/1",
        "query_string": b"",
        "headers": [(b"x-api-key", b"signer"), (b"content-length", b"5")],
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
    }
    await guard(scope, receive, send)
    assert sent[0]["status"] == 400


@pytest.mark.parametrize("length", ["-1", "a", "1_0", "", "²", "9" * 30])
async def test_a_length_that_is_none_is_no_error(length: str) -> None:
    with_length = [("X-API-Key", "signer"), ("content-length", length)]
    assert (await call(guarded()[0], method="POST", headers=with_length, body=b"a")).status in (400, 413)


async def test_in_http_2_a_body_may_come_unannounced() -> None:
    words = Words()
    guard, _ = guarded([words])
    await call(guard, headers=[("X-API-Key", "signer")], body=b"smuggled", http_version="2")
    assert words.bodies == [b"smuggled"]


async def test_the_limit_is_told_on_the_applications_answer() -> None:
    guard, _ = guarded([Words(rate=Rate(2, 60))])
    told = await call(guard, headers=[KEY])
    assert told.header("ratelimit") == '"default";r=1;t=30'
    assert told.header("ratelimit-policy") == '"default";q=2;w=60'
    await call(guard, headers=[KEY])
    told = await call(guard, headers=[KEY])
    assert (told.status, told.code, told.header("retry-after")) == (429, "rate_limited", "30")


async def test_plain_http_from_another_machine_is_refused() -> None:
    assert (await call(guarded()[0], headers=[KEY], peer="192.0.2.1")).code == "tls_required"
    assert (await call(guarded()[0], headers=[KEY], peer="192.0.2.1", scheme="https")).status == 200


async def test_forwarded_fields_count_from_a_listed_proxy_only() -> None:
    forged = [KEY, ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "127.0.0.1")]
    assert (await call(guarded()[0], headers=forged, peer="192.0.2.1")).code == "tls_required"
    guard, behind = guarded()
    assert (await call(guard, headers=[KEY, ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "192.0.2.1")])).status == 200
    assert behind.scope[CASE].request.address == "192.0.2.1"


async def test_a_path_that_was_rewritten_before_the_guard_is_refused() -> None:
    told = await call(guarded()[0], headers=[KEY], path="/admin")
    assert (told.status, told.code) == (400, "bad_request")


async def test_a_server_that_gives_no_raw_path_is_understood() -> None:
    guard, behind = guarded()
    assert (await call(guard, "/pets/a%20b", headers=[KEY], raw_path=None)).status == 200
    assert behind.scope["path"] == "/pets/a b"


async def test_lifespan_passes_and_unknown_scopes_raise() -> None:
    guard, behind = guarded()

    async def nothing(*_: Any) -> Any:
        return {}

    await guard({"type": "lifespan"}, nothing, nothing)
    assert behind.scope["type"] == "lifespan"
    with pytest.raises(RuntimeError, match="carrier-pigeon"):
        await guard({"type": "carrier-pigeon"}, nothing, nothing)


async def test_what_became_of_it_is_observed() -> None:
    seen: list[Outcome] = []
    guard, _ = guarded(seen=seen)
    await call(guard, headers=[KEY])
    await call(guard, headers=[("X-API-Key", "wrong")])
    await call(guard, headers=[KEY, ("X_Auth_Subject", "a")])
    assert [outcome.refused and outcome.refused.why for outcome in seen] == [None, Why.UNKNOWN, Why.BAD_REQUEST]


SOCKET = ("Sec-WebSocket-Version", "13")
COOKIE = ("X-Cookie", "ann")


def with_cookie() -> Guard:
    ambient = Words("session", None, ambient=True, place=b"x-cookie")
    return guarded([ambient, Words()], routes=[route("/pets/**", "session or api_key")])[0]


async def test_a_websocket_is_refused_before_it_is_accepted() -> None:
    told = await call(guarded()[0], kind="websocket", headers=[SOCKET])
    assert (told.accepted, told.closed) == (False, 1008)
    told = await call(guarded()[0], kind="websocket", headers=[SOCKET], extensions={"websocket.http.response": {}})
    assert (told.accepted, told.status, told.code) == (False, 401, "missing_credential")


async def test_a_websocket_with_a_key_is_accepted_from_any_origin() -> None:
    guard, behind = guarded()
    told = await call(guard, kind="websocket", headers=[SOCKET, KEY, ("Origin", "https://other.test")])
    assert told.accepted
    assert behind.scope["principal"].subject == "ann"


@pytest.mark.rfc("6455", "10.2")
@pytest.mark.parametrize(
    ("origin", "accepted"),
    [(None, False), ("https://evil.test", False), ("null", False), ("http://pets.test", True), ("https://pets.test", False)],
)
async def test_a_websocket_with_a_cookie_must_come_from_our_own_origin(origin: str | None, accepted: bool) -> None:
    sent = [SOCKET, COOKIE, ("Host", "pets.test"), *([("Origin", origin)] if origin else [])]
    assert (await call(with_cookie(), kind="websocket", headers=sent)).accepted is accepted
    without_version = sent[1:]
    assert (await call(with_cookie(), kind="websocket", headers=without_version)).accepted is accepted


latin = st.text(alphabet=st.characters(max_codepoint=255), max_size=40)
names = st.sampled_from(["x-api-key", "host", "x-forwarded-for", "forwarded", "content-length", "x-request-id", "origin"])


@given(st.lists(st.tuples(names | latin, latin), max_size=6), latin, st.sampled_from(["http", "websocket"]), st.sampled_from(["1.1", "2"]))
async def test_whatever_arrives_there_is_an_answer(sent: list[tuple[str, str]], target: str, kind: str, version: str) -> None:
    more: dict[str, Any] = {"extensions": {"websocket.http.response": {}}, "http_version": version}
    told = await call(guarded()[0], "/" + target, headers=sent, kind=kind, **more)
    assert told.accepted or told.status in (200, 400, 401, 403, 413, 431)
    if told.status >= 400:
        assert json.loads(told.body)["status"] == told.status
