"""Tokens in cookies, and tokens bound to a DPoP key, as a browser or a client meets them at /auth/… and at a guarded route."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doorward.core.errors import Why
from doorward.core.event import Kind
from doorward.methods.session import SessionOptions
from tests.methods.dpop_client import DpopClient
from tests.methods.place import NOW
from tests.web.auth_door import GOOD, ISSUER, Auth, an_auth, bearer

ACCESS, REFRESH = "__Host-doorward-access", "__Secure-doorward-refresh"
SAME, CROSS = {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site"}
CLIENT, OTHER = DpopClient(), DpopClient("EdDSA")


@pytest.fixture
async def auth(tmp_path: Path) -> AsyncIterator[Auth]:
    async with an_auth(tmp_path) as made:
        yield made


async def sign_in(client: httpx.AsyncClient, transport: str, **more: str) -> dict[str, str]:
    answer = await client.post("/auth/login", json=GOOD | {"transport": transport} | more)
    assert answer.status_code == 200, answer.text
    told: dict[str, str] = answer.json()
    return told


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def cookies(answer: httpx.Response) -> dict[str, str]:
    return {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}


@pytest.mark.rfc("6265", "5.4")
async def test_cookie_puts_both_tokens_where_no_script_reads_them(auth: Auth) -> None:
    async with auth.client() as browser:
        answer = await browser.post("/auth/login", json=GOOD | {"transport": "cookie"})
    assert answer.json().keys() == {"expires_in", "scope", "csrf_token"}
    told = cookies(answer)
    assert told.keys() == {ACCESS, REFRESH}
    assert re.fullmatch(rf"{ACCESS}=eyJ[\w.-]+; Path=/; Max-Age=900; HttpOnly; SameSite=Lax; Secure", told[ACCESS])
    assert re.fullmatch(rf"{REFRESH}=rt_\w+; Path=/auth; Max-Age=604800; HttpOnly; SameSite=Lax; Secure", told[REFRESH])
    assert answer.headers["cache-control"] == "no-store"


async def test_hybrid_gives_the_access_token_and_keeps_the_refresh_token(auth: Auth) -> None:
    async with auth.client() as browser:
        answer = await browser.post("/auth/login", json=GOOD | {"transport": "hybrid"})
        told = answer.json()
        assert told.keys() == {"access_token", "token_type", "expires_in", "scope", "csrf_token"}
        assert cookies(answer).keys() == {REFRESH}
        assert (await browser.get("/pets")).status_code == 401
        assert (await browser.get("/pets", headers=bearer(told))).text == "alice by jwt"
        assert (await browser.post("/pets", headers=bearer(told))).status_code == 200


async def test_reading_needs_the_cookie_alone_and_writing_what_only_our_pages_have(auth: Auth) -> None:
    async with auth.client() as browser:
        csrf = (await sign_in(browser, "cookie"))["csrf_token"]
        assert (await browser.get("/pets")).text == "alice by jwt"
        for mark in ({"X-CSRF-Token": csrf}, SAME, {"Origin": ISSUER}, {"X-CSRF-Token": csrf} | CROSS):
            assert (await browser.post("/pets", headers=mark)).status_code == 200, mark
        for mark in (
            {},
            CROSS,
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"X-CSRF-Token": "0" * 64},
            {"X-CSRF-Token": ""},
        ):
            assert code(await browser.post("/pets", headers=mark)) == (403, "csrf"), mark
        assert (await browser.get("/auth/csrf")).json() == {"csrf_token": csrf}


async def test_the_csrf_token_is_the_sign_ins_own_and_stays_while_it_is_refreshed(auth: Auth) -> None:
    async with auth.client() as one, auth.client() as two:
        csrf, other = (await sign_in(one, "cookie"))["csrf_token"], (await sign_in(two, "cookie"))["csrf_token"]
        assert csrf != other
        assert code(await one.post("/pets", headers={"X-CSRF-Token": other})) == (403, "csrf")
        assert (await one.post("/auth/refresh", headers={"X-CSRF-Token": csrf})).json()["csrf_token"] == csrf


@pytest.mark.parametrize("transport", ["cookie", "hybrid"])
async def test_refreshing_by_cookie_turns_it_and_answers_as_the_sign_in_did(auth: Auth, transport: str) -> None:
    async with auth.client() as browser, auth.client() as thief:
        csrf = (await sign_in(browser, transport))["csrf_token"]
        before = browser.cookies[REFRESH]
        answer = await browser.post("/auth/refresh", headers={"X-CSRF-Token": csrf})
        assert answer.status_code == 200
        assert ("access_token" in answer.json()) is (transport == "hybrid")
        assert "refresh_token" not in answer.json()
        assert cookies(answer).keys() == ({ACCESS, REFRESH} if transport == "cookie" else {REFRESH})
        assert browser.cookies[REFRESH] != before
        auth.place.now += 60  # past the grace
        answer = await browser.post("/auth/refresh", headers=SAME)
        assert answer.status_code == 200
        stolen = await thief.post("/auth/refresh", headers=SAME | {"Cookie": f"{REFRESH}={before}"})
        assert code(stolen) == (401, "revoked_credential")
        assert cookies(stolen)[REFRESH].startswith(f"{REFRESH}=; Path=/auth; Max-Age=0;")
        assert code(await browser.post("/auth/refresh", headers=SAME)) == (401, "revoked_credential")  # the family ended
        assert Kind.REFRESH_REUSED in await auth.events()


@pytest.mark.parametrize("transport", ["cookie", "hybrid"])
@pytest.mark.parametrize(
    "mark", [{}, CROSS, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"X-CSRF-Token": "0" * 64}]
)
async def test_another_sites_refresh_or_sign_out_spends_and_ends_nothing(auth: Auth, transport: str, mark: dict[str, str]) -> None:
    async with auth.client() as browser:
        csrf = (await sign_in(browser, transport))["csrf_token"]
        browser.cookies.delete(ACCESS) if transport == "cookie" else None
        before = browser.cookies[REFRESH]
        assert code(await browser.post("/auth/refresh", headers=mark)) == (403, "csrf")
        assert code(await browser.post("/auth/logout", headers=mark)) == (403, "csrf")
        assert browser.cookies[REFRESH] == before
        assert (await browser.post("/auth/refresh", headers={"X-CSRF-Token": csrf})).status_code == 200
    assert Kind.REFRESH_REUSED not in await auth.events()


@pytest.mark.parametrize("transport", ["cookie", "hybrid", "session"])
async def test_another_site_signs_nobody_in(auth: Auth, transport: str) -> None:
    async with auth.client() as browser:
        for site in ("cross-site", "same-site"):
            answer = await browser.post("/auth/login", json=GOOD | {"transport": transport}, headers={"Sec-Fetch-Site": site})
            assert code(answer) == (403, "csrf")
        form = await browser.post("/auth/login", content="username=alice&password=x", headers={"Content-Type": "text/plain"})
        assert form.status_code == 415
        assert not browser.cookies


@pytest.mark.parametrize("transport", ["cookie", "hybrid"])
async def test_signing_in_again_ends_what_this_browser_had(auth: Auth, transport: str) -> None:
    async with auth.client() as browser, auth.client() as thief:
        await sign_in(browser, transport)
        before = browser.cookies[REFRESH]
        await sign_in(browser, transport)
        assert code(await thief.post("/auth/refresh", headers=SAME | {"Cookie": f"{REFRESH}={before}"})) == (401, "revoked_credential")
        assert (await browser.post("/auth/refresh", headers=SAME)).status_code == 200
        mess = {"Cookie": f"{REFRESH}=a; {REFRESH}=b"}
        assert (await browser.post("/auth/login", json=GOOD | {"transport": transport}, headers=mess)).status_code == 200


async def test_signing_out_by_the_access_cookie_ends_all_and_clears_both(auth: Auth) -> None:
    async with auth.client() as browser:
        await sign_in(browser, "cookie")
        refresh = browser.cookies[REFRESH]
        out = await browser.post("/auth/logout", headers=SAME)
        assert out.status_code == 204
        assert cookies(out)[ACCESS] == f"{ACCESS}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
        assert cookies(out)[REFRESH] == f"{REFRESH}=; Path=/auth; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
        assert not browser.cookies
        assert (await browser.post("/auth/refresh", headers=SAME | {"Cookie": f"{REFRESH}={refresh}"})).status_code == 401


@pytest.mark.parametrize("transport", ["cookie", "hybrid"])
@pytest.mark.parametrize("expired", [True, False])
async def test_signing_out_works_by_the_refresh_cookie_when_the_access_token_is_over(auth: Auth, transport: str, expired: bool) -> None:
    async with auth.client() as browser:
        told = await sign_in(browser, transport)
        refresh = browser.cookies[REFRESH]
        if expired:
            auth.place.now += 1000
        elif transport == "cookie":
            browser.cookies.delete(ACCESS)
        shown = bearer(told) if transport == "hybrid" and expired else {}
        out = await browser.post("/auth/logout", headers=SAME | shown)
        assert out.status_code == 204, out.text
        assert not browser.cookies.get(REFRESH)
        assert (await browser.post("/auth/refresh", headers=SAME | {"Cookie": f"{REFRESH}={refresh}"})).status_code == 401


async def test_a_hybrid_sign_out_by_the_access_token_clears_the_cookie_too(auth: Auth) -> None:
    async with auth.client() as browser:
        told = await sign_in(browser, "hybrid")
        out = await browser.post("/auth/logout", headers=bearer(told))
        assert out.status_code == 204
        assert cookies(out).keys() == {REFRESH}


async def test_a_token_of_one_place_does_nothing_in_another(auth: Auth) -> None:
    async with auth.client() as app, auth.client() as browser:
        token = (await sign_in(app, "bearer"))["refresh_token"]
        await sign_in(browser, "hybrid")
        kept = browser.cookies[REFRESH]
        tossed = await app.post("/auth/refresh", headers=SAME | {"Cookie": f"{REFRESH}={token}"})
        assert code(tossed) == (401, "invalid_credential")
        assert code(await app.post("/auth/refresh", json={"refresh_token": kept})) == (401, "invalid_credential")
        assert (await app.post("/auth/refresh", json={"refresh_token": token})).status_code == 200
        assert (await browser.post("/auth/refresh", headers=SAME)).status_code == 200


async def test_the_token_in_the_body_counts_before_the_cookie(auth: Auth) -> None:
    async with auth.client() as browser:
        await sign_in(browser, "hybrid")
        token = (await sign_in(browser, "bearer"))["refresh_token"]
        told = (await browser.post("/auth/refresh", json={"refresh_token": token}, headers=CROSS)).json()
        assert told["refresh_token"].startswith("rt_")
        assert (await browser.post("/auth/refresh", headers=SAME)).status_code == 200


async def test_cookies_that_were_tossed_or_sent_twice_are_refused(auth: Auth) -> None:
    async with auth.client() as browser:
        await sign_in(browser, "cookie")
        access, refresh = browser.cookies[ACCESS], browser.cookies[REFRESH]
        browser.cookies.clear()
        for mess in (f"{ACCESS}={access}; {ACCESS}={access}", f"{ACCESS}={access}; {ACCESS}=evil"):
            assert code(await browser.get("/pets", headers={"Cookie": mess})) == (401, "invalid_credential")
        twice = {"Cookie": f"{REFRESH}={refresh}; {REFRESH}=evil"} | SAME
        assert code(await browser.post("/auth/refresh", headers=twice)) == (401, "invalid_credential")
        for plain in (
            f"doorward-access={access}",
            f"doorward={access}",
            f"__Secure-doorward-access={access}",
            f"{ACCESS.lower()}={access}",
        ):
            assert code(await browser.get("/pets", headers={"Cookie": plain})) == (401, "missing_credential")
        assert code(await browser.post("/auth/refresh", headers={"Cookie": f"doorward-refresh={refresh}"} | SAME)) == (400, "bad_request")


@pytest.mark.parametrize("garbage", ["x", "eyJ.eyJ.x", "=", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é", '"', "x" * 7000])
async def test_garbage_in_the_cookie_refuses_alone_and_not_what_is_sent_beside_it(auth: Auth, garbage: str) -> None:
    key = (await auth.place.key()).key.reveal()
    async with auth.client() as browser:
        tokens = await sign_in(browser, "bearer")
        raw = [(b"cookie", f"{ACCESS}={garbage}".encode("latin-1"))]
        assert code(await browser.get("/pets", headers=raw)) == (401, "invalid_credential")
        for name, value in (("authorization", f"Bearer {tokens['access_token']}"), ("x-api-key", key)):
            answer = await browser.get("/pets", headers=[*raw, (name.encode(), value.encode())])
            assert answer.status_code == 200, (garbage, name)
        twice = [(b"cookie", f"{ACCESS}=a; {ACCESS}=b".encode()), (b"x-api-key", key.encode())]
        assert (await browser.get("/pets", headers=twice)).status_code == 200


async def test_what_is_sent_in_a_header_beats_the_cookie_and_needs_no_csrf_token(auth: Auth) -> None:
    key = (await auth.place.key()).key.reveal()
    async with auth.client() as browser:
        await sign_in(browser, "cookie")
        tokens = await sign_in(browser, "bearer")
        assert (await browser.post("/pets", headers=bearer(tokens) | CROSS)).text == "alice by jwt"
        assert (await browser.post("/pets", headers={"X-API-Key": key} | CROSS)).text == "shop by api_key"
        wrong = {"Authorization": f"Bearer {tokens['access_token'][:-2]}AA"}
        assert code(await browser.get("/pets", headers=wrong)) == (401, "invalid_credential")
        assert code(await browser.get("/pets", headers={"Authorization": "Bearer garbage"})) == (401, "invalid_credential")


async def test_an_expired_or_revoked_token_in_the_cookie_is_refused_as_such(auth: Auth) -> None:
    async with auth.client() as browser:
        await sign_in(browser, "cookie")
        access = browser.cookies[ACCESS]
        auth.place.now += 900
        assert code(await browser.get("/pets", headers={"Cookie": f"{ACCESS}={access}"})) == (401, "expired_credential")
        auth.place.now -= 900
        await browser.post("/auth/logout", headers=SAME)
        await auth.watch()
        assert code(await browser.get("/pets", headers={"Cookie": f"{ACCESS}={access}"})) == (401, "revoked_credential")


async def test_each_issuer_of_a_host_has_cookies_of_its_own(tmp_path: Path) -> None:
    async with an_auth(tmp_path) as auth:
        named = Auth(auth.place, SessionOptions(cookie="shop", same_site="Strict"))
        async with named.client() as browser:
            answer = await browser.post("/auth/login", json=GOOD | {"transport": "cookie"})
            assert cookies(answer).keys() == {"__Host-shop-access", "__Secure-shop-refresh"}
            assert all("SameSite=Strict" in line for line in cookies(answer).values())
            assert (await browser.get("/pets")).status_code == 200
        async with auth.client() as other:
            assert code(await other.get("/pets", headers={"Cookie": f"__Host-shop-access={browser.cookies['__Host-shop-access']}"})) == (
                401,
                "missing_credential",
            )


async def test_plain_names_are_for_plain_http_on_this_machine_only(auth: Auth) -> None:
    async with auth.client("http://127.0.0.1:8000", address="127.0.0.1") as browser:
        answer = await browser.post("/auth/login", json=GOOD | {"transport": "cookie"})
        told = cookies(answer)
        assert told.keys() == {"doorward-access", "doorward-refresh"}
        assert not any("Secure" in line for line in told.values())
        assert (await browser.get("/pets")).status_code == 200
        assert (await browser.post("/auth/refresh", headers=SAME)).status_code == 200
        both = {"Cookie": f"doorward-access={browser.cookies['doorward-access']}; {ACCESS}={browser.cookies['doorward-access']}"}
        assert code(await browser.get("/pets", headers=both)) == (401, "invalid_credential")


@pytest.mark.rfc("9449", "5")
async def test_signing_in_with_a_proof_binds_both_tokens_to_its_key(auth: Auth) -> None:
    async with auth.client() as client:
        answer = await client.post("/auth/login", json=GOOD, headers={"DPoP": CLIENT.proof("POST", f"{ISSUER}/auth/login")})
        told = answer.json()
        assert told["token_type"] == "DPoP"
        token = told["access_token"]
        good = dict(CLIENT.fields("GET", f"{ISSUER}/pets", token))
        assert (await client.get("/pets", headers=good)).text == "alice by jwt+dpop"
        assert code(await client.get("/pets", headers=good)) == (401, "replayed_request")
        refused = await client.get("/pets", headers=bearer(told))
        assert 'DPoP realm="doorward", error="invalid_token", algs="ES256 ' in refused.headers["www-authenticate"]

        def shown(by: DpopClient | None, **more: Any) -> dict[str, str]:
            return {"DPoP": by.proof("POST", f"{ISSUER}/auth/refresh", **more)} if by is not None else {}

        body = {"refresh_token": told["refresh_token"]}
        for by in (None, OTHER):
            assert code(await client.post("/auth/refresh", json=body, headers=shown(by))) == (401, "invalid_credential")
        again = (await client.post("/auth/refresh", json=body, headers=shown(CLIENT))).json()
        assert again["token_type"] == "DPoP"
        good = dict(CLIENT.fields("GET", f"{ISSUER}/pets", again["access_token"]))
        assert (await client.get("/pets", headers=good)).status_code == 200
        auth.place.now += 60
        assert (
            await client.post("/auth/refresh", json={"refresh_token": again["refresh_token"]}, headers=shown(CLIENT, at=NOW + 60))
        ).status_code == 200
        for by in (None, OTHER):  # a thief without the key does not even end the family
            assert (await client.post("/auth/refresh", json=body, headers=shown(by, at=NOW + 60))).status_code == 401
        assert Kind.REFRESH_REUSED not in await auth.events()
        out = await client.post(
            "/auth/logout", headers=dict(CLIENT.fields("POST", f"{ISSUER}/auth/logout", again["access_token"], at=NOW + 60))
        )
        assert out.status_code == 204


@pytest.mark.rfc("9449", "5")
@pytest.mark.parametrize(
    "said",
    [
        {"htm": "GET"},
        {"htu": f"{ISSUER}/auth/refresh"},
        {"htu": "https://evil.example/auth/login"},
        {"iat": 1},
        {"header": {"typ": "JWT"}},
        {"jti": None},
    ],
)
async def test_a_proof_that_is_not_for_this_door_gives_no_token(auth: Auth, said: dict[str, Any]) -> None:
    async with auth.client() as client:
        answer = await client.post("/auth/login", json=GOOD, headers={"DPoP": CLIENT.proof("POST", f"{ISSUER}/auth/login", **said)})
        assert answer.status_code == 401
    assert Kind.SIGNED_IN not in await auth.events()
    assert auth.heard[0].why in (Why.BAD_DPOP, Why.STALE)


async def test_a_proof_at_this_door_counts_once_and_a_wrong_password_uses_none_up(auth: Auth) -> None:
    async with auth.client() as client:
        field = {"DPoP": CLIENT.proof("POST", f"{ISSUER}/auth/login")}
        assert (await client.post("/auth/login", json=GOOD | {"password": "wrong"}, headers=field)).status_code == 401
        assert (await client.post("/auth/login", json=GOOD, headers=field)).status_code == 200
        assert code(await client.post("/auth/login", json=GOOD, headers=field)) == (401, "replayed_request")


async def test_a_bound_refresh_token_and_an_unbound_one_are_not_exchanged(auth: Auth) -> None:
    async with auth.client() as client:
        plain = await sign_in(client, "bearer")
        field = {"DPoP": CLIENT.proof("POST", f"{ISSUER}/auth/refresh")}
        answer = await client.post("/auth/refresh", json={"refresh_token": plain["refresh_token"]}, headers=field)
        assert code(answer) == (401, "invalid_credential")
        assert (await client.post("/auth/refresh", json={"refresh_token": plain["refresh_token"]})).status_code == 200


@pytest.mark.parametrize("transport", ["cookie", "session"])
async def test_no_key_is_bound_to_what_is_in_a_cookie(auth: Auth, transport: str) -> None:
    async with auth.client() as client:
        field = {"DPoP": CLIENT.proof("POST", f"{ISSUER}/auth/login")}
        assert code(await client.post("/auth/login", json=GOOD | {"transport": transport}, headers=field)) == (400, "bad_request")


async def test_a_hybrid_sign_in_may_be_bound(auth: Auth) -> None:
    async with auth.client() as client:
        field = {"DPoP": CLIENT.proof("POST", f"{ISSUER}/auth/login")}
        told = (await client.post("/auth/login", json=GOOD | {"transport": "hybrid"}, headers=field)).json()
        assert told["token_type"] == "DPoP"
        assert code(await client.post("/auth/refresh", headers=SAME)) == (401, "invalid_credential")
        field = {"DPoP": CLIENT.proof("POST", f"{ISSUER}/auth/refresh")}
        assert (await client.post("/auth/refresh", headers=SAME | field)).json()["token_type"] == "DPoP"


@pytest.mark.rfc("9449", "8")
async def test_a_required_nonce_is_asked_for_and_told(tmp_path: Path) -> None:
    async with an_auth(tmp_path) as plain:
        auth = Auth(plain.place, nonce="required")
        async with auth.client() as client:

            def proof(**more: Any) -> dict[str, str]:
                return {"DPoP": CLIENT.proof("POST", f"{ISSUER}/auth/login", **more)}

            asked = await client.post("/auth/login", json=GOOD, headers=proof())
            assert asked.status_code == 401
            assert asked.headers["www-authenticate"].startswith('DPoP realm="doorward", error="use_dpop_nonce", algs="')
            nonce = asked.headers["dpop-nonce"]
            told = await client.post("/auth/login", json=GOOD, headers=proof(nonce=nonce))
            assert told.status_code == 200
            assert "dpop-nonce" not in told.headers
            auth.place.now += 60
            told = await client.post("/auth/login", json=GOOD, headers=proof(nonce=nonce, at=NOW + 60))
            assert told.status_code == 200
            assert told.headers["dpop-nonce"] != nonce
            token, newer = told.json()["access_token"], told.headers["dpop-nonce"]
            fields = dict(CLIENT.fields("GET", f"{ISSUER}/pets", token, nonce=nonce, at=NOW + 60))
            answer = await client.get("/pets", headers=fields)
            assert (answer.status_code, answer.headers["dpop-nonce"]) == (200, newer)
            assert (await client.post("/auth/login", json=GOOD)).status_code == 200  # Bearer tokens need no nonce


@pytest.mark.parametrize("transport", ["cookie", "hybrid", "session"])
@pytest.mark.parametrize(
    ("mark", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://door.example"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-site"}, 403),
        (CROSS | {"Origin": ISSUER}, 403),
        ({"Origin": ISSUER}, 200),
        ({"Origin": ISSUER.upper()}, 200),
        (SAME | {"Origin": ISSUER}, 200),
        ({}, 200),
    ],
)
async def test_no_page_of_another_origin_signs_a_browser_in(auth: Auth, transport: str, mark: dict[str, str], status: int) -> None:
    async with auth.client() as browser:
        answer = await browser.post("/auth/login", json=GOOD | {"transport": transport}, headers=mark)
    assert answer.status_code == status
    assert ("set-cookie" in answer.headers) is (status == 200)
    assert status == 200 or answer.json()["code"] == "csrf"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=255), max_size=80), st.sampled_from([ACCESS, REFRESH, "doorward-access"])
)
async def test_any_cookie_is_refused_and_never_an_error(auth: Auth, text: str, name: str) -> None:
    async with auth.client() as browser:
        for line in (f"{name}={text}", text, f"{name}; {text}"):
            raw = [(b"cookie", line.encode("latin-1")), (b"sec-fetch-site", b"same-origin")]
            assert (await browser.get("/pets", headers=raw)).status_code == 401
            assert (await browser.post("/auth/refresh", headers=raw)).status_code in (400, 401)
            assert (await browser.post("/auth/logout", headers=raw)).status_code == 401
