"""Credentials shown together, over real connections: each pair is admitted, each half of it alone is refused."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from doorward.client import DpopKey, HttpSignature, Wish, mutual_tls
from doorward.client.dpop import DpopProofs
from doorward.core.secret import Secret
from doorward.crypto.signature_cover import DEFAULT
from doorward.lab import stranger
from doorward.lab.place import Place, free_port
from doorward.webhooks import sign

PASSWORD = "correct horse: battery stäple"
NAME = "spiffe://example.org/orders"
BODY = b'{"order": 1}'
POLICIES = {
    "key-and-jwt": "api_key and jwt bound by app_and_user",
    "oauth": "oauth",
    "cert-and-key": "mtls and api_key bound by same_subject",
    "cert-and-jwt": "mtls and jwt bound by app_and_user",
    "cert-and-oauth": "mtls and oauth bound by same_key",
    "signature-and-oauth": "http_signature and oauth bound by same_key",
    "cert": "mtls",
    "key-and-webhook": "api_key and webhook bound by same_subject",
}
Fields = dict[str, str]
Half = Callable[[Fields], Fields]
"""What it adds to the fields that are there already."""


@dataclass
class Trip:
    place: Place
    door: int
    shop: int
    made: dict[str, Any] = field(default_factory=dict)

    def url(self, path: str) -> str:
        return f"https://localhost:{self.shop}/{path}"

    def web(self, *, certificate: bool = False) -> httpx.Client:
        folder = self.place.folder / "orders"
        context = mutual_tls(folder / "cert.pem", folder / "key.pem", ca=self.place.certificate) if certificate else self.place.trust()
        return httpx.Client(verify=context, timeout=20)

    def post(self, path: str, *, certificate: bool = False, **words: Any) -> Any:
        with self.web(certificate=certificate) as web:
            answer = web.post(f"https://localhost:{self.door}{path}", **words)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def token(self, client: dict[str, Any], *, certificate: bool = False, **fields: str) -> str:
        secret = client.get("client_secret")
        form = {"grant_type": "client_credentials", **({} if secret else {"client_id": client["client_id"]})}
        shown = stranger.basic(client["client_id"], secret) if secret else {}
        told = self.post("/oauth/token", certificate=certificate, data=form, headers=shown | fields)
        return f"{told['token_type']} {told['access_token']}"

    def ask(self, path: str, *halves: Half, certificate: bool = False) -> httpx.Response:
        fields: Fields = {}
        for half in halves:
            fields |= half(fields)
        with self.web(certificate=certificate) as web:
            return web.post(self.url(path), headers=fields, content=BODY)


@pytest.fixture(scope="module")
def trip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trip]:
    place = Place(tmp_path_factory.mktemp("combined"))
    place.make_certificate()
    place.command("init")
    found = Trip(place, free_port(), free_port())
    routes = "".join(f'\n[[route]]\npath = "/{name}"\nallow = "{policy}"\nscopes = ["read:pets"]\n' for name, policy in POLICIES.items())
    (place.data / "doorward.toml").write_text(f'[server]\nissuer = "https://localhost:{found.door}"\n{routes}webhook = "shop"\n')
    place.command("account", "create", "ada", "--password-stdin", "--scopes", "read:pets", stdin=PASSWORD + "\n")
    place.command("cert", "ca")
    place.command("cert", "issue", "--name", NAME, "--out", str(place.folder / "orders"))
    place.serve(found.door)
    place.serve_pets(found.shop)
    try:
        _make(found)
        yield found
    finally:
        place.stop()


def _make(trip: Trip) -> None:
    command, made = trip.place.command, trip.made
    for name, owner in (("till", "shop-app"), ("certified", NAME), ("hook", "shop")):
        made[name] = command("key", "create", "--owner", owner, "--scopes", "read:pets")["key"]
    made["ada"] = trip.post("/auth/login", json={"username": "ada", "password": PASSWORD})["access_token"]
    made["sender"] = Secret(command("webhook", "add", "shop", "--form", "standard", "--owner", "shop")["secret"])
    words = ("client", "create", "ledger", "--scopes", "read:pets")
    made["bound"] = command(*words, "--auth", "tls_client_auth", "--tls-san-uri", NAME, "--certificate-bound")
    made["robot"] = command("key", "create", "--keypair", "--scopes", "read:pets")
    for name in ("jwt", "opaque"):
        made[name] = command(*words, "--token", name)
    made["keyed"] = command(*words, "--dpop-bound")


def key(text: str) -> Half:
    return lambda _: stranger.api_key(text)


def bearer(authorization: str) -> Half:
    return lambda _: {"Authorization": authorization}


def hook(trip: Trip) -> Half:
    return lambda _: sign("standard", BODY, trip.made["sender"])


def signature(trip: Trip) -> Half:
    """Covers the token, where there is one."""
    robot, url = trip.made["robot"], trip.url("signature-and-oauth")

    def half(fields: Fields) -> Fields:
        cover = (*DEFAULT, "authorization") if "Authorization" in fields else DEFAULT
        request = httpx.Request("POST", url, headers=fields, content=BODY)
        before = set(request.headers)
        next(HttpSignature.of_pem(robot["id"], robot["private_key"], wish=Wish(cover=cover)).sync_auth_flow(request))
        return {name: value for name, value in request.headers.items() if name not in before}

    return half


def admitted(answer: httpx.Response, subject: str, client: str | None = None) -> None:
    assert answer.status_code == 200, answer.text
    assert (answer.json()["caller"], answer.json().get("client")) == (subject, client)


def refused(*answers: httpx.Response) -> None:
    assert {answer.status_code for answer in answers} == {401}, [answer.text for answer in answers]


def test_an_api_key_for_the_application_and_a_token_for_the_person(trip: Trip) -> None:
    app, person = key(trip.made["till"]), bearer(f"Bearer {trip.made['ada']}")
    admitted(trip.ask("key-and-jwt", app, person), "ada", "shop-app")
    refused(trip.ask("key-and-jwt", app), trip.ask("key-and-jwt", person), trip.ask("key-and-jwt"))


@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_oauth_takes_our_servers_tokens_whether_jwt_or_opaque(trip: Trip, form: str) -> None:
    client = trip.made[form]
    token = trip.token(client)
    assert token.startswith("Bearer oat_") == (form == "opaque")
    admitted(trip.ask("oauth", bearer(token)), client["client_id"], client["client_id"])
    refused(trip.ask("oauth"), trip.ask("oauth", key(trip.made["till"])), trip.ask("oauth", bearer(token[:-4] + "AAAA")))


def test_a_certificate_and_an_api_key_of_one_owner(trip: Trip) -> None:
    its, another_s = key(trip.made["certified"]), key(trip.made["till"])
    admitted(trip.ask("cert-and-key", its, certificate=True), NAME)
    refused(
        trip.ask("cert-and-key", its), trip.ask("cert-and-key", certificate=True), trip.ask("cert-and-key", another_s, certificate=True)
    )


def test_a_certificate_for_the_application_and_a_token_for_the_person(trip: Trip) -> None:
    person = bearer(f"Bearer {trip.made['ada']}")
    admitted(trip.ask("cert-and-jwt", person, certificate=True), "ada", NAME)
    refused(trip.ask("cert-and-jwt", person), trip.ask("cert-and-jwt", certificate=True))


@pytest.mark.rfc("8705", "3")
def test_a_token_and_the_certificate_that_it_is_bound_to(trip: Trip) -> None:
    client = trip.made["bound"]
    token = bearer(trip.token(client, certificate=True))
    admitted(trip.ask("cert-and-oauth", token, certificate=True), client["client_id"], client["client_id"])
    unbound = bearer(trip.token(trip.made["jwt"]))
    refused(
        trip.ask("cert-and-oauth", token),
        trip.ask("cert-and-oauth", certificate=True),
        trip.ask("cert-and-oauth", unbound, certificate=True),
    )


def test_an_api_key_and_a_webhooks_signature(trip: Trip) -> None:
    its, another_s = key(trip.made["hook"]), key(trip.made["till"])
    admitted(trip.ask("key-and-webhook", its, hook(trip)), "shop")
    refused(trip.ask("key-and-webhook", its), trip.ask("key-and-webhook", hook(trip)), trip.ask("key-and-webhook", another_s, hook(trip)))


def test_a_token_and_a_message_signature_of_the_key_that_it_is_bound_to(trip: Trip) -> None:
    client = trip.made["keyed"]
    url, pair = f"https://localhost:{trip.door}/oauth/token", DpopKey(trip.made["robot"]["private_key"])
    asked = httpx.Request("POST", url)
    DpopProofs(pair).show(asked)
    token = trip.token(client, DPoP=asked.headers["DPoP"]).replace("DPoP ", "Bearer ")  # no DPoP proof is sent with it
    signed = signature(trip)
    admitted(trip.ask("signature-and-oauth", bearer(token), signed), client["client_id"], client["client_id"])
    refused(
        trip.ask("signature-and-oauth", bearer(token)),
        trip.ask("signature-and-oauth", signed),
        trip.ask("signature-and-oauth", bearer(trip.token(trip.made["jwt"])), signed),
        trip.ask("signature-and-oauth", lambda fields: signed(fields) | bearer(token)(fields)),
    )


def test_a_certificate_without_scopes_may_do_nothing_alone_and_limits_nothing_beside_others(trip: Trip) -> None:
    answer = trip.ask("cert", certificate=True)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    admitted(trip.ask("cert-and-key", key(trip.made["certified"]), certificate=True), NAME)
