"""client/: every Auth class against a real server and a real guarded API over TLS, with a Client and with an AsyncClient."""

from collections.abc import Callable

import httpx
import pytest

from doorward.client import (
    ApiKey,
    Basic,
    Bearer,
    ClientCredentials,
    DpopKey,
    Hmac,
    Login,
    SecretPost,
    Session,
    TokenError,
    Unsafe,
)
from doorward.core.secret import Secret
from tests.client.shop import PASSWORD, Shop, both

MakeAuth = Callable[[Shop], httpx.Auth]


def api_key(shop: Shop) -> httpx.Auth:
    return ApiKey(str(shop.place.command("key", "create", "--name", "k", "--owner", "robot")["key"]))


def api_key_in_its_field(shop: Shop) -> httpx.Auth:
    return ApiKey(str(shop.place.command("key", "create", "--name", "k", "--owner", "robot")["key"]), field="X-API-Key")


def basic(shop: Shop) -> httpx.Auth:
    return Basic("ada", Secret(PASSWORD))


def bearer(shop: Shop) -> httpx.Auth:
    return Bearer(str(shop.place.command("token", "issue", "ada")["access_token"]))


def hmac(shop: Shop) -> httpx.Auth:
    made = shop.place.command("key", "create", "--hmac", "--name", "k", "--owner", "robot")
    return Hmac(str(made["id"]), str(made["secret"]))


def login(shop: Shop) -> httpx.Auth:
    return Login(shop.door_url, "ada", PASSWORD)


def by_secret(shop: Shop) -> httpx.Auth:
    made = shop.client()
    return ClientCredentials(shop.token_url, made["client_id"], Secret(made["client_secret"]))


def by_posted_secret(shop: Shop) -> httpx.Auth:
    made = shop.client("--token", "opaque")
    return ClientCredentials(shop.token_url, made["client_id"], SecretPost(Secret(made["client_secret"])), scopes=["read:pets"])


@both
@pytest.mark.parametrize("make", [api_key, api_key_in_its_field, basic, bearer, hmac, login, by_secret, by_posted_secret])
def test_it_is_let_in(shop: Shop, mode: str, make: MakeAuth) -> None:
    auth = make(shop)
    for answer in [*shop.call(mode, auth, "/pets?kind=a%20b", times=3), *shop.call(mode, auth, method="POST", times=3)]:
        assert answer.status_code == 200, answer.text


@both
def test_a_session_is_begun_when_needed_and_its_csrf_token_repeated(shop: Shop, mode: str) -> None:
    auth = Session(shop.door_url, "ada", PASSWORD)
    for _ in range(3):
        (answer,) = shop.call(mode, auth, f"{shop.door_url}/auth/sessions")
        assert [session["current"] for session in answer.json()["sessions"]].count(True) == 1
    (answer,) = shop.call(mode, auth, f"{shop.door_url}/auth/sessions/end-all", "POST")
    assert answer.status_code == 200, "an unsafe request, with the CSRF token"
    (answer,) = shop.call(mode, auth, f"{shop.door_url}/auth/sessions")
    assert len(answer.json()["sessions"]) == 1, "ended with all, and begun anew"
    with pytest.raises(Unsafe, match="is not sent to"):
        shop.call(mode, auth, "/session")


@both
def test_dpop_binds_the_token_and_learns_the_nonce(shop: Shop, mode: str) -> None:
    made = shop.client("--dpop-bound")
    auth = ClientCredentials(shop.token_url, made["client_id"], made["client_secret"], dpop=DpopKey.generate())
    for answer in shop.call(mode, auth, "/bound?a=1", times=3) + shop.call(mode, auth, "/bound", "POST"):
        assert answer.status_code == 200, answer.text
    stolen = auth._held
    assert stolen is not None
    request = httpx.Request("GET", shop.url("/bound"))
    stolen.show(request)
    with httpx.Client(verify=shop.place.trust()) as thief:
        assert thief.send(request).status_code == 401
        request.headers["authorization"] = request.headers["authorization"].replace("DPoP ", "Bearer ")
        assert thief.send(request).status_code == 401


@both
def test_a_revoked_token_is_renewed_by_itself(shop: Shop, mode: str) -> None:
    auth = Login(shop.door_url, "ada", PASSWORD)
    assert shop.call(mode, auth)[0].status_code == 200
    held = auth._held
    assert held is not None
    request = httpx.Request("POST", f"{shop.door_url}/auth/logout")
    held.show(request)
    with httpx.Client(verify=shop.place.trust()) as web:
        assert web.send(request).status_code == 204
    for _ in range(40):
        answer = shop.call(mode, auth)[0]
        assert answer.status_code == 200
        if auth._held is not held:
            break
    assert auth._held is not held, "the refused token was given up, and a new sign-in made"


@both
def test_a_wrong_secret_says_what_is_wrong(shop: Shop, mode: str) -> None:
    made = shop.client()
    with pytest.raises(TokenError, match="invalid_client"):
        shop.call(mode, ClientCredentials(shop.token_url, made["client_id"], "wrong"))
    with pytest.raises(TokenError, match="invalid_credential"):
        shop.call(mode, Login(shop.door_url, "ada", "wrong"))
