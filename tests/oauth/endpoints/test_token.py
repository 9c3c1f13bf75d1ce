import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doorward.admin import clients
from doorward.admin.actor import LOCAL
from doorward.core.event import Kind
from doorward.ledger.usage import ISSUED
from doorward.oauth.shown_client import JWT_BEARER
from tests.oauth.client_desk import KeyPair
from tests.oauth.office import ISSUER, SETTINGS, Office, an_office, basic, error

GRANT = {"grant_type": "client_credentials"}


@pytest.mark.rfc("6749", "5.1")
async def test_the_answer_is_one_that_no_cache_may_keep(office: Office) -> None:
    client = await office.client()
    answer = await office.post("/oauth/token", GRANT, client)
    told = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]
    assert set(told) == {"access_token", "token_type", "expires_in", "scope"}, "no refresh token"
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 900, "read:pets write:pets")


async def test_a_json_body_and_the_secret_in_the_body_do_too(office: Office) -> None:
    client = await office.client()
    id, secret = basic(client)
    asked = GRANT | {"client_id": id, "client_secret": secret}
    assert (await office.web.post("/oauth/token", json=asked)).status_code == 200
    assert (await office.web.post("/oauth/token", data=asked)).status_code == 200
    assert (await office.web.post("/oauth/token", data=asked, auth=(id, secret))).json()["error"] == "invalid_request"


@pytest.mark.rfc("6749", "5.2")
async def test_each_mistake_has_its_error(office: Office) -> None:
    client = await office.client()
    id, secret = basic(client)
    assert error(await office.post("/oauth/token", GRANT)) == (401, "invalid_client")
    wrong = await office.web.post("/oauth/token", data=GRANT, auth=(id, "x" * 43))
    assert error(wrong) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic realm=")
    assert error(await office.post("/oauth/token", {}, client)) == (400, "invalid_request")
    for grant in ("password", "implicit", "authorization_code", "nonsense"):
        assert error(await office.post("/oauth/token", {"grant_type": grant}, client)) == (400, "unsupported_grant_type")
    assert error(await office.web.post("/oauth/token", content=b"a=1", auth=(id, secret))) == (400, "invalid_request")
    twice = b"grant_type=client_credentials&grant_type=client_credentials"
    head = {"content-type": "application/x-www-form-urlencoded"}
    assert error(await office.web.post("/oauth/token", content=twice, headers=head, auth=(id, secret))) == (400, "invalid_request")
    large = await office.web.post("/oauth/token", content=b"a=" + b"1" * 20_000, headers=head, auth=(id, secret))
    assert error(large) == (413, "invalid_request")
    assert large.headers["connection"] == "close"


@pytest.mark.rfc("9110", "15.5.6")
async def test_only_post_is_taken(office: Office) -> None:
    for path in ("/oauth/token", "/oauth/introspect", "/oauth/revoke"):
        answer = await office.web.get(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
        assert (await office.web.head(path)).status_code == 405
        assert (await office.web.options(path)).status_code == 204


async def test_plain_http_from_another_machine_is_refused_in_oauths_words(office: Office) -> None:
    told = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http"}
    assert error(await office.post("/oauth/token", GRANT, await office.client(), headers=told)) == (403, "invalid_request")
    told["X-Forwarded-Proto"] = "https"
    assert (await office.post("/oauth/token", GRANT, await office.client(), headers=told)).status_code == 200


async def test_a_jwt_is_counted_and_not_journaled_and_an_opaque_one_is_one_row(office: Office) -> None:
    jwt, opaque = await office.client(), await office.client(token="opaque")
    parts = office.door.parts
    before = await parts.store.journal.latest()
    version = parts.store.credentials.version()
    for _ in range(3):
        await office.token(jwt)
    assert parts.store.credentials.version() == version, "nothing was written"
    token = await office.token(opaque)
    assert await parts.store.journal.latest() == before
    row = await parts.store.credentials.get(token[4:16])
    assert row is not None
    assert token not in repr(row)
    await parts.usage.flush(parts.store)
    for client, count in ((jwt, 3), (opaque, 1)):
        used = await parts.store.uses.read(client.client.id)
        assert [(use.outcome, use.count) for use in used] == [(ISSUED, count)]
    assert Kind.TOKEN_ISSUED not in [entry.event.kind for entry in await parts.store.journal.read()]


async def test_a_store_that_is_gone_is_503_with_when_to_come_back(office: Office) -> None:
    client = await office.client(token="opaque")
    await office.token(client)
    await office.door.parts.store.close()
    answer = await office.post("/oauth/token", GRANT, client)
    assert error(answer) == (503, "temporarily_unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_both_secrets_of_a_rotation_do_and_an_ended_client_gets_nothing(office: Office) -> None:
    client = await office.client()
    home = office.door.parts.home
    maker = clients.SecretMaker(peppers=home.peppers, entropy=home.entropy)
    newer = await clients.rotate_secret(client.client.id, store=home.store, maker=maker, actor=LOCAL, now=office.clock())
    assert newer.secret is not None
    for secret in (client.secret, newer.secret):
        answer = await office.web.post("/oauth/token", data=GRANT, auth=(client.client.id, secret.reveal() if secret else ""))
        assert answer.status_code == 200
    token = answer.json()["access_token"]
    assert (await office.verify(token)).status_code == 200
    await clients.end(client.client.id, store=home.store, actor=LOCAL, now=office.clock())
    await office.door.parts.watch.catch_up()
    await asyncio.sleep(0.003)
    assert error(await office.post("/oauth/token", GRANT, client)) == (401, "invalid_client")
    assert (await office.verify(token)).json()["code"] == "revoked_credential"


async def test_a_token_dies_with_a_client_that_was_ended_while_it_proved_itself(tmp_path: Path) -> None:
    key = KeyPair()

    async def keys(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await clients.end(id, store=office.door.parts.store, actor=LOCAL, now=office.clock())
        body = json.dumps({"keys": [key.public]}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    slow = await asyncio.start_server(keys, "127.0.0.1", 0)
    settings = SETTINGS + '[fetch]\nallow = ["127.0.0.1/32"]\n'
    async with slow, an_office(tmp_path, settings) as office:
        url = "http://127.0.0.1:{1}/keys".format(*slow.sockets[0].getsockname())
        id = (await office.client(auth="private_key_jwt", jwks_uri=url)).client.id
        now = int(office.clock())
        claims = {"iss": id, "sub": id, "aud": ISSUER, "exp": now + 60, "iat": now, "jti": "1"}
        shown = {"client_assertion": key.sign(claims), "client_assertion_type": JWT_BEARER}
        answer = await office.post("/oauth/token", GRANT | shown)
        assert answer.status_code == 200, "it was alive when it was looked for"
        await office.door.parts.watch.catch_up()
        assert (await office.verify(answer.json()["access_token"])).json()["code"] == "revoked_credential"


async def test_a_client_that_was_proven_before_it_was_ended_is_not_remembered_for_a_token_made_after(office: Office) -> None:
    client, parts = await office.client(), office.door.parts
    assert await office.introspect("x", client) == {"active": False}, "proven, and remembered"
    parts._version_until = float("inf")  # as in the two milliseconds in which the store's version is taken as read
    await clients.end(client.client.id, store=parts.store, actor=LOCAL, now=office.clock())
    assert error(await office.post("/oauth/token", GRANT, client)) == (401, "invalid_client")


async def test_no_body_makes_an_error_of_ours(office: Office) -> None:
    client = await office.client()
    known = [b"grant_type=client_credentials", b"scope=read:pets", b"resource=", b"&", b"token=", b"%ff", b'{"grant_type":"', b'"}']

    @given(
        path=st.sampled_from(["/oauth/token", "/oauth/introspect", "/oauth/revoke"]),
        body=st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(known), max_size=6).map(b"".join)),
        kind=st.sampled_from(["application/x-www-form-urlencoded", "application/json", "text/plain"]),
        known_client=st.booleans(),
    )
    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(path: str, body: bytes, kind: str, known_client: bool) -> None:
        async def ask() -> None:
            more: dict[str, Any] = {"auth": basic(client)} if known_client else {}
            answer = await office.web.post(path, content=body, headers={"content-type": kind}, **more)
            assert answer.status_code in (200, 400, 401), answer.text
            if answer.content:
                assert isinstance(json.loads(answer.content), dict)

        runs.append(ask)

    runs: list[Callable[[], Awaitable[None]]] = []  # on the office's own loop, which hypothesis cannot run
    holds()
    for ask in runs:
        await ask()
