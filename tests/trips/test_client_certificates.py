"""Client certificates through the shipped configurations in the real programs: the caller's own gets through, nobody's word of one does."""

import base64
import hashlib
import json
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from doorward.web.original import Style
from tests.certificates import SERVER, Made, authority, leaf
from tests.trips.behind_proxy import CLIENT_CA, COMMANDS, Trip, ask, doorward, served, trip
from tests.trips.test_proxies import needed

ORDERS = "spiffe://example.org/orders"


def now() -> dict[str, Any]:
    return {"begins": time.time() - 60, "ends": time.time() + 3600}


def tls_of(name: str, folder: Path) -> dict[str, str]:
    """What the comments of the shipped files say to write for TLS with client certificates."""
    site, clients = folder / "site.pem", folder / "clients.pem"
    if name == "nginx":
        tls = f"ssl_certificate {site}; ssl_certificate_key {folder}/site.key; ssl_verify_client optional_no_ca;"
        return {r"re:listen (127\.0\.0\.1:\d+);": rf"listen \1 ssl; {tls} ssl_session_tickets off; ssl_session_cache none;"}
    if name == "haproxy":
        bind = f"ssl crt {folder}/both.pem ca-file {clients} verify optional no-tls-tickets alpn http/1.1"
        return {r"re:bind (127\.0\.0\.1:\d+)": rf"bind \1 {bind}"}
    mode = "{\n\t\tclient_auth {\n\t\t\tmode request\n\t\t}\n\t}"
    return {
        r"re:http://127\.0\.0\.1:(\d+) \{": rf"https://localhost:\1 {{\n\ttls {site} {folder}/site.key {mode}",
        "admin off": "admin off\n\tauto_https disable_redirects",
    }


@dataclass
class Front:
    trip: Trip
    folder: Path

    def curl(self, shown: Made | None, *fields: str, path: str = "/certified/1") -> tuple[int, Any]:
        """Status and the service's or doorward's JSON; 0: the handshake failed."""
        words = ["curl", "-sS", "--max-time", "15", "--cacert", str(self.folder / "site.pem"), "-w", "\n%{http_code}"]
        if shown is not None:
            certificate, key = shown.write(self.folder, f"caller{id(shown)}")
            words += ["--cert", str(certificate), "--key", str(key)]
        for field in fields:
            words += ["-H", field]
        done = subprocess.run(
            [*words, f"https://localhost:{self.trip.port}{path}"], capture_output=True, text=True, check=False, timeout=30
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body) if body else None


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.real(name)) for name in COMMANDS])
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    needed(request.param)
    needed("curl")
    folder = tmp_path_factory.mktemp(f"tls-{request.param}")
    site = leaf(None, dns=["localhost"], purposes=[SERVER], **now())
    site.write(folder, "site")
    (folder / "both.pem").write_bytes(site.pem + site.key_pem)
    (folder / "clients.pem").write_bytes(CLIENT_CA.pem)
    with trip(request.param, folder, replaced=tls_of(request.param, folder)) as running:
        yield Front(running, folder)


def test_the_callers_certificate_says_who_calls(front: Front) -> None:
    status, seen = front.curl(leaf(CLIENT_CA, uris=[ORDERS], **now()))
    assert status == 200
    headers = dict(seen["headers"])
    assert headers["x-auth-subject"] == ORDERS
    assert headers["x-auth-method"] == "mtls"


def test_without_one_the_caller_is_asked_for_it_and_other_ways_stay_open(front: Front) -> None:
    status, told = front.curl(None)
    assert (status, told["code"]) == (401, "missing_credential")
    assert front.curl(None, f"X-API-Key: {front.trip.keys.reader}", path="/pets/1")[0] == 200


def test_a_stranger_is_refused_by_the_proxy_or_by_doorward(front: Front) -> None:
    for made in (leaf(authority("clients", **now()), uris=[ORDERS], **now()), leaf(None, uris=[ORDERS], **now())):
        status, told = front.curl(made)
        assert status in (0, 401, 400)
        if status == 401:
            assert told["code"] == "invalid_credential"


SAYS = [
    "Client-Cert: :{b64}:",
    "CLIENT-CERT: :{b64}:",
    "Client_Cert: :{b64}:",
    'X-Forwarded-Client-Cert: Cert="{pem}"',
    "X-Forwarded-Client-Cert: By=a;URI=spiffe://example.org/orders",
    "X-SSL-Client-Cert: {pem}",
    "X_SSL_Client_Cert: {pem}",
    "SSL-Client-Cert: {pem}",
    "X-Amzn-Mtls-Clientcert: {pem}",
    "X-Forwarded-Tls-Client-Cert: {b64}",
    "l5d-client-id: orders.example.org",
]


@pytest.mark.parametrize("says", SAYS)
def test_a_callers_own_word_of_a_certificate_means_nothing(front: Front, says: str) -> None:
    """The certificate is genuine, and public; whoever shows it without its key is nobody."""
    genuine = leaf(CLIENT_CA, uris=[ORDERS], **now())
    field = says.format(b64=base64.b64encode(genuine.der).decode(), pem=quote(genuine.pem.decode(), safe=""))
    assert front.curl(None, field)[0] in (400, 401)
    mine = "spiffe://example.org/mine"
    status, seen = front.curl(leaf(CLIENT_CA, uris=[mine], **now()), field)
    assert status in (200, 400, 401)
    if status == 200:
        assert dict(seen["headers"])["x-auth-subject"] == mine
    status, seen = front.curl(None, field, f"X-API-Key: {front.trip.keys.reader}", path="/pets/1")
    assert status in (200, 400)
    if status == 200:
        assert not [value for name, value in seen["headers"] if ("cert" in name or "l5d" in name) and value.strip(":")]


@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.real(name)) for name in COMMANDS])
def test_nor_on_plain_http_where_the_proxy_has_seen_none(plain: dict[str, Trip], name: str, says: str) -> None:
    genuine = leaf(CLIENT_CA, uris=[ORDERS], **now())
    field, _, value = says.format(b64=base64.b64encode(genuine.der).decode(), pem=quote(genuine.pem.decode(), safe="")).partition(": ")
    assert plain[name].ask("GET", "/certified/1", {field: value}).status in (400, 401)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Trip]]:
    with ExitStack() as stack:
        for name in COMMANDS:
            needed(name)
        yield {name: stack.enter_context(trip(name, tmp_path_factory.mktemp(name), COMMANDS[name][1])) for name in COMMANDS}


def test_styles_are_what_the_proxies_speak() -> None:
    assert {style for _, style in COMMANDS.values()} == {Style.NGINX, Style.FORWARDED}


def question(pem: Made, *above: Made) -> list[dict[str, str]]:
    """The same caller as Envoy, Traefik and AWS would tell of."""
    text, chain = pem.pem.decode(), "".join(each.pem.decode() for each in (pem, *above))
    digest = hashlib.sha256(pem.der).hexdigest()
    listed = ",".join(base64.b64encode(each.der).decode() for each in (pem, *above))
    envoy = f'By=spiffe://mesh/door;Hash={digest};Cert="{quote(text, safe="")}";Chain="{quote(chain, safe="")}";Subject="CN=till"'
    return [
        {"X-Forwarded-Client-Cert": f'Hash=00;Subject="CN=left, of another",{envoy}'},
        {"X-Forwarded-Tls-Client-Cert": listed},
        {"X-Amzn-Mtls-Clientcert": quote(chain, safe="+=/")},
        {"Client-Cert": f":{listed.split(',')[0]}:", "Client-Cert-Chain": ", ".join(f":{each}:" for each in listed.split(",")[1:])},
    ]


def test_asked_as_the_proxies_that_are_not_here_would_ask() -> None:
    issuing = authority("issuing", CLIENT_CA, **now())
    made, stranger = leaf(issuing, uris=[ORDERS], **now()), leaf(authority("issuing", **now()), uris=[ORDERS], **now())
    about = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "pets.test"}
    about |= {"X-Original-Method": "GET", "X-Original-URI": "/certified/1"}
    app, _, pool = doorward(None)
    with served(app) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        for fields in question(made, issuing):
            told = ask(connection, "GET", "/verify", {**about, **fields})
            assert (told.status, told.headers["x-auth-subject"]) == (200, ORDERS)
        for fields in (*question(stranger, issuing), *question(made)):
            told = ask(connection, "GET", "/verify", {**about, **fields})
            assert (told.status, told.json["code"]) == (401, "invalid_credential")
        both = {**question(made, issuing)[0], **question(stranger, issuing)[3]}
        assert ask(connection, "GET", "/verify", {**about, **both}).json["code"] == "invalid_credential"
        connection.close()
    pool.close()


def test_hostile_certificates_are_refused_and_never_an_error_of_ours() -> None:
    genuine = leaf(CLIENT_CA, uris=[ORDERS], **now())
    app, _, pool = doorward(None)
    about = {"X-Original-Method": "GET", "X-Original-URI": "/certified/1"}
    drawn = random.Random(7)  # noqa: S311 - which bytes are changed
    with served(app) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        for _ in range(300):
            der = bytearray(genuine.der)
            for _ in range(drawn.randint(1, 4)):
                der[drawn.randrange(len(der) - 80)] = drawn.randrange(256)
            text = base64.b64encode(bytes(der[: drawn.choice([len(der), len(der), drawn.randrange(1, len(der))])])).decode()
            told = ask(connection, "GET", "/verify", {**about, "Client-Cert": f":{text}:"})
            assert told.status == 401 or bytes(der) == genuine.der
        huge = base64.b64encode(bytes(9000)).decode()
        assert ask(connection, "GET", "/verify", {**about, "Client-Cert": f":{huge}:"}).status == 431
        connection.close()
    pool.close()
