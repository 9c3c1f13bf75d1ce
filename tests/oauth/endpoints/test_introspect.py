import asyncio
import os

import pytest

from doorward.admin import keys, services
from doorward.admin.actor import LOCAL
from doorward.admin.keys import KeyMaker, KeyOrder
from doorward.oauth.endpoints.introspect import INTROSPECT
from tests.oauth.office import ISSUER, Office, error

FORMS = pytest.mark.parametrize("form", ["jwt", "opaque"])
API = "https://api.example"


@pytest.mark.rfc("7662", "2.2")
@FORMS
async def test_a_client_is_told_all_of_its_own_token(office: Office, form: str) -> None:
    client = await office.client(token=form)
    text = await office.token(client, scope="read:pets")
    told = await office.introspect(text, client)
    id = client.client.id
    assert {name: told[name] for name in ("active", "client_id", "sub", "iss", "aud", "scope", "token_type")} == {
        "active": True,
        "client_id": id,
        "sub": id,
        "iss": ISSUER,
        "aud": ISSUER,
        "scope": "read:pets",
        "token_type": "Bearer",
    }
    assert told["exp"] - told["iat"] == 900
    assert told["jti"]
    assert await office.introspect(text, client) == told, "the same when it is asked again"


@pytest.mark.rfc("7662", "2.2")
@FORMS
async def test_of_what_does_not_hold_nothing_is_told(office: Office, form: str) -> None:
    client = await office.client(token=form)
    text = await office.token(client)
    changed = text[:-8] + ("A" if text[-8] != "A" else "B") + text[-7:]
    for other in (changed, text[:-1], "nonsense", "oat_", "eyJ.eyJ.x", "rt_" + "x" * 43, "é", "eyJ" + "x" * 9000):
        assert await office.introspect(other, client) == {"active": False}
    assert (await office.introspect(text, client))["active"]
    office.clock.ahead = 900
    assert await office.introspect(text, client) == {"active": False}, "expired"


@pytest.mark.rfc("7662", "2.1")
async def test_who_proves_nothing_is_told_nothing(office: Office) -> None:
    text = await office.token(await office.client())
    assert error(await office.post("/oauth/introspect", {"token": text})) == (401, "invalid_client")
    client = await office.client()
    assert error(await office.post("/oauth/introspect", {}, client)) == (400, "invalid_request")


@pytest.mark.rfc("7662", "4")
@FORMS
async def test_others_see_a_token_only_if_it_is_theirs_to_see(office: Office, form: str) -> None:
    owner = await office.client(token=form, audiences=(API,))
    text = await office.token(owner)
    assert await office.introspect(text, await office.client()) == {"active": False}
    assert await office.introspect(text, await office.client(audiences=(API,))) == {"active": False}, "another client of the same API"
    server = await office.client(scopes=frozenset({INTROSPECT}), audiences=(API,))
    assert (await office.introspect(text, server))["active"]
    another = await office.client(scopes=frozenset({INTROSPECT}), audiences=("https://other.example",))
    assert await office.introspect(text, another) == {"active": False}
    every = await office.client(scopes=frozenset({INTROSPECT}))
    assert (await office.introspect(text, every))["active"]


@pytest.mark.rfc("7662", "2.1")
async def test_a_service_a_key_and_a_token_may_ask_if_they_have_the_scope(office: Office) -> None:
    home, now = office.door.parts.home, office.clock()
    text = await office.token(await office.client())
    asked = {"token": text}
    for scopes, status in ((frozenset({INTROSPECT}), 200), (frozenset({"read:pets"}), 403)):
        name = "till" if status == 200 else "shop"
        service = await services.create(name, scopes, store=home.store, peppers=home.peppers, entropy=os.urandom, actor=LOCAL, now=now)
        maker = KeyMaker(peppers=home.peppers, sealer=home.sealer, entropy=os.urandom, options=office.door.parts.options.keys)
        key = await keys.create(KeyOrder(name=name, owner=name, scopes=scopes), store=home.store, maker=maker, actor=LOCAL, now=now)
        bearer = await office.token(await office.client(scopes=scopes))
        for sent in (
            await office.web.post("/oauth/introspect", data=asked, auth=(service.id, service.secret.reveal())),
            await office.web.post("/oauth/introspect", data=asked, headers={"X-API-Key": key.key.reveal()}),
            await office.web.post("/oauth/introspect", data=asked, headers={"Authorization": f"Bearer {bearer}"}),
        ):
            assert sent.status_code == status, sent.text
            if status == 200:
                assert sent.json()["active"]
            else:
                assert error(sent) == (403, "invalid_request")
    wrong = await office.web.post("/oauth/introspect", data=asked, auth=("svc_000000000000", "x" * 43))
    assert error(wrong) == (401, "invalid_client")


@pytest.mark.rfc("7662", "4")
@FORMS
async def test_a_clients_own_token_lets_it_see_no_more_than_its_secret_does(office: Office, form: str) -> None:
    server = await office.client(scopes={INTROSPECT}, audiences=(ISSUER, API), token=form)
    asked = {"Authorization": f"Bearer {await office.token(server, resource=ISSUER)}"}
    for audience, seen in ((API, True), ("https://other.example", False)):
        token = await office.token(await office.client(audiences=(audience,)))
        by_token = await office.web.post("/oauth/introspect", data={"token": token}, headers=asked)
        assert by_token.json()["active"] is (await office.introspect(token, server))["active"] is seen


@FORMS
async def test_all_tokens_of_a_subject_end_together_and_a_new_one_holds(office: Office, form: str) -> None:
    client = await office.client(token=form)
    parts = office.door.parts
    old = await office.token(client)
    assert (await office.introspect(old, client))["active"]
    await parts.revoke.subject(client.client.id, actor="me", now=office.clock())
    await parts.watch.catch_up()
    await asyncio.sleep(0.005)  # the store's version is asked once in two milliseconds
    assert await office.introspect(old, client) == {"active": False}
    new = await office.token(client)
    assert (await office.introspect(new, client))["active"]
    assert (await office.verify(new)).status_code == 200
    assert (await office.verify(old)).json()["code"] == "revoked_credential"


async def test_a_worker_that_does_not_know_what_was_revoked_tells_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await office.client()
    text = await office.token(client)
    monkeypatch.setattr(type(office.door.parts.watch), "healthy", False)
    assert error(await office.post("/oauth/introspect", {"token": text}, client)) == (503, "temporarily_unavailable")
