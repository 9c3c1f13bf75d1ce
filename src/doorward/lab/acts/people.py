"""People: passwords, tokens, sessions."""

import httpx

from doorward.lab import stranger
from doorward.lab.stage import PASSWORD, Demo


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


def show_cookies(demo: Demo) -> None:
    row = "cookies"
    answer = demo.sign_in("cookie")
    demo.check(row, "used", "sign in for tokens in cookies", answer)
    cookie, csrf = _cookies(demo, answer), {"X-CSRF-Token": str(answer.json()["csrf_token"])}
    demo.expect(row, "used", "the access token in its cookie", cookie)
    demo.expect(row, "refused", "POST without the CSRF token", cookie, method="POST", status=403, code="csrf")
    demo.expect(row, "used", "POST with it", cookie | csrf, method="POST")
    refreshed = demo.http.post(f"{demo.door_url}/auth/refresh", headers=cookie, json={})
    demo.check(row, "refused", "refresh without the CSRF token", refreshed, status=403, code="csrf")
    refreshed = demo.http.post(f"{demo.door_url}/auth/refresh", headers=cookie | csrf, json={})
    demo.check(row, "used", "refresh with it", refreshed)
    cookie = _cookies(demo, refreshed)
    name, _, value = cookie["Cookie"].split("; ")[0].partition("=")
    forged = {"Cookie": f"{name}={stranger.altered_token(value, scope='admin:keys')}"}
    demo.expect(row, "forged", "other claims in the cookie", forged, status=401, code="invalid_credential")
    demo.http.post(f"{demo.door_url}/auth/logout", headers=cookie | csrf)
    demo.http.cookies.clear()
    demo.expect_soon(row, "the cookie after logout", lambda: cookie, "revoked_credential")
    hybrid = demo.sign_in("hybrid")
    demo.http.cookies.clear()
    demo.expect(row, "used", "hybrid: the access token in the answer", stranger.bearer(hybrid.json()["access_token"]))


def _cookies(demo: Demo, answer: httpx.Response) -> dict[str, str]:
    """What a browser would send back to any path."""
    demo.http.cookies.clear()
    pairs = sorted((name, value) for name, value in answer.cookies.items() if value)
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in pairs)}
