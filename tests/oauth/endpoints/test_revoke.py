import os

import pytest

from doorward.admin.accounts import AccountOrder, PasswordMaker, create
from doorward.admin.actor import LOCAL
from doorward.core.event import Kind
from doorward.core.secret import Secret
from doorward.crypto.hashing_pool import HashingPool
from doorward.crypto.jose import parse_jwt, sign_jwt
from doorward.crypto.password import CHEAPEST_FOR_TESTS
from tests.oauth.office import ISSUER, Office, error

FORMS = pytest.mark.parametrize("form", ["jwt", "opaque"])


async def signed_in(office: Office) -> dict[str, str]:
    home = office.door.parts.home
    if await home.store.accounts.find("ada") is None:
        maker = PasswordMaker(pool=HashingPool(1), params=CHEAPEST_FOR_TESTS, entropy=home.entropy)
        await create(AccountOrder(name="ada", password=Secret("pw")), store=home.store, maker=maker, actor=LOCAL, now=home.clock())
    answer = await office.web.post("/auth/login", json={"username": "ada", "password": "pw"})
    assert answer.status_code == 200, answer.text
    told: dict[str, str] = answer.json()
    return told


@pytest.mark.rfc("7009", "2")
@FORMS
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "nonsense"])
async def test_a_client_ends_its_token_at_once(office: Office, form: str, hint: str | None) -> None:
    client = await office.client(token=form)
    text, other = await office.token(client), await office.token(client)
    assert (await office.verify(text)).status_code == 200
    answer = await office.post("/oauth/revoke", {"token": text} | ({"token_type_hint": hint} if hint else {}), client)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert await office.introspect(text, client) == {"active": False}
    assert (await office.verify(text)).json()["code"] == "revoked_credential"
    assert (await office.verify(other)).status_code == 200
    events = [entry.event for entry in await office.door.parts.store.journal.read()]
    assert [(event.kind, event.actor) for event in events if event.kind is Kind.TOKEN_REVOKED] == [(Kind.TOKEN_REVOKED, client.client.id)]
    assert (await office.post("/oauth/revoke", {"token": text}, client)).status_code == 200, "again is harmless"


@pytest.mark.rfc("7009", "2.2")
async def test_a_token_that_is_none_of_ours_is_200(office: Office) -> None:
    client = await office.client()
    for text in ("nonsense", "oat_" + "x" * 61, "rt_" + "x" * 43, "rt_x", "eyJhbGciOiJub25lIn0.e30."):
        assert (await office.post("/oauth/revoke", {"token": text}, client)).status_code == 200
    assert error(await office.post("/oauth/revoke", {}, client)) == (400, "invalid_request")


@pytest.mark.rfc("7009", "2.1")
@FORMS
async def test_another_clients_token_is_refused_and_lives_on(office: Office, form: str) -> None:
    owner, other = await office.client(token=form), await office.client()
    text = await office.token(owner)
    assert error(await office.post("/oauth/revoke", {"token": text}, other)) == (400, "invalid_grant")
    assert error(await office.post("/oauth/revoke", {"token": text})) == (401, "invalid_client")
    assert error(await office.post("/oauth/revoke", {"token": "nonsense"})) == (401, "invalid_client")
    assert (await office.introspect(text, owner))["active"]


async def test_who_holds_a_token_of_our_own_sign_in_may_end_it(office: Office) -> None:
    tokens = await signed_in(office)
    assert (await office.post("/oauth/revoke", {"token": tokens["access_token"]})).status_code == 200
    assert (await office.verify(tokens["access_token"])).json()["code"] == "revoked_credential"
    refreshed = (await office.web.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})).json()
    assert (await office.verify(refreshed["access_token"])).status_code == 200
    assert (await office.post("/oauth/revoke", {"token": refreshed["refresh_token"]}, await office.client())).status_code == 200
    assert (await office.verify(refreshed["access_token"])).json()["code"] == "revoked_credential", "the sign-in with all tokens of it"
    assert (await office.web.post("/auth/refresh", json={"refresh_token": refreshed["refresh_token"]})).status_code == 401


async def test_a_service_that_shares_a_key_ends_no_token_of_another_and_nothing_for_ever(office: Office) -> None:
    parts, audience = office.door.parts, "https://orders.example"
    parts.home.data.share_key(audience, os.urandom)
    parts.adopt_shared_keys()
    client, service = await office.client(), await office.client()
    token, now = await office.token(client), int(office.clock())
    claims = {"iss": ISSUER, "sub": "x", "aud": audience, "exp": 2**53 - 1, "iat": now, "jti": parse_jwt(token).claims["jti"]}
    for holder in (ISSUER, client.client.id):
        forged = sign_jwt(claims | {"client_id": holder}, parts.mint.key_for((audience,)), "at+jwt")
        assert error(await office.post("/oauth/revoke", {"token": forged})) == (401, "invalid_client")
        assert error(await office.post("/oauth/revoke", {"token": forged}, service)) == (400, "invalid_grant")
    assert (await office.introspect(token, client))["active"]
    own = sign_jwt(claims | {"client_id": service.client.id, "jti": "own"}, parts.mint.key_for((audience,)), "at+jwt")
    assert (await office.post("/oauth/revoke", {"token": own}, service)).status_code == 200
    assert max(change.until for change in await parts.store.changes.since(0)) < now + 91 * 86400
