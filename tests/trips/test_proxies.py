"""The shipped configurations in the real programs, between a caller who lies and a service that tells what it saw."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import warnings
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from doorward.web.original import Style
from tests.trips.behind_proxy import COMMANDS, Trip, ask, trip

EMPTY = hashlib.sha256(b"").hexdigest()
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "QUERY", "PROPFIND"]
OURS = ["x-auth-subject", "x-auth-client", "x-auth-scopes", "x-auth-method", "x-auth-identity"]


def needed(name: str) -> None:
    """Skips with one loud line; where CI=true a missing program is a failure."""
    if shutil.which(name) is not None:
        return
    line = f"{name} is not on this machine, so its configuration was NOT tried: apt-get install {name}"
    if os.environ.get("CI") == "true":
        pytest.fail(line)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn(line, stacklevel=1)
    pytest.skip(line)


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.real(name)) for name in COMMANDS])
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trip]:
    needed(request.param)
    with trip(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


def test_a_good_key_gets_through_and_the_service_knows_who_calls(proxy: Trip) -> None:
    told = proxy.ask("GET", "/pets/1?a=1", proxy.key())
    assert told.status == 200
    assert told.json["target"] == "/pets/1?a=1"
    assert told.seen("x-auth-subject") == ["ann"]
    assert told.seen("x-auth-scopes") == ["read:pets"]
    assert told.seen("x-auth-method") == ["api_key"]
    assert told.seen("x-auth-client") == []
    assert len(told.seen("x-auth-identity")) == 1


@pytest.mark.parametrize("target", ["/open", "/pets/1"])
def test_forged_identity_never_reaches_the_service(proxy: Trip, target: str) -> None:
    forged = [(name, "forged") for name in ("X-Auth-Subject", "x-auth-client", "X-AUTH-SCOPES", "X-Auth-Method", "X-Auth-Identity")]
    told = proxy.ask("GET", target, [*proxy.key().items(), *forged, *forged])
    assert told.status == 200
    for name in OURS:
        assert "forged" not in "".join(told.seen(name))
    assert told.seen("x-auth-subject") == ([] if target == "/open" else ["ann"])


def with_trailer(proxy: Trip) -> bytes:
    """The whole answer to a chunked request whose trailer names a caller."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in proxy.key().items())
    request = (
        f"POST /pets/1 HTTP/1.1\r\nHost: a\r\n{fields}Transfer-Encoding: chunked\r\nTrailer: X-Auth-Subject\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as raw:
        raw.sendall(request.encode() + b"2\r\nab\r\n0\r\nX-Auth-Subject: forged\r\n\r\n")
        return b"".join(iter(lambda: raw.recv(65536), b""))


def takes_chunks(proxy: Trip) -> bool:
    """HAProxy before 3.2 would hand the trailers on, so its configuration takes none."""
    return proxy.name != "haproxy" or not with_trailer(proxy).startswith(b"HTTP/1.1 411 ")


def test_a_trailer_never_reaches_the_service(proxy: Trip) -> None:
    answer = with_trailer(proxy)
    assert answer.startswith(b"HTTP/1.1 200 " if takes_chunks(proxy) else b"HTTP/1.1 411 ")
    assert b"forged" not in answer


def test_haproxy_takes_no_version_whose_trailers_it_would_send_on(proxy: Trip) -> None:
    if proxy.name != "haproxy":
        pytest.skip("the others drop trailers in every version of HTTP")
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as raw:
        # GET /pets/1 in HTTP/2 by prior knowledge: preface, SETTINGS, HEADERS with END_STREAM (RFC 9113 sections 3.4 and 6.2)
        fields = b"\x82\x86\x04\x07/pets/1\x01\x01a"
        raw.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
        raw.sendall(len(fields).to_bytes(3, "big") + b"\x01\x05" + (1).to_bytes(4, "big") + fields)
        raw.settimeout(2)
        answer = b""
        while b"status" not in answer:
            answer += raw.recv(65536)
    assert (b'"status":401' if takes_chunks(proxy) else b'"status":505') in answer


@pytest.mark.parametrize("name", ["X_Auth_Subject", "X-Auth_Subject", "x_auth-identity", "X_AUTH_SCOPES"])
def test_other_spellings_of_it_are_dropped_or_refused(proxy: Trip, name: str) -> None:
    told = proxy.ask("GET", "/open", [(name, "forged")])
    assert told.status in (200, 400)
    if told.status == 200:
        assert "forged" not in str(told.json)


@pytest.mark.parametrize("named", ["X-Auth-Subject", "X-Auth-Identity, X-Auth-Subject", "X-Original-URI", "X-Forwarded-For"])
def test_naming_a_field_in_connection_forges_nothing(proxy: Trip, named: str) -> None:
    told = proxy.ask("GET", "/open", [("Connection", f"close, {named}"), ("X-Auth-Subject", "forged"), ("X-Forwarded-For", "8.8.8.8")])
    assert told.status in (200, 400, 403)
    assert "forged" not in told.body.decode()
    if named != "X-Original-URI":
        assert proxy.ask("GET", "/pets/1", [("Connection", f"close, {named}")]).status == 401


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gets_through_and_is_asked_about_as_itself(proxy: Trip, method: str) -> None:
    told = proxy.ask(method, "/pets/1", proxy.key())
    assert told.status == 200
    if method != "HEAD":
        assert told.json["method"] == method
    assert proxy.ask(method, "/pets/1").status == 401


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_arrive_whole(proxy: Trip, size: int, chunked: bool) -> None:
    if chunked and not takes_chunks(proxy):
        pytest.skip("this HAProxy cannot drop trailers, so chunked bodies are refused")
    body = os.urandom(size)
    headers = {**proxy.key(), **({"Transfer-Encoding": "chunked"} if chunked else {})}
    connection = HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    if chunked:
        parts = [body[at : at + 50_000] for at in range(0, size, 50_000)]
        connection.request("POST", "/pets/1", iter(parts), headers, encode_chunked=True)
        response = connection.getresponse()
        assert response.status == 200
        seen = json.loads(response.read())
    else:
        told = ask(connection, "POST", "/pets/1", headers, body)
        assert told.status == 200
        seen = told.json
    connection.close()
    assert (seen["size"], seen["sha256"]) == (size, hashlib.sha256(body).hexdigest())


def test_no_credential_is_401_with_a_challenge(proxy: Trip) -> None:
    told = proxy.ask("GET", "/pets/1")
    assert told.status == 401
    assert told.headers.get_all("www-authenticate") == ['Bearer realm="doorward"']
    assert told.headers.get_content_type() == "application/problem+json"
    assert told.json["code"] == "missing_credential"


def test_a_wrong_key_is_401(proxy: Trip) -> None:
    told = proxy.ask("GET", "/pets/1", {"Authorization": "Bearer sk_live_garbage"})
    assert (told.status, told.json["code"]) == (401, "invalid_credential")


def test_two_credentials_are_refused(proxy: Trip) -> None:
    key = proxy.keys.reader
    assert proxy.ask("GET", "/pets/1", [("X-API-Key", key), ("Authorization", f"Bearer {key}")]).status == 401
    assert proxy.ask("GET", "/pets/1", [("X-API-Key", key), ("X-API-Key", key)]).status == 401


def test_a_missing_scope_is_403_with_the_scope(proxy: Trip) -> None:
    told = proxy.ask("POST", "/write", proxy.key())
    assert (told.status, told.json["code"]) == (403, "insufficient_scope")
    assert 'scope="write:pets"' in told.headers["www-authenticate"]


def test_a_path_without_a_route_is_403(proxy: Trip) -> None:
    assert proxy.ask("GET", "/nowhere", proxy.key()).json["code"] == "no_route"


def test_a_used_up_rate_is_429_with_the_time_to_wait(proxy: Trip) -> None:
    proxy.ask("GET", "/rare", proxy.key())
    told = proxy.ask("GET", "/rare", proxy.key())
    assert (told.status, told.json["code"]) == (429, "rate_limited")
    assert 3500 < int(told.headers["retry-after"]) <= 3600
    assert told.headers["ratelimit-policy"] == '"default";q=1;w=3600'


def test_a_store_that_does_not_answer_is_503(proxy: Trip) -> None:
    told = proxy.ask("GET", "/down", {"X-Down": "yes"})
    assert (told.status, told.json["code"]) == (503, "unavailable")
    assert int(told.headers["retry-after"]) >= 1


def test_a_refusal_of_the_service_itself_comes_out_as_it_is(proxy: Trip) -> None:
    told = proxy.ask("GET", "/pets/forbidden", proxy.key())
    assert told.status == 403
    assert told.json["target"] == "/pets/forbidden"


@pytest.mark.parametrize(
    "path",
    [
        "/pets/a%2fb",
        "/pets/a%2Fb",
        "/pets/%2e%2e/open",
        "/pets/../open",
        "/pets/./1",
        "/pets//1",
        "//open",
        "/pets/%252e%252e/open",
        "/pets/a%5cb",
        "/pets/a;b=c",
        "/pets/%00",
        "/pets/%0d%0aX-Auth-Subject:%20root",
        "/open/..;/pets/1",
    ],
)
def test_an_ambiguous_path_is_refused_and_never_read_in_another_way(proxy: Trip, path: str) -> None:
    told = proxy.ask("GET", path, proxy.key())
    assert told.status in (400, 403)
    assert b'"target"' not in told.body


def test_a_path_escaped_without_need_reaches_the_service_as_it_was_judged(proxy: Trip) -> None:
    told = proxy.ask("GET", "/pets/%41b%C3%A9?q=%2f", proxy.key())
    assert told.status == 200
    assert told.json["target"] == "/pets/%41b%C3%A9?q=%2f"


def test_a_query_with_a_url_in_it_passes_unchanged(proxy: Trip) -> None:
    target = "/pets/1?next=https://a.test/../%2f%2e//;x&service=bills&answers=200"
    told = proxy.ask("GET", target, proxy.key())
    assert (told.status, told.json["target"]) == (200, target)


SMUGGLED = [
    {"X-Original-URI": "/open"},
    {"X-Original-URI": "/open", "X-Original-Method": "GET"},
    {"X-Forwarded-Uri": "/open"},
    {"X-Forwarded-Uri": "/open", "X-Forwarded-Method": "GET"},
    {"X-Original-Url": "/open", "X-Rewrite-Url": "/open"},
]


@pytest.mark.parametrize("smuggled", SMUGGLED)
def test_another_target_told_by_the_caller_opens_nothing(proxy: Trip, smuggled: dict[str, str]) -> None:
    assert proxy.ask("GET", "/pets/1", smuggled).status in (400, 401)


@pytest.mark.parametrize("lie", [{"X-Forwarded-For": "10.9.9.9"}, {"Forwarded": "for=10.9.9.9"}, {"X-Forwarded-Proto": "https"}])
def test_a_caller_does_not_choose_its_own_address_or_scheme(proxy: Trip, lie: dict[str, str]) -> None:
    told = proxy.ask("GET", "/pets/1", {**proxy.key(), **lie})
    assert told.status in (200, 400)
    if told.status == 200:
        assert told.seen("x-forwarded-for") == ["127.0.0.1"]
        assert told.seen("x-forwarded-proto") == ["http"]


def test_a_connection_is_kept_alive_through_refusals_and_answers(proxy: Trip) -> None:
    connection = HTTPConnection("127.0.0.1", proxy.port, timeout=15)
    connection.connect()
    socket = connection.sock
    seen = []
    for number in range(12):
        headers: dict[str, str] = proxy.key() if number % 4 else {}  # refused with a body on its way, a proxy may close
        told = ask(connection, "POST" if number % 2 else "GET", f"/pets/{number}", headers, b"x" * number if number % 2 else None)
        seen.append(told.status)
        if told.status == 200:
            assert told.json["target"] == f"/pets/{number}"
            assert told.seen("x-auth-subject") == ["ann"]
    assert seen == [200 if number % 4 else 401 for number in range(12)]
    assert connection.sock is socket
    connection.close()


@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("POST", b"pay 1"), ("PUT", b"x" * 200_000)])
def test_a_signed_request_gets_through_once(proxy: Trip, method: str, body: bytes) -> None:
    fields = proxy.signed(method, "/signed/1?a=b", body)
    told = proxy.ask(method, "/signed/1?a=b", fields, body or None)
    assert told.status == 200
    assert (told.json["subject"], told.json["size"]) == ("ann", len(body))
    again = proxy.ask(method, "/signed/1?a=b", fields, body or None)
    assert (again.status, again.json["code"]) == (401, "replayed_request")


@pytest.mark.parametrize("changed", [b"pay 9", b"", b"pay 1 ", b"x" * 100_000])
def test_a_signed_body_that_was_changed_on_the_way_is_refused(proxy: Trip, changed: bytes) -> None:
    fields = proxy.signed("POST", "/signed/1", b"pay 1")
    assert proxy.ask("POST", "/signed/1", fields, changed).status == 401


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_slipped_into_a_request_that_was_signed_without_one_is_refused(proxy: Trip, method: str, chunked: bool) -> None:
    fields = {**proxy.signed(method, "/signed/1"), **({"Transfer-Encoding": "chunked"} if chunked else {})}
    assert proxy.ask(method, "/signed/1", fields, b"slipped in").status == (401 if not chunked or takes_chunks(proxy) else 411)


def test_a_signed_body_without_its_digest_is_refused_since_the_door_cannot_see_it(proxy: Trip) -> None:
    told = proxy.ask("POST", "/signed/1", proxy.signed("POST", "/signed/1", b"pay 1", digest=False), b"pay 1")
    assert (told.status, told.json["code"]) == (401, "invalid_credential")


def test_a_target_or_method_other_than_the_signed_one_is_refused(proxy: Trip) -> None:
    assert proxy.ask("GET", "/signed/2", proxy.signed("GET", "/signed/1")).status == 401
    assert proxy.ask("DELETE", "/signed/1", proxy.signed("GET", "/signed/1")).status == 401


def test_the_service_alone_refuses_whoever_did_not_come_through_the_door(proxy: Trip) -> None:
    told = proxy.ask("GET", "/signed/1", {"X-Auth-Identity": "forged"})
    assert told.status == 401


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.real(name)) for name in COMMANDS])
def test_without_doorward_nothing_gets_through_and_the_answer_is_503(name: str, tmp_path: Path) -> None:
    needed(name)
    with trip(name, tmp_path, replaced={"127.0.0.1:8000": "127.0.0.1:1"}) as running:
        for target in ("/open", "/pets/1"):
            told = running.ask("GET", target, running.key())
            assert told.status == 503
            assert told.headers["retry-after"] == "1"
            assert told.json["code"] == "unavailable"


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.real(name)) for name in COMMANDS])
def test_the_narrowed_style_of_each_proxy_works(name: str, tmp_path: Path) -> None:
    needed(name)
    with trip(name, tmp_path, COMMANDS[name][1]) as running:
        assert running.ask("GET", "/pets/1", running.key()).status == 200
        assert running.ask("GET", "/pets/1").status == 401


@pytest.mark.real("caddy")
@pytest.mark.parametrize("smuggled", SMUGGLED[:2])
def test_caddy_without_its_deleting_line_is_refused_by_doorward_itself(tmp_path: Path, smuggled: dict[str, str]) -> None:
    needed("caddy")
    with trip("caddy", tmp_path, replaced={"\t\trequest_header -X-Original-*\n": ""}) as running:
        told = running.ask("GET", "/pets/1", {**running.key(), **smuggled})
        assert (told.status, told.json["code"]) == (400, "bad_request")
    with trip("caddy", tmp_path, Style.FORWARDED, {"\t\trequest_header -X-Original-*\n": ""}) as running:
        assert running.ask("GET", "/pets/1", {**running.key(), **smuggled}).status == 200
        assert running.ask("GET", "/pets/1", smuggled).status == 401


@pytest.mark.parametrize(
    ("name", "command"),
    [
        pytest.param(
            "nginx", ["nginx", "-t", "-e", "stderr", "-g", "pid /dev/null; error_log stderr;", "-c"], marks=pytest.mark.real("nginx")
        ),
        pytest.param("caddy", ["caddy", "adapt", "--validate", "--adapter", "caddyfile", "--config"], marks=pytest.mark.real("caddy")),
    ],
)
def test_the_shipped_file_is_valid_as_it_is(name: str, command: list[str], tmp_path: Path) -> None:
    needed(name)
    environment: dict[str, Any] = {**os.environ, "HOME": str(tmp_path)}
    path = Path(__file__).parents[2] / "deploy" / COMMANDS[name][0]
    done = subprocess.run([*command, str(path)], capture_output=True, env=environment, check=False, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
