"""Tokens for clients from `doorward serve --workers 2` over TLS, as other people's client libraries ask for them."""

import asyncio
import time
import warnings
from collections.abc import Iterator
from typing import Any

import authlib.deprecate  # noqa: F401 - it sets its own warnings to "always"; ours below come after
import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session
from oauthlib.oauth2 import BackendApplicationClient

from tests.trips.test_server import Served, asked, two_workers

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it says that httpx has a successor: spoken to as long as it is in use
    from authlib.integrations.httpx_client import AsyncOAuth2Client

WITHIN = 1.0
SETTINGS = """
[server]
issuer = "https://localhost:{port}"
trusted_proxies = ["127.0.0.1/32"]

[[route]]
path = "/pets/**"
allow = "oauth"
scopes = ["read:pets"]
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with two_workers(tmp_path_factory.mktemp("tokens"), SETTINGS) as place:
        yield place


def client(served: Served, form: str) -> dict[str, Any]:
    return served.command("client", "create", f"a {form} client", "--grant", "client_credentials", "--scopes", "read:pets", "--token", form)


def verify(served: Served, token: str) -> int:
    with httpx.Client(verify=served.trust(), base_url=served.url) as web:
        return web.get("/verify", headers=asked({"Authorization": f"Bearer {token}"})).status_code


FORMS = pytest.mark.parametrize("form", ["jwt", "opaque"])


@FORMS
@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
@pytest.mark.rfc("6749", "4.4")
async def test_authlib_gets_asks_about_and_ends_a_token(served: Served, form: str, way: str) -> None:
    made = client(served, form)
    async with AsyncOAuth2Client(
        made["client_id"], made["client_secret"], token_endpoint_auth_method=way, scope="read:pets", verify=served.trust()
    ) as web:
        token = await web.fetch_token(f"{served.url}/oauth/token", grant_type="client_credentials")
        assert (token["token_type"], token["scope"]) == ("Bearer", "read:pets")
        assert verify(served, token["access_token"]) == 200
        told = (await web.introspect_token(f"{served.url}/oauth/introspect", token=token["access_token"])).json()
        assert (told["active"], told["client_id"]) == (True, made["client_id"])
        ended = await web.revoke_token(f"{served.url}/oauth/revoke", token=token["access_token"], token_type_hint="access_token")
        assert ended.status_code == 200


def test_authlib_over_requests_and_oauthlib_understand_the_answers(served: Served) -> None:
    made = client(served, "jwt")
    with OAuth2Session(made["client_id"], made["client_secret"], scope="read:pets") as web:
        web.trust_env, web.verify = False, str(served.certificate)
        token = web.fetch_token(f"{served.url}/oauth/token", grant_type="client_credentials")
        assert verify(served, token["access_token"]) == 200
    theirs = BackendApplicationClient(made["client_id"], scope=["read:pets"])
    body = theirs.prepare_request_body(include_client_id=True, client_secret=made["client_secret"])
    with httpx.Client(verify=served.trust()) as web:
        head = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = web.post(f"{served.url}/oauth/token", content=body, headers=head)
    token = theirs.parse_request_body_response(answer.text)
    assert token.scope_changed is False
    assert verify(served, token["access_token"]) == 200


@FORMS
@pytest.mark.rfc("7009", "2.1")
async def test_a_revoked_token_is_inactive_in_all_workers_within_a_second(served: Served, form: str) -> None:
    made = client(served, form)
    auth = (made["client_id"], made["client_secret"])
    async with served.client() as web:
        asked_for = [web.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=auth) for _ in range(5)]
        tokens = [answer.json()["access_token"] for answer in await asyncio.gather(*asked_for)]
        for token in tokens:
            assert (await web.post("/oauth/introspect", data={"token": token}, auth=auth)).json()["active"]
            assert (await web.post("/oauth/revoke", data={"token": token}, auth=auth)).status_code == 200
            began = last_seen = time.monotonic()
            in_a_row = 0
            while in_a_row < 12:  # a new connection each time reaches every worker
                if (await web.post("/oauth/introspect", data={"token": token}, auth=auth)).json()["active"]:
                    in_a_row, last_seen = 0, time.monotonic()
                else:
                    in_a_row += 1
                assert time.monotonic() - began < 20
            assert last_seen - began < WITHIN
            assert verify(served, token) == 401


async def test_a_rotated_secret_works_beside_the_old_one_in_all_workers(served: Served) -> None:
    made = client(served, "jwt")
    newer = served.command("client", "rotate-secret", made["client_id"])
    async with served.client() as web:
        for secret in (made["client_secret"], newer["client_secret"]) * 6:
            answer = await web.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(made["client_id"], secret))
            assert answer.status_code == 200
        served.command("client", "revoke", made["client_id"])
        await asyncio.sleep(WITHIN)
        for _ in range(6):
            answer = await web.post(
                "/oauth/token", data={"grant_type": "client_credentials"}, auth=(made["client_id"], newer["client_secret"])
            )
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
