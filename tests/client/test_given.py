"""client/given.py: what each class takes, and what it refuses at once."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from doorward import client
from doorward.client import (
    ApiKey,
    Basic,
    Bearer,
    ClientCredentials,
    DpopKey,
    Hmac,
    HttpSignature,
    Login,
    PrivateKeyJwt,
    Secret,
    SecretPost,
    Session,
    Unsafe,
    Wish,
    WrongKey,
)
from doorward.crypto import base64url
from doorward.crypto.algorithms import generate
from doorward.crypto.signature_algorithms import private_pem
from tests.client.server import TOKEN_URL, Stranger

Take = Callable[[Any], Any]
HIDDEN = "s3cret-s3cret-s3cret-s3cret-s3cret"
BASE = "https://auth.example"
TAKE_SECRETS: dict[str, Take] = {
    "ApiKey": ApiKey,
    "ApiKey in its field": lambda given: ApiKey(given, field="X-API-Key"),
    "Bearer": Bearer,
    "Basic": lambda given: Basic("ada", given),
    "Hmac": lambda given: Hmac("k1", given),
    "HttpSignature": lambda given: HttpSignature("k1", given),
    "Login": lambda given: Login(BASE, "ada", given),
    "Session": lambda given: Session(BASE, "ada", given),
    "ClientCredentials": lambda given: ClientCredentials(TOKEN_URL, "shop", given),
    "SecretPost": lambda given: ClientCredentials(TOKEN_URL, "shop", SecretPost(given)),
}
TAKE_KEYS: dict[str, Take] = {
    "HttpSignature": lambda given: HttpSignature("k1", given),
    "of_pem": lambda given: HttpSignature.of_pem("k1", given),
    "PrivateKeyJwt": lambda given: ClientCredentials(TOKEN_URL, "shop", PrivateKeyJwt(given)),
    "DpopKey": lambda given: ClientCredentials(TOKEN_URL, "shop", "s", dpop=DpopKey(given)),
}
EMPTY: dict[str, Callable[[], Any]] = {
    **{name: partial(take, "") for name, take in TAKE_SECRETS.items() if name != "Basic"},
    "Basic's name": lambda: Basic("", "p"),
    "the field": lambda: ApiKey("k", field=""),
    "Hmac's id": lambda: Hmac("", HIDDEN),
    "HttpSignature's id": lambda: HttpSignature("", HIDDEN),
    "client_id": lambda: ClientCredentials(TOKEN_URL, "", "s"),
    "Login's name": lambda: Login(BASE, "", "p"),
    "Session's name": lambda: Session(BASE, "", "p"),
    "Login's base": lambda: Login("", "ada", "p"),
}
secrets, keys = (pytest.mark.parametrize("take", table.values(), ids=list(table)) for table in (TAKE_SECRETS, TAKE_KEYS))


def sent(auth: httpx.Auth) -> list[httpx.Headers]:
    server = Stranger()
    seen: list[httpx.Headers] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return server(request)

    with httpx.Client(transport=httpx.MockTransport(note), auth=auth) as web:
        web.get("https://api.example/")
    return seen


@secrets
def test_a_text_and_a_secret_are_taken_alike_and_shown_in_no_repr(take: Take) -> None:
    for auth in (take(HIDDEN), take(Secret(HIDDEN))):
        inner = getattr(auth, "_source", auth)
        shown = "".join(repr(each) for each in (auth, vars(auth), inner, getattr(inner, "__dict__", "")))
        assert HIDDEN not in shown
        assert b"s3cret" not in shown.encode()


@pytest.mark.parametrize("take", [TAKE_SECRETS[name] for name in ("ApiKey", "Bearer", "Basic", "ClientCredentials")])
def test_both_send_the_same(take: Take) -> None:
    assert sent(take(HIDDEN)) == sent(take(Secret(HIDDEN)))


@keys
def test_a_private_key_is_taken_as_a_key_and_as_pem_in_a_text_a_secret_or_bytes(take: Take) -> None:
    key = generate("ES256")
    pem = private_pem(key).reveal()
    for given in (key, pem, Secret(pem), pem.encode(), f"\n{pem}"):
        auth = take(given)
        assert pem.split("\n")[1] not in repr(auth) + repr(vars(auth))


@keys
@pytest.mark.parametrize("given", ["-----BEGIN PRIVATE KEY-----\nAAAA\n", Secret("-----BEGIN CERTIFICATE-----"), b"\xff", b""])
def test_what_is_no_private_key_is_told_to_be_none(take: Take, given: Any) -> None:
    with pytest.raises(WrongKey, match="no private key in PEM"):
        take(given)


@pytest.mark.parametrize(("alg", "says"), [("ES384", "curve secp384r1"), ("EdDSA", "not one for EdDSA"), ("PS256", "not one for PS256")])
def test_a_key_that_does_not_fit_the_algorithm_is_told_truly(alg: str, says: str) -> None:
    pem = private_pem(generate("ES256"))
    for make in (PrivateKeyJwt, DpopKey):
        with pytest.raises(ValueError, match=says):
            make(pem, alg=alg)
        make(pem, alg="ES256")


@pytest.mark.parametrize(
    ("made", "alg"), [("ES256", "ES256"), ("ES384", "ES384"), ("ES512", "ES512"), ("EdDSA", "EdDSA"), ("RS256", "PS256")]
)
def test_the_algorithm_follows_the_key(made: str, alg: str) -> None:
    pem, form = private_pem(generate(made)), dict[str, str]()
    PrivateKeyJwt(pem).prove("shop", TOKEN_URL, form, {})
    assert json.loads(base64url.decode(form["client_assertion"].partition(".")[0].encode()))["alg"] == alg
    assert DpopKey(pem).alg == alg
    if made == "RS256":
        assert DpopKey(pem, "RS256").alg == "RS256"


def test_a_key_on_a_curve_of_no_algorithm_is_refused() -> None:
    with pytest.raises(ValueError, match="secp256k1"):
        DpopKey(ec.generate_private_key(ec.SECP256K1()))


def test_a_text_that_is_no_pem_is_the_secret_of_a_shared_key() -> None:
    assert 'keyid="k1"' in sent(HttpSignature("k1", HIDDEN))[0]["signature-input"]
    with pytest.raises(WrongKey, match="private key, not with a secret"):
        HttpSignature("k1", HIDDEN, alg="ed25519")
    with pytest.raises(WrongKey, match="at least 256 bits"):
        HttpSignature("k1", "short")


def test_an_rsa_key_signs_when_its_algorithm_is_said() -> None:
    pem = private_pem(generate("RS256")).reveal()
    for make in (HttpSignature, HttpSignature.of_pem):
        with pytest.raises(WrongKey, match="rsa-pss-sha512 or --alg rsa-v1_5-sha256"):
            make("k1", pem)
        make("k1", pem, alg="rsa-v1_5-sha256")


@pytest.mark.parametrize("make", EMPTY.values(), ids=list(EMPTY))
def test_what_is_empty_is_refused_at_once(make: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match="is empty"):
        make()


def test_a_password_may_be_empty_for_apis_that_take_a_key_as_the_name() -> None:
    assert sent(Basic("key", ""))[0]["authorization"] == "Basic a2V5Og=="


@secrets
def test_what_is_no_text_is_refused_at_once(take: Take) -> None:
    with pytest.raises(TypeError, match="NoneType"):
        take(None)


@pytest.mark.parametrize("take", [take for name, take in TAKE_SECRETS.items() if name != "HttpSignature"])
def test_a_private_key_is_not_taken_for_a_secret_that_is_sent(take: Take) -> None:
    pem = private_pem(generate("ES256"))
    with pytest.raises(ValueError, match="never sent") as caught:
        take(pem)
    assert pem.reveal().split("\n")[1] not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["localhost/oauth/token", "localhost:8000/token", "//a.example/t", "/token", "https:///t", "ftp://a.example"]
)
@pytest.mark.parametrize(
    "make", [lambda url: ClientCredentials(url, "shop", "s"), lambda url: Login(url, "ada", "p"), lambda url: Session(url, "ada", "p")]
)
def test_a_url_that_is_not_whole_is_refused_at_once(make: Take, url: str) -> None:
    with pytest.raises(ValueError, match="write the whole URL, https://…"):
        make(url)


def test_a_url_that_is_none_or_holds_a_password_is_refused_and_not_shown() -> None:
    for url in ("https://a.example:x/", "https://ada:s3cret@a.example/"):
        with pytest.raises(ValueError, match="token_url") as caught:
            ClientCredentials(url, "shop", "s")
        assert "s3cret" not in str(caught.value)


def test_a_request_without_a_host_says_what_to_write() -> None:
    with httpx.Client(transport=httpx.MockTransport(Stranger()), auth=ApiKey("k")) as web, pytest.raises(Unsafe, match="base_url"):
        web.get("/pets")


def test_a_proof_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="PrivateKeyJwt"):
        ClientCredentials(TOKEN_URL, "shop", generate("ES256"))  # type: ignore[arg-type]


def test_what_a_caller_needs_is_in_one_place() -> None:
    assert all(hasattr(client, name) for name in client.__all__)
    assert {Secret, Wish, WrongKey} <= {getattr(client, name) for name in client.__all__}
