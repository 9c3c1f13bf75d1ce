import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet

from doorward.core.errors import Why
from doorward.core.event import Kind
from doorward.core.limit import Rate
from doorward.methods.session import SessionOptions
from tests.methods.place import PASSWORD
from tests.web.auth_door import GOOD, ISSUER, Auth, an_auth, bearer

COOKIE = "__Host-doorward"


@pytest.fixture
async def auth(tmp_path: Path) -> AsyncIterator[Auth]:
    async with an_auth(tmp_path, failures=Rate(3, 60)) as made:
        yield made


async def sign_in(auth: Auth, client: httpx.AsyncClient, **more: str) -> httpx.Response:
    answer = await client.post("/auth/login", json=GOOD | more)
    assert answer.status_code == 200, answer.text
    return answer


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["instance"] == answer.headers["x-request-id"]
    return answer.status_code, answer.json()["code"]


@pytest.mark.rfc("6749", "5.1")
async def test_login_gives_bearer_tokens_that_no_cache_may_keep(auth: Auth) -> None:
    async with auth.client() as client:
        answer = await sign_in(auth, client)
    told = answer.json()
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 900, "read:pets")
    assert told["access_token"].startswith("eyJ")
    assert told["refresh_token"].startswith("rt_")
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


async def test_by_email_too(auth: Auth) -> None:
    async with auth.client() as client:
        answer = await client.post(
            "/auth/login", json={"username": "Alice@example.org", "password": PASSWORD.reveal(), "transport": "bearer"}
        )
    assert answer.status_code == 200


async def test_a_wrong_password_and_an_unknown_name_are_one_answer(auth: Auth) -> None:
    async with auth.client() as client:
        wrong = await client.post("/auth/login", json=GOOD | {"password": "wrong"})
        unknown = await client.post("/auth/login", json=GOOD | {"username": "nobody"})
    assert code(wrong) == code(unknown) == (401, "invalid_credential")
    assert {**wrong.json(), "instance": ""} == {**unknown.json(), "instance": ""}
    assert [refused.why for refused in auth.heard] == [Why.UNKNOWN, Why.UNKNOWN]


async def test_too_many_failures_are_told_when_to_come_back(auth: Auth) -> None:
    async with auth.client() as client:
        for _ in range(3):
            await client.post("/auth/login", json=GOOD | {"password": "wrong"})
        answer = await client.post("/auth/login", json=GOOD)
    assert code(answer) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("transport", ["", "carrier pigeon", 7, None, ["bearer"]])
async def test_a_transport_that_is_not_there_is_refused_with_those_that_are(auth: Auth, transport: object) -> None:
    async with auth.client() as client:
        answer = await client.post("/auth/login", json=GOOD | {"transport": transport})
    assert code(answer) == (400, "bad_request")
    assert "bearer, cookie, hybrid, session" in answer.json()["detail"]
    assert Kind.SIGNED_IN not in await auth.events()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"not json",
        b"\xff",
        b'{"username":"alice"}',
        b'{"username":7,"password":"x"}',
        b'{"username":"","password":"x"}',
        b'{"username":"eve","username":"alice","password":"x"}',
        b"[" * 10_000,
    ],
)
async def test_a_body_that_is_no_form_is_a_bad_request(auth: Auth, body: bytes) -> None:
    async with auth.client() as client:
        answer = await client.post("/auth/login", content=body, headers={"content-type": "application/json"})
    assert code(answer) == (400, "bad_request")


@pytest.mark.rfc("9110", "15.5.16")
@pytest.mark.parametrize("type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", ""])
async def test_another_content_type_is_415(auth: Auth, type: str) -> None:
    async with auth.client() as client:
        answer = await client.post("/auth/login", content=json.dumps(GOOD), headers={"content-type": type})
    assert code(answer) == (415, "unsupported_media_type")


async def test_a_charset_beside_the_type_is_fine_and_a_large_body_is_not_read(auth: Auth) -> None:
    async with auth.client() as client:
        headers = {"content-type": "Application/JSON; charset=utf-8"}
        assert (await client.post("/auth/login", content=json.dumps(GOOD), headers=headers)).status_code == 200
        large = await client.post("/auth/login", json=GOOD | {"more": "x" * 20_000})
    assert code(large) == (413, "body_too_large")


async def test_plain_http_from_another_machine_is_refused(auth: Auth) -> None:
    async with auth.client("http://door.example") as client:
        assert code(await client.post("/auth/login", json=GOOD)) == (403, "tls_required")


@given(
    st.dictionaries(
        st.sampled_from(["username", "password", "transport", "refresh_token"]), st.text(max_size=30) | st.none() | st.integers()
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_no_form_makes_a_500(auth: Auth, form: dict[str, Any]) -> None:
    async with auth.client() as client:
        for path in ("/auth/login", "/auth/refresh", "/auth/logout"):
            answer = await client.post(path, json=form)
            assert answer.status_code in (400, 401, 429), answer.text


@pytest.mark.parametrize(
    ("method", "path", "allow"), [("GET", "/auth/login", "POST"), ("PUT", "/auth/csrf", "GET"), ("GET", "/auth/sessions/x", "DELETE")]
)
async def test_another_method_is_405_with_the_right_ones(auth: Auth, method: str, path: str, allow: str) -> None:
    async with auth.client() as client:
        answer = await client.request(method, path)
        assert code(answer) == (405, "method_not_allowed")
        assert answer.headers["allow"] == allow
        assert code(await client.get("/auth/nothing")) == (404, "not_found")


async def test_refresh_rotates_repeats_inside_the_grace_and_ends_all_at_theft(auth: Auth) -> None:
    async with auth.client() as client:
        first = (await sign_in(auth, client)).json()

        async def refresh(token: str) -> httpx.Response:
            return await client.post("/auth/refresh", json={"refresh_token": token})

        second = await refresh(first["refresh_token"])
        again = await refresh(first["refresh_token"])
        assert second.status_code == again.status_code == 200
        assert again.json()["refresh_token"] == second.json()["refresh_token"]
        third = await refresh(second.json()["refresh_token"])
        assert third.status_code == 200
        assert code(await refresh(first["refresh_token"])) == (401, "revoked_credential")
        assert code(await refresh(third.json()["refresh_token"])) == (401, "revoked_credential")
        await auth.watch()
        assert code(await client.get("/auth/sessions", headers=bearer(third.json()))) == (401, "revoked_credential")
    assert Kind.REFRESH_REUSED in await auth.events()


@pytest.mark.parametrize("token", ["rt_" + "a" * 43, "nonsense", "eyJ.a.b"])
async def test_an_unknown_or_misshapen_refresh_token_is_one_answer(auth: Auth, token: str) -> None:
    async with auth.client() as client:
        answer = await client.post("/auth/refresh", json={"refresh_token": token})
    assert code(answer) == (401, "invalid_credential")
    assert token not in answer.text


@pytest.mark.parametrize("with_refresh_token", [False, True])
async def test_logout_ends_the_grant(auth: Auth, with_refresh_token: bool) -> None:
    async with auth.client() as client:
        tokens = (await sign_in(auth, client)).json()
        if with_refresh_token:
            out = await client.post("/auth/logout", json={"refresh_token": tokens["refresh_token"]})
        else:
            out = await client.post("/auth/logout", headers=bearer(tokens))
        assert (out.status_code, out.content) == (204, b"")
        await auth.watch()
        assert code(await client.post("/auth/logout", headers=bearer(tokens))) == (401, "revoked_credential")
        again = await client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert code(again) == (401, "revoked_credential")


@pytest.mark.parametrize("shown", ["expired", "invalid", "revoked"])
async def test_logout_with_a_dead_access_token_ends_the_grant_of_the_refresh_token(auth: Auth, shown: str) -> None:
    async with auth.client() as client:
        tokens = (await sign_in(auth, client)).json()
        other = (await sign_in(auth, client)).json()
        headers = {"Authorization": "Bearer nonsense"} if shown == "invalid" else bearer(tokens)
        if shown == "expired":
            auth.place.now += 3600
        if shown == "revoked":
            headers = bearer(other)
            assert (await client.post("/auth/logout", headers=headers)).status_code == 204
            await auth.watch()
        body = {"refresh_token": tokens["refresh_token"]}
        assert (await client.post("/auth/logout", headers=headers)).status_code == 401, "the access token alone ends nothing"
        for wrong in ({"refresh_token": tokens["refresh_token"][:-1]}, {"refresh_token": 1}, {"other": "x"}):
            assert (await client.post("/auth/logout", headers=headers, json=wrong)).status_code in (400, 401)
        assert (await client.post("/auth/logout", headers=headers, content=json.dumps(body))).status_code == 401, "no JSON by its type"
        assert (await client.post("/auth/logout", headers=headers, json=body)).status_code == 204
        again = await client.post("/auth/refresh", json=body)
        assert code(again) == (401, "revoked_credential")


async def test_logout_from_another_machine_on_plain_http_ends_nothing(auth: Auth) -> None:
    async with auth.client() as client:
        tokens = (await sign_in(auth, client)).json()
    async with auth.client("http://door.example") as plain:
        body = {"refresh_token": tokens["refresh_token"]}
        assert code(await plain.post("/auth/logout", headers=bearer(tokens), json=body)) == (403, "tls_required")


async def test_logout_without_any_credential_says_what_to_send(auth: Auth) -> None:
    async with auth.client() as client:
        assert code(await client.post("/auth/logout")) == (401, "missing_credential")
        assert code(await client.post("/auth/logout", headers={"Authorization": "Bearer x"})) == (401, "invalid_credential")


@pytest.mark.rfc("6265", "4.1.2")
async def test_a_session_comes_in_a_host_cookie_with_every_attribute(auth: Auth) -> None:
    async with auth.client() as client:
        answer = await sign_in(auth, client, transport="session")
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(rf"{COOKIE}=[0-9A-Za-z]{{43}}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure", cookie)
    told = answer.json()
    assert set(told) == {"session", "csrf_token", "expires_in"}
    assert cookie.split("=")[1].split(";")[0] not in answer.text


async def test_on_plain_loopback_the_cookie_has_a_plain_name(auth: Auth) -> None:
    async with auth.client("http://127.0.0.1:8000", "127.0.0.1") as client:
        cookie = (await sign_in(auth, client, transport="session")).headers["set-cookie"]
        assert cookie.startswith("doorward=")
        assert "Secure" not in cookie
        assert (await client.get("/auth/csrf")).status_code == 200


async def test_the_cookies_name_and_same_site_are_by_option(auth: Auth) -> None:
    named = Auth(auth.place, SessionOptions(cookie="shop", same_site="Strict"))
    async with named.client() as client:
        cookie = (await sign_in(named, client, transport="session")).headers["set-cookie"]
    assert cookie.startswith("__Host-shop=")
    assert "SameSite=Strict" in cookie


async def test_a_session_signs_out_only_with_its_csrf_token_and_its_cookie_goes(auth: Auth) -> None:
    async with auth.client() as client:
        told = (await sign_in(auth, client, transport="session")).json()
        assert (await client.get("/auth/csrf")).json() == {"csrf_token": told["csrf_token"]}
        assert code(await client.post("/auth/logout")) == (403, "csrf")
        assert code(await client.post("/auth/logout", headers={"X-CSRF-Token": "guess"})) == (403, "csrf")
        cookie = client.cookies[COOKIE]
        out = await client.post("/auth/logout", headers={"X-CSRF-Token": told["csrf_token"]})
        assert out.status_code == 204
        assert out.headers["set-cookie"].startswith(f"{COOKIE}=; Path=/; Max-Age=0;")
        gone = await client.get("/auth/csrf", headers={"Cookie": f"{COOKIE}={cookie}"})
        assert code(gone) == (401, "revoked_credential")


async def test_signing_in_again_gives_a_new_session_and_ends_the_old(auth: Auth) -> None:
    async with auth.client() as client:
        await sign_in(auth, client, transport="session")
        before = client.cookies[COOKIE]
        await sign_in(auth, client, transport="session")
        assert client.cookies[COOKIE] != before
        client.cookies.clear()
        assert code(await client.get("/auth/csrf", headers={"Cookie": f"{COOKIE}={before}"})) == (401, "revoked_credential")


async def test_a_mess_of_cookies_keeps_nobody_from_signing_in(auth: Auth) -> None:
    async with auth.client() as client:
        for mess in (f"{COOKIE}=a; {COOKIE}=b", f"{COOKIE}=<script>", f"{COOKIE}=" + "A" * 43):
            answer = await client.post("/auth/login", json=GOOD | {"transport": "session"}, headers={"Cookie": mess})
            assert answer.status_code == 200
            client.cookies.clear()


async def test_no_other_site_can_sign_a_browser_in(auth: Auth) -> None:
    async with auth.client() as client:
        for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
            answer = await client.post("/auth/login", json=GOOD | {"transport": "session"}, headers={"Sec-Fetch-Site": site})
            assert answer.status_code == status, site
            client.cookies.clear()


async def test_own_sessions_are_listed_and_ended_one_by_one_or_all(auth: Auth) -> None:
    async with auth.client() as phone, auth.client() as laptop:
        await sign_in(auth, phone, transport="session")
        told = (await sign_in(auth, laptop, transport="session")).json()
        csrf = {"X-CSRF-Token": told["csrf_token"]}
        listed = (await laptop.get("/auth/sessions")).json()["sessions"]
        assert [(each["current"], each["address"]) for each in listed].count((True, "192.0.2.1")) == 1
        assert listed[0]["device"].startswith("python-httpx")
        assert (listed[0]["created_at"], listed[0]["expires_at"]) == ("2027-01-15T08:00:00Z", "2027-01-16T08:00:00Z")
        (other,) = [each["id"] for each in listed if not each["current"]]
        assert code(await laptop.delete(f"/auth/sessions/{other}")) == (403, "csrf")
        assert (await laptop.delete(f"/auth/sessions/{other}", headers=csrf)).status_code == 204
        assert code(await laptop.delete(f"/auth/sessions/{other}", headers=csrf)) == (404, "not_found")
        assert code(await phone.get("/auth/csrf")) == (401, "revoked_credential")
        phone.cookies.clear()
        await sign_in(auth, phone, transport="session")
        ended = await laptop.post("/auth/sessions/end-all", json={"keep_this": True}, headers=csrf)
        assert len(ended.json()["ended"]) == 1
        assert (await laptop.get("/auth/csrf")).status_code == 200
        assert len((await laptop.post("/auth/sessions/end-all", headers=csrf)).json()["ended"]) == 1
        assert code(await laptop.get("/auth/csrf")) == (401, "revoked_credential")


async def test_nobody_sees_or_ends_the_sessions_of_others(auth: Auth) -> None:
    await auth.place.account("bob")
    async with auth.client() as alice, auth.client() as bob:
        session = (await sign_in(auth, alice, transport="session")).json()["session"]
        tokens = (await bob.post("/auth/login", json=GOOD | {"username": "bob"})).json()
        assert (await bob.get("/auth/sessions", headers=bearer(tokens))).json() == {"sessions": []}
        assert code(await bob.delete(f"/auth/sessions/{session}", headers=bearer(tokens))) == (404, "not_found")
        assert (await bob.post("/auth/sessions/end-all", headers=bearer(tokens))).json() == {"ended": []}
        assert (await alice.get("/auth/csrf")).status_code == 200


async def test_an_access_token_names_its_owners_sessions_without_csrf(auth: Auth) -> None:
    async with auth.client() as browser, auth.client() as app:
        session = (await sign_in(auth, browser, transport="session")).json()["session"]
        tokens = (await sign_in(auth, app)).json()
        assert (await app.delete(f"/auth/sessions/{session}", headers=bearer(tokens))).status_code == 204
        assert code(await app.get("/auth/csrf", headers=bearer(tokens))) == (401, "invalid_credential")


@pytest.mark.rfc("7517", "5")
async def test_the_key_set_is_cacheable_and_verifies_what_we_sign(auth: Auth) -> None:
    async with auth.client() as client:
        token = (await sign_in(auth, client)).json()["access_token"]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(auth.jwks), base_url=ISSUER) as client:
        answer = await client.get("/oauth/jwks")
        assert answer.headers["content-type"] == "application/jwk-set+json"
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert jwt.decode(token, KeySet.import_key_set(answer.json())).claims["sub"] == "alice"
        again = await client.get("/oauth/jwks", headers={"If-None-Match": f'"x", W/{answer.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.get("/oauth/jwks", headers={"If-None-Match": '"x"'})).status_code == 200
        assert (await client.head("/oauth/jwks")).content == b""
        assert (await client.post("/oauth/jwks")).status_code == 405
