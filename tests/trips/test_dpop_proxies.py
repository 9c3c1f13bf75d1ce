"""DPoP behind the real proxies: `htu` is what the caller wrote, whatever else he says about the host; nonces come through."""

import time
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.trips.behind_proxy import CLIENT, COMMANDS, Told, Trip, trip
from tests.trips.test_proxies import needed

PROXIES = [pytest.param(name, marks=pytest.mark.real(name)) for name in COMMANDS]


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trip]:
    needed(request.param)
    with trip(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(scope="module", params=PROXIES)
def asking(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trip]:
    """One that takes proofs with a nonce only."""
    needed(request.param)
    with trip(request.param, tmp_path_factory.mktemp(request.param), nonce="required") as running:
        yield running


def bound(proxy: Trip, target: str = "/bound/1?a=b", method: str = "GET", htu: str | None = None, **more: Any) -> list[tuple[str, str]]:
    uri = htu or f"http://127.0.0.1:{proxy.port}{target}"
    return CLIENT.fields(method, uri, proxy.keys.bound, at=time.time(), **more)


def refused(told: Told, error: str) -> None:
    assert told.status == 401
    (challenge,) = told.headers.get_all("www-authenticate")
    assert challenge.startswith(f'DPoP realm="doorward", error="{error}", algs="ES256 ')
    assert told.json["status"] == 401


@pytest.mark.rfc("9449", "4.3")
@pytest.mark.parametrize(("method", "body"), [("GET", None), ("POST", b"pay 1"), ("DELETE", None)])
def test_a_proof_for_what_the_caller_sees_is_taken_once(proxy: Trip, method: str, body: bytes | None) -> None:
    fields = bound(proxy, method=method)
    told = proxy.ask(method, "/bound/1?a=b", fields, body)
    assert told.status == 200
    assert told.seen("x-auth-subject") == ["ann"]
    assert told.seen("x-auth-method") == ["jwt+dpop"]
    again = proxy.ask(method, "/bound/1?a=b", fields, body)
    refused(again, "invalid_dpop_proof")
    assert again.json["code"] == "replayed_request"


@pytest.mark.rfc("9449", "7.1")
def test_the_challenge_comes_through(proxy: Trip) -> None:
    told = proxy.ask("GET", "/bound/1")
    assert told.status == 401
    assert told.headers.get_all("www-authenticate") == ['DPoP realm="doorward", algs="ES256 ES384 EdDSA Ed25519 PS256 RS256"']
    refused(proxy.ask("GET", "/bound/1", {"Authorization": f"Bearer {proxy.keys.bound}"}), "invalid_token")


@pytest.mark.rfc("9449", "4.3")
@pytest.mark.parametrize(
    "htu", ["http://127.0.0.1/bound/1", "https://127.0.0.1:{}/bound/1", "http://127.0.0.1:{}/bound/2", "http://orders:8080/bound/1"]
)
def test_a_proof_for_another_uri_is_refused(proxy: Trip, htu: str) -> None:
    refused(proxy.ask("GET", "/bound/1", bound(proxy, htu=htu.format(proxy.port))), "invalid_dpop_proof")


def test_a_proof_for_another_method_is_refused(proxy: Trip) -> None:
    refused(proxy.ask("POST", "/bound/1", bound(proxy, "/bound/1"), b"x"), "invalid_dpop_proof")


FORGED = [
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
    {"Forwarded": "host=evil.example;proto=https"},
    {"X-Original-Host": "evil.example", "X-Host": "evil.example"},
]


@pytest.mark.parametrize("forged", FORGED)
def test_a_host_or_scheme_that_the_caller_tells_beside_host_changes_nothing(proxy: Trip, forged: dict[str, str]) -> None:
    for scheme in ("http", "https"):
        told = proxy.ask("GET", "/bound/1", [*bound(proxy, htu=f"{scheme}://evil.example/bound/1"), *forged.items()])
        assert told.status in (400, 401)
    told = proxy.ask("GET", "/bound/1", [*bound(proxy, "/bound/1"), *forged.items()])
    assert told.status in (200, 400)  # the truth is still the truth, or the lie is refused as such


def test_the_host_field_is_what_the_caller_addressed(proxy: Trip) -> None:
    """So a proof for another host passes where the proxy takes every Host: a route's `origin`, or a proxy that does not, mends it."""
    elsewhere = ask_as(proxy, [("Host", "other.example"), *bound(proxy, htu="http://other.example/bound/1")])
    if proxy.name == "caddy":  # it knows its own hosts, and answers others itself
        assert elsewhere.body == b""
        return
    assert elsewhere.status == 200
    refused(ask_as(proxy, [("Host", "other.example"), *bound(proxy, "/bound/1")]), "invalid_dpop_proof")


def ask_as(proxy: Trip, fields: list[tuple[str, str]]) -> Told:
    connection = HTTPConnection("127.0.0.1", proxy.port, timeout=15)
    connection.putrequest("GET", "/bound/1", skip_host=True, skip_accept_encoding=True)
    for name, value in fields:
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    told = Told(response.status, response.headers, response.read())
    connection.close()
    return told


@pytest.mark.rfc("9449", "9")
def test_a_nonce_is_asked_for_and_taken(asking: Trip) -> None:
    told = asking.ask("GET", "/bound/1", bound(asking, "/bound/1"))
    refused(told, "use_dpop_nonce")
    (nonce,) = told.headers.get_all("dpop-nonce")
    assert asking.ask("GET", "/bound/1", bound(asking, "/bound/1", nonce=nonce)).status == 200


@pytest.mark.rfc("9449", "8.2")
def test_a_newer_nonce_comes_with_the_answer_where_the_proxy_hands_it_on(asking: Trip) -> None:
    now = asking.ask("GET", "/bound/1", bound(asking, "/bound/1")).headers["dpop-nonce"]
    before = asking.keys.older_nonce()
    told = asking.ask("GET", "/bound/1", bound(asking, "/bound/1", nonce=before))
    assert told.status == 200
    if asking.name == "caddy":  # its forward_auth hands nothing on to the caller: he is asked for a newer one in time
        assert "dpop-nonce" not in told.headers
    else:
        assert told.headers.get_all("dpop-nonce") == [now]
