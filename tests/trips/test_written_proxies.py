"""Traefik and Envoy are no Debian packages: what their documentation promises is asked of the shipped files, and doorward
is asked as they would ask it. (The files were read by a YAML parser once, by hand; none is among our dependencies.)"""

import re
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from doorward.web.original import Style
from tests.trips.behind_proxy import Told, ask, doorward, served

DEPLOY = Path(__file__).parents[2] / "deploy"
OURS = {"x-auth-subject", "x-auth-client", "x-auth-scopes", "x-auth-method", "x-auth-identity"}
OF_A_CERTIFICATE = {"client-cert", "client-cert-chain", "x-client-cert", "x-ssl-client-cert", "ssl-client-cert", "x-amzn-mtls-clientcert"}
OF_A_CERTIFICATE |= {"x-forwarded-tls-client-cert", "l5d-client-id"}
OF_A_QUESTION = {"x-original-method", "x-original-uri", "x-original-content-length", "x-original-transfer-encoding", "forwarded"}


def listed(name: str, key: str) -> set[str]:
    """The items under `key:`, in lower case; of mappings the values of `exact`, `prefix`, `remove`."""
    lines = (DEPLOY / name).read_text().split("\n")
    start = next(number for number, line in enumerate(lines) if line.strip() == f"{key}:")
    depth = len(lines[start]) - len(lines[start].lstrip())
    found = set()
    for line in lines[start + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= depth:
            break
        if match := re.fullmatch(r"\s*(?:- (?:exact: |prefix: |remove: )?)?([A-Za-z0-9-]+)(?:: \"\")?", line):
            found.add(match[1].lower())
    return found


def test_traefik_takes_every_identity_field_from_doorward_and_deletes_a_callers_own_first() -> None:
    assert listed("traefik-dynamic.yml", "authResponseHeaders") == OURS
    assert listed("traefik-dynamic.yml", "customRequestHeaders") == OURS | OF_A_QUESTION | OF_A_CERTIFICATE | {"x-forwarded-client-cert"}
    text = (DEPLOY / "traefik-dynamic.yml").read_text()
    assert "middlewares: [own-words-only, certificate, doorward, certificate-stays-here]" in text
    assert "trustForwardHeader: false" in text
    assert "authRequestHeaders" not in text  # without it every field of the caller is shown to doorward
    assert "insecure: false" in (DEPLOY / "traefik.yml").read_text()


def test_envoy_takes_every_identity_field_from_doorward_and_deletes_a_callers_own_first() -> None:
    text = (DEPLOY / "envoy.yaml").read_text()
    assert listed("envoy.yaml", "allowed_upstream_headers") == OURS
    assert OURS | OF_A_QUESTION | OF_A_CERTIFICATE | {"x-forwarded-method", "x-forwarded-uri"} <= listed("envoy.yaml", "request_mutations")
    order = [text.index(f"name: envoy.filters.http.{name}") for name in ("header_mutation", "ext_authz", "router")]
    assert order == sorted(order)
    assert "forward_client_cert_details: SANITIZE_SET" in text  # a caller's own x-forwarded-client-cert goes
    assert "failure_mode_allow: false" in text
    assert "headers_with_underscores_action: REJECT_REQUEST" in text
    assert "normalize_path: false" in text
    assert {"www-authenticate", "retry-after", "content-type", "dpop-nonce"} <= listed("envoy.yaml", "allowed_client_headers")


def test_envoy_shows_doorward_every_field_that_a_method_reads() -> None:
    shown = listed("envoy.yaml", "allowed_headers")
    assert {"authorization", "cookie", "origin", "x-", "sec-", "access-control-request-", "signature", "signature-input", "dpop"} <= shown


def verify(port: int, method: str, target: str, headers: dict[str, str]) -> Told:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        return ask(connection, method, target, headers)
    finally:
        connection.close()


COMMON = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "pets.test"}


@pytest.mark.parametrize("style", [None, Style.FORWARDED])
def test_asked_as_traefik_asks(style: Style | None) -> None:
    app, keys, pool = doorward(style)
    question = {**COMMON, "X-Forwarded-Method": "DELETE", "X-Forwarded-Uri": "/pets/1?a=%2f", "X-API-Key": keys.reader}
    with served(app) as port:
        told = verify(port, "GET", "/verify?service=orders", question)
        assert (told.status, told.headers["x-auth-subject"]) == (200, "ann")
        assert {name.lower() for name in told.headers} >= OURS
        told = verify(port, "GET", "/verify?service=orders", {**question, "X-Forwarded-Uri": "/pets/%2e%2e/open"})
        assert told.json["code"] == "bad_request"
    pool.close()


@pytest.mark.parametrize("style", [None, Style.ENVOY])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "HEAD"])
def test_asked_as_envoy_asks(style: Style | None, method: str) -> None:
    app, keys, pool = doorward(style)
    with served(app) as port:
        told = verify(port, method, "/verify/pets/1?answers=200&service=bills", {**COMMON, "Content-Length": "0", "X-API-Key": keys.reader})
        assert (told.status, told.headers["x-auth-subject"]) == (200, "ann")
        assert verify(port, method, "/verify/pets/1", COMMON).status == 401
        assert verify(port, method, "/verify/pets/%2e%2e/open", COMMON).status == 400
        assert verify(port, method, "/verify//open", COMMON).status == 400
        if style is None:
            smuggled = {**COMMON, "X-Original-URI": "/open", "X-Original-Method": method}
            assert verify(port, method, "/verify/pets/1", smuggled).status == 400
    pool.close()


def test_a_flood_of_questions_with_different_queries_costs_no_memory_and_no_time() -> None:
    app, keys, pool = doorward(Style.ENVOY)
    with served(app) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        began = time.monotonic()
        for number in range(300):
            assert ask(connection, "GET", f"/verify/pets/1?{number}", {**COMMON, "X-API-Key": keys.reader}).status == 200
        assert time.monotonic() - began < 5
        connection.close()
    pool.close()
