"""The demo's acts: each method used for real, forged, refused though genuine, revoked and refused."""

import time
from typing import Final

from doorward.lab import stranger
from doorward.lab.stage import PASSWORD, Demo


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
