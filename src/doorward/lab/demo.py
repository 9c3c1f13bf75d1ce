"""`doorward demo`: a pet-store API behind every method; each used for real, forged, refused, revoked. Over HTTPS, like a stranger.

Two servers share one data directory: `doorward serve` (sign-in, tokens) and the pet store, which has doorward as a
library in front of it. Whatever is revoked in one process must be refused in the other within a second.
"""

import time
from collections.abc import Callable
from typing import Final

import httpx

from doorward.lab import stranger
from doorward.lab.place import Place, a_place, free_port
from doorward.lab.tally import Tally

PASSWORD: Final = "correct horse: battery stäple"  # noqa: S105 - the demo's own, gone with its folder
WITHIN: Final = 1.0
"""Seconds in which a revocation must be known everywhere."""

ROUTES: Final = """
[server]
issuer = "https://localhost:{port}"

[[route]]
path = "/pets/**"
methods = ["GET"]
allow = "api_key or basic or jwt or session or hmac"
scopes = ["read:pets"]

[[route]]
path = "/pets/**"
methods = ["POST"]
allow = "api_key or basic or jwt or session or hmac"
scopes = ["write:pets"]

[[route]]
path = "/app-and-user"
allow = "api_key and jwt bound by app_and_user"

[[route]]
path = "/same-person"
allow = "basic and jwt bound by same_subject"

[[route]]
path = "/both"
allow = "api_key and hmac bound by independent"

[[route]]
path = "/limited"
allow = "api_key"
rate = "3/m"

[[route]]
path = "/fresh"
allow = "jwt"
fresh_within = "5m"

[[route]]
path = "/open"
allow = "open_to_anyone"
"""


class Demo:
    """The two servers, a client, and what was handed out."""

    def __init__(self, place: Place, tally: Tally) -> None:
        self.place, self.tally = place, tally
        self.door, self.shop = free_port(), free_port()
        place.make_certificate()
        self.http = httpx.Client(verify=place.trust(), timeout=20)

    def url(self, path: str) -> str:
        return f"https://localhost:{self.shop}{path}"

    def begin(self) -> None:
        place = self.place
        place.command("init")
        (place.data / "doorward.toml").write_text(ROUTES.format(port=self.door))
        place.command("account", "create", "ada", "--email", "ada@example.org", "--password-stdin",
                      "--scopes", "read:pets write:pets", stdin=PASSWORD + "\n")  # fmt: skip
        place.serve(self.door)
        place.serve_app("doorward.lab.pets:app", self.shop)

    def expect(
        self, row: str, column: str, what: str, headers: dict[str, str], *, status: int = 200, code: str = "",
        path: str = "/pets", method: str = "GET", body: bytes = b"",
    ) -> None:  # fmt: skip
        response = self.http.request(method, self.url(path), headers=headers, content=body or None)
        self.check(row, column, what, response, status=status, code=code)

    def check(self, row: str, column: str, what: str, response: httpx.Response, *, status: int = 200, code: str = "") -> None:
        seen = _code(response)
        passed = response.status_code == status and (not code or seen == code)
        self.tally.note(
            row, column, f"{what} -> {status}{f' {code}' if code else ''}", passed=passed, seen=f"{response.status_code} {seen}"
        )

    def expect_soon(self, row: str, what: str, headers: Callable[[], dict[str, str]], code: str) -> None:
        """Refused everywhere within WITHIN seconds of the command's end."""
        begin = time.monotonic()
        while True:
            response = self.http.get(self.url("/pets"), headers=headers())
            took = time.monotonic() - begin
            if response.status_code == 401 or took > WITHIN:
                break
            time.sleep(0.02)
        passed = response.status_code == 401 and _code(response) == code
        self.tally.note(row, "revoked", f"{what} -> 401 {code} after {took * 1000:.0f} ms", passed=passed, seen=str(response.status_code))

    def sign_in(self, transport: str = "bearer") -> httpx.Response:
        login = {"username": "ada", "password": PASSWORD, "transport": transport}
        return self.http.post(f"https://localhost:{self.door}/auth/login", json=login)

    def post(self, path: str, **words: str) -> httpx.Response:
        return self.http.post(f"https://localhost:{self.door}{path}", json=words)


def _code(response: httpx.Response) -> str:
    try:
        return str(response.json().get("code", ""))
    except (ValueError, AttributeError):
        return ""


def show_api_key(demo: Demo) -> None:
    row, create = "api_key", ("key", "create", "--name", "shop", "--owner", "shop-app", "--scopes")
    made = demo.place.command(*create, "read:pets")
    key = str(made["key"])
    demo.expect(row, "used", "a key in X-API-Key", stranger.api_key(key))
    demo.expect(row, "used", "the same key as a Bearer token", stranger.bearer(key))
    wrong = stranger.forged_key(key)
    demo.expect(row, "forged", "another secret with right check digits", stranger.api_key(wrong), status=401, code="invalid_credential")
    relabelled = stranger.relabelled_key(key, "live", "test")
    demo.expect(row, "forged", "the live key relabelled as test", stranger.api_key(relabelled), status=401, code="invalid_credential")
    twice = stranger.api_key(key) | stranger.bearer(key)
    demo.expect(row, "refused", "the key in two places at once", twice, status=401, code="invalid_credential")
    demo.expect(
        row, "refused", "a read-only scope that writes", stranger.api_key(key), method="POST", status=403, code="insufficient_scope"
    )
    for _ in range(3):
        demo.expect(row, "used", "within the limit of 3/m", stranger.api_key(key), path="/limited")
    demo.expect(row, "refused", "the fourth within a minute", stranger.api_key(key), path="/limited", status=429, code="rate_limited")
    test_key = str(demo.place.command(*create, "read:pets", "--env", "test")["key"])
    demo.expect(row, "refused", "a test key on a live route", stranger.api_key(test_key), status=401, code="invalid_credential")
    next_key = str(demo.place.command("key", "rotate", str(made["id"]), "--overlap", "1h")["key"])
    demo.expect(row, "used", "the old key during the overlap", stranger.api_key(key))
    demo.expect(row, "used", "the new key beside it", stranger.api_key(next_key))
    demo.place.command("key", "revoke", str(made["id"]))
    demo.expect_soon(row, "the old key, revoked by another process", lambda: stranger.api_key(key), "revoked_credential")
    demo.expect(row, "used", "the new key goes on", stranger.api_key(next_key))


def show_basic(demo: Demo) -> None:
    row = "basic"
    demo.expect(row, "used", "name and password", stranger.basic("ada", PASSWORD))
    demo.expect(row, "used", "e-mail and password", stranger.basic("ada@example.org", PASSWORD))
    demo.expect(row, "forged", "a wrong password", stranger.basic("ada", "wrong"), status=401, code="invalid_credential")
    demo.expect(row, "forged", "an unknown name", stranger.basic("eve", "wrong"), status=401, code="invalid_credential")
    service = demo.place.command("service", "create", "robot", "--scopes", "read:pets")
    id, secret = str(service["id"]), str(service["secret"])
    demo.expect(row, "used", "a service's id and secret", stranger.basic(id, secret))
    demo.expect(
        row, "refused", "a service without the scope", stranger.basic(id, secret), method="POST", status=403, code="insufficient_scope"
    )
    demo.place.command("service", "end", id)
    demo.expect_soon(row, "the service, ended by another process", lambda: stranger.basic(id, secret), "revoked_credential")


def show_jwt(demo: Demo) -> None:
    row = "jwt"
    answer = demo.sign_in()
    demo.check(row, "used", "sign in at /auth/login", answer)
    tokens = answer.json()
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    demo.expect(row, "used", "the access token", stranger.bearer(access))
    demo.expect(row, "used", "a fresh sign-in where it is asked for", stranger.bearer(access), path="/fresh")
    forged = stranger.unsigned_token(access, sub="root")
    demo.expect(row, "forged", "alg none", stranger.bearer(forged), status=401, code="invalid_credential")
    forged = stranger.altered_token(access, scope="read:pets write:pets admin:keys")
    demo.expect(row, "forged", "other claims under the same signature", stranger.bearer(forged), status=401, code="invalid_credential")
    renewed = demo.post("/auth/refresh", refresh_token=refresh)
    demo.check(row, "used", "refresh", renewed)
    second = renewed.json()["refresh_token"]
    third = demo.post("/auth/refresh", refresh_token=second).json()
    demo.expect(row, "used", "the refreshed access token", stranger.bearer(third["access_token"]))
    stolen = demo.post("/auth/refresh", refresh_token=refresh)
    demo.check(row, "refused", "an old refresh token again: theft", stolen, status=401)
    demo.expect_soon(row, "the whole family with it", lambda: stranger.bearer(third["access_token"]), "revoked_credential")
    mine = demo.sign_in().json()["access_token"]
    demo.place.command("token", "revoke", "-", stdin=mine)
    demo.expect_soon(row, "a token revoked by another process", lambda: stranger.bearer(mine), "revoked_credential")
    again = demo.sign_in().json()["access_token"]
    demo.http.post(f"https://localhost:{demo.door}/auth/logout", headers=stranger.bearer(again))
    demo.expect_soon(row, "a token after logout", lambda: stranger.bearer(again), "revoked_credential")


def show_session(demo: Demo) -> None:
    row = "session"
    answer = demo.sign_in("session")
    demo.check(row, "used", "sign in for a session", answer)
    name, value = next(iter(answer.cookies.items()))
    cookie = {"Cookie": f"{name}={value}"}
    demo.http.cookies.clear()
    demo.expect(row, "used", f"the cookie {name}", cookie)
    forged = {"Cookie": f"{name}={value[:-2]}" + ("AA" if value[-2:] != "AA" else "BB")}
    demo.expect(row, "forged", "another session id", forged, status=401, code="invalid_credential")
    demo.expect(row, "refused", "POST without the CSRF token", cookie, method="POST", status=403, code="csrf")
    token = demo.http.get(f"https://localhost:{demo.door}/auth/csrf", headers=cookie).json()["csrf_token"]
    demo.http.cookies.clear()
    demo.expect(row, "used", "POST with it", cookie | {"X-CSRF-Token": token}, method="POST")
    demo.http.post(f"https://localhost:{demo.door}/auth/logout", headers=cookie | {"X-CSRF-Token": token})
    demo.http.cookies.clear()
    demo.expect_soon(row, "the session after logout", lambda: cookie, "revoked_credential")


def show_hmac(demo: Demo) -> None:
    row, body = "hmac", b'{"name": "Mia"}'
    made = demo.place.command("key", "create", "--hmac", "--name", "robot", "--owner", "robot-app", "--scopes", "read:pets write:pets")
    id, secret = str(made["id"]), str(made["secret"])
    demo.expect(row, "used", "a signed GET", stranger.signed(id, secret, "GET", demo.url("/pets?kind=parrot")), path="/pets?kind=parrot")
    headers = stranger.signed(id, secret, "POST", demo.url("/pets"), body)
    demo.expect(row, "used", "a signed POST with a body", headers, method="POST", body=body)
    demo.expect(row, "refused", "the same request again", headers, method="POST", body=body, status=401, code="replayed_request")
    headers = stranger.signed(id, secret, "POST", demo.url("/pets"), body)
    demo.expect(row, "forged", "another body", headers, method="POST", body=b'{"name": "Eve"}', status=401, code="invalid_credential")
    headers = stranger.signed(id, "guessed", "GET", demo.url("/pets"))
    demo.expect(row, "forged", "another secret", headers, status=401, code="invalid_credential")
    late = stranger.signed(id, secret, "GET", demo.url("/pets")) | {"X-Timestamp": str(int(time.time()) - 301)}
    demo.expect(row, "forged", "an altered timestamp", late, status=401)
    demo.place.command("key", "revoke", id)
    demo.expect_soon(row, "the key, revoked", lambda: stranger.signed(id, secret, "GET", demo.url("/pets")), "revoked_credential")


def show_together(demo: Demo) -> None:
    row = "together"
    made = demo.place.command("key", "create", "--name", "app", "--owner", "shop-app", "--scopes", "read:pets")
    key, token = stranger.api_key(str(made["key"])), stranger.bearer(demo.sign_in().json()["access_token"])
    demo.expect(row, "used", "a key for the application and a token for the person", key | token, path="/app-and-user")
    demo.expect(row, "refused", "the key alone", key, path="/app-and-user", status=401, code="missing_credential")
    hers = demo.place.command("key", "create", "--name", "hers", "--owner", "ada", "--scopes", "read:pets")
    person = stranger.api_key(str(hers["key"])) | token
    demo.expect(row, "refused", "a person's key as the application's", person, path="/app-and-user", status=401, code="invalid_credential")
    demo.expect(row, "refused", "two alternatives at once", key | token, status=401, code="invalid_credential")
    second = demo.place.command("key", "create", "--hmac", "--name", "robot", "--owner", "robot-app", "--scopes", "read:pets")
    signature = stranger.signed(str(second["id"]), str(second["secret"]), "GET", demo.url("/both"))
    demo.expect(row, "used", "a key and a signature, independent", key | signature, path="/both")
    demo.place.command("key", "revoke", str(made["id"]))
    demo.expect_soon(row, "the key that was one half of it", lambda: key, "revoked_credential")


def show_doors(demo: Demo) -> None:
    row = "doors"
    demo.expect(row, "used", "a route that is open to anyone", {}, path="/open")
    demo.expect(row, "refused", "no credential", {}, status=401, code="missing_credential")
    demo.expect(row, "refused", "a path without a route", {}, path="/unknown", status=403, code="no_route")
    demo.expect(row, "refused", "an ambiguous path", {}, path="/open/%2e%2e/pets", status=400, code="bad_request")
    made = demo.place.command("audit", "verify")
    demo.tally.note(row, "used", f"the journal's chain of {made.get('rows')} rows verifies", passed=made.get("ok") is True, seen=str(made))


ACTS: Final = (show_api_key, show_basic, show_jwt, show_session, show_hmac, show_together, show_doors)


def run(say: Callable[[str], None]) -> Tally:
    """Says what happens as it happens. Raises PlaceError when a server does not start."""
    tally = Tally(say)
    with a_place() as place:
        demo = Demo(place, tally)
        say("laying out a data directory, a certificate and two servers on HTTPS")
        demo.begin()
        for number, act in enumerate(ACTS, start=1):
            say(f"[{number}/{len(ACTS)}] {act.__name__.removeprefix('show_')}")
            act(demo)
        demo.http.close()
    return tally
