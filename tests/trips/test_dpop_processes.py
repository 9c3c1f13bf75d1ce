"""DPoP over `doorward serve --workers 2`: nonces that one worker gave and proofs that one has seen are known to the other,
and after a restart."""

import asyncio
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from doorward.client import ClientCredentials, DpopKey
from doorward.lab.place import free_port
from tests.methods.dpop_client import DpopClient
from tests.trips.test_server import Served, two_workers

PASSWORD = "correct horse"
SETTINGS = """
[server]
issuer = "https://localhost:{port}"
trusted_proxies = ["127.0.0.1/32"]

[dpop]
nonce = "required"
nonce_life = "1h"

[[route]]
path = "/pets/**"
allow = "oauth bound by dpop"
"""
PUBLIC = "https://pets.example/pets/1"
CLIENT = DpopClient()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with two_workers(tmp_path_factory.mktemp("dpop"), SETTINGS) as place:
        place.command("account", "create", "ada", "--scopes", "read:pets", "--password-stdin", stdin=PASSWORD + "\n")
        yield place


def asked(fields: list[tuple[str, str]], target: str = "/pets/1") -> list[tuple[str, str]]:
    """As a listed proxy asks /verify."""
    told = [("X-Original-Method", "GET"), ("X-Original-URI", target), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "pets.example")]
    return [*fields, *told, ("X-Forwarded-For", "192.0.2.7")]


async def tokens(served: Served, web: httpx.AsyncClient, nonce: str | None = None) -> tuple[dict[str, Any], str]:
    """Bound ones, and the nonce that was asked for."""
    uri, form = f"{served.url}/auth/login", {"username": "ada", "password": PASSWORD}
    if nonce is None:
        refused = await web.post("/auth/login", json=form, headers={"DPoP": CLIENT.proof("POST", uri, at=time.time())})
        assert refused.status_code == 401
        assert 'error="use_dpop_nonce"' in refused.headers["www-authenticate"]
        nonce = refused.headers["dpop-nonce"]
    answer = await web.post("/auth/login", json=form, headers={"DPoP": CLIENT.proof("POST", uri, at=time.time(), nonce=nonce)})
    assert answer.status_code == 200, answer.text
    return answer.json(), nonce


@pytest.mark.rfc("9449", "8")
async def test_a_nonce_of_one_worker_is_taken_by_the_other(served: Served) -> None:
    async with served.client() as web:
        told, nonce = await tokens(served, web)
        for _ in range(20):
            fields = CLIENT.fields("GET", PUBLIC, told["access_token"], at=time.time(), nonce=nonce)
            answer = await web.get("/verify", headers=asked(fields))
            assert (answer.status_code, answer.headers["x-auth-subject"]) == (200, "ada")


@pytest.mark.rfc("9449", "11.1")
async def test_of_one_proof_shown_to_two_processes_at_once_one_use_is_taken(served: Served) -> None:
    async with served.client() as web:
        told, nonce = await tokens(served, web)
        for _ in range(3):
            fields = asked(CLIENT.fields("GET", PUBLIC, told["access_token"], at=time.time(), nonce=nonce))
            answers = await asyncio.gather(*(web.get("/verify", headers=fields) for _ in range(16)))
            assert sorted(answer.status_code for answer in answers) == [200] + [401] * 15
            assert {answer.json()["code"] for answer in answers if answer.status_code == 401} == {"replayed_request"}


async def test_a_token_request_is_taken_once_over_two_processes_too(served: Served) -> None:
    async with served.client() as web:
        told, nonce = await tokens(served, web)
        uri, body = f"{served.url}/auth/refresh", {"refresh_token": told["refresh_token"]}
        field = {"DPoP": CLIENT.proof("POST", uri, at=time.time(), nonce=nonce)}
        answers = await asyncio.gather(*(web.post("/auth/refresh", json=body, headers=field) for _ in range(12)))
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * 11


@pytest.mark.rfc("9449", "5")
@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_a_clients_tokens_are_bound_at_the_token_endpoint(served: Served, form: str) -> None:
    made = served.command(
        "client", "create", f"till-{form}", "--grant", "client_credentials", "--scopes", "read:pets", "--token", form, "--dpop-bound"
    )
    uri, auth = f"{served.url}/oauth/token", (made["client_id"], made["client_secret"])
    async with served.client() as web:

        async def ask(**more: Any) -> httpx.Response:
            field = {"DPoP": CLIENT.proof("POST", uri, at=time.time(), **more)} if more else {}
            return await web.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=auth, headers=field)

        without = await ask()
        assert (without.status_code, without.json()["error"]) == (400, "invalid_dpop_proof")
        lacking = await ask(nonce="garbage")
        assert (lacking.status_code, lacking.json()["error"]) == (400, "use_dpop_nonce")
        nonce = lacking.headers["dpop-nonce"]
        elsewhere = await ask(nonce=nonce, htu="https://evil.example/oauth/token")
        assert (elsewhere.status_code, elsewhere.json()["error"]) == (400, "invalid_dpop_proof")
        told = (await ask(nonce=nonce)).json()
        assert told["token_type"] == "DPoP"
        fields = CLIENT.fields("GET", PUBLIC, told["access_token"], at=time.time(), nonce=nonce)
        assert (await web.get("/verify", headers=asked(fields))).status_code == 200
        for stolen in (
            [("Authorization", f"Bearer {told['access_token']}")],
            DpopClient("EdDSA").fields("GET", PUBLIC, told["access_token"], at=time.time(), nonce=nonce),
        ):
            assert (await web.get("/verify", headers=asked(stolen))).status_code == 401


async def test_our_own_client_gets_a_bound_token_and_calls_a_guarded_service_with_it(served: Served) -> None:
    made = served.command("client", "create", "robot", "--grant", "client_credentials", "--scopes", "read:pets", "--dpop-bound")
    port = free_port()
    served.serve_app("doorward.lab.pets:app", port)
    key = DpopKey.generate("EdDSA")
    auth = ClientCredentials(f"{served.url}/oauth/token", made["client_id"], made["client_secret"], scopes="read:pets", dpop=key)
    try:
        async with httpx.AsyncClient(verify=served.trust(), base_url=f"https://localhost:{port}", auth=auth) as web:
            for target in ("/pets/1?a=b", "/pets/1", "/pets/%7Eann"):
                answer = await web.get(target)
                assert (answer.status_code, answer.json()["caller"]) == (200, made["client_id"])
            token = answer.request.headers["authorization"].removeprefix("DPoP ")
        async with httpx.AsyncClient(verify=served.trust(), base_url=f"https://localhost:{port}") as thief:
            assert (await thief.get("/pets", headers={"Authorization": f"Bearer {token}"})).status_code == 401
    finally:
        service = served.processes.pop()
        service.terminate()
        await asyncio.to_thread(service.wait, 20)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_proof_that_was_used_before_a_restart_is_refused_after_it(served: Served, how: signal.Signals) -> None:
    async with served.client() as web:
        told, nonce = await tokens(served, web)
        fields = asked(CLIENT.fields("GET", PUBLIC, told["access_token"], at=time.time(), nonce=nonce))
        assert (await web.get("/verify", headers=fields)).status_code == 200
        process = served.processes.pop()
        process.send_signal(how)
        await asyncio.to_thread(process.wait, 20)
        for _ in range(100):  # the workers of a killed parent leave by themselves
            try:
                await web.get("/healthz")
            except httpx.TransportError:
                break
            await asyncio.sleep(0.1)
        await asyncio.to_thread(served.start)
        answer = await web.get("/verify", headers=fields)
        assert answer.status_code == 401
        assert answer.json()["code"] in ("replayed_request", "stale_request")
        assert 'error="invalid_dpop_proof"' in answer.headers["www-authenticate"]
        fields = asked(CLIENT.fields("GET", PUBLIC, told["access_token"], at=time.time() + 2, nonce=nonce))
        assert (await web.get("/verify", headers=fields)).status_code == 200  # the nonce outlives the restart, a new proof is taken
