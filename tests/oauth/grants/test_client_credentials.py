import base64

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from doorward.core.presented import Presented
from doorward.core.request import Request
from doorward.crypto.jose import parse_jwt
from doorward.oauth import possession
from doorward.oauth.errors import OAuthError
from doorward.oauth.form import Form
from doorward.oauth.parts import Asked
from doorward.server import _oauth_parts
from tests.methods.dpop_client import DpopClient
from tests.methods.place import request
from tests.oauth.client_certificates import a_leaf
from tests.oauth.office import ISSUER, Office, error

GRANT = {"grant_type": "client_credentials"}
API, OTHER = "https://api.example", "https://other.example/v1"


@pytest.mark.rfc("9068", "2.2")
async def test_another_library_verifies_the_token_with_our_published_keys(office: Office) -> None:
    client = await office.client()
    text = await office.token(client, scope="read:pets")
    keys = KeySet.import_key_set((await office.web.get("/oauth/jwks")).json())
    token = jwt.decode(text, keys, algorithms=["ES256"])
    assert (token.header["typ"], token.header["alg"]) == ("at+jwt", "ES256")
    claims = token.claims
    id = client.client.id
    assert (claims["iss"], claims["aud"], claims["sub"], claims["client_id"], claims["scope"]) == (ISSUER, ISSUER, id, id, "read:pets")
    assert claims["exp"] - claims["iat"] == 900
    assert claims["jti"] != parse_jwt(await office.token(client)).claims["jti"]


@pytest.mark.rfc("6749", "3.3")
async def test_scopes_may_be_narrowed_and_never_widened(office: Office) -> None:
    client = await office.client()
    narrowed = await office.post("/oauth/token", GRANT | {"scope": "read:pets"}, client)
    assert narrowed.json()["scope"] == "read:pets"
    for scope in ("admin:keys", "read:pets admin:keys", "read:pets  write:pets", " read:pets", 'a"b', "x" * 5000):
        assert error(await office.post("/oauth/token", GRANT | {"scope": scope}, client)) == (400, "invalid_scope")
    bare = await office.post("/oauth/token", GRANT, await office.client(scopes=frozenset()))
    assert "scope" not in bare.json()
    assert "scope" not in parse_jwt(bare.json()["access_token"]).claims


@pytest.mark.rfc("8707", "2")
@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_resources_are_those_of_the_client(office: Office, form: str) -> None:
    client = await office.client(audiences=(API, OTHER), token=form)
    assert (await office.introspect(await office.token(client), client))["aud"] == [API, OTHER]
    assert (await office.introspect(await office.token(client, resource=API), client))["aud"] == API
    assert (await office.introspect(await office.token(client, resource=[API, OTHER]), client))["aud"] == [API, OTHER]
    assert (await office.introspect(await office.token(client, audience=OTHER), client))["aud"] == OTHER
    for resource in (ISSUER, "https://api.example/", "nonsense", f"{API}#x"):
        assert error(await office.post("/oauth/token", GRANT | {"resource": resource}, client)) == (400, "invalid_target")
    plain = await office.client()
    assert (await office.introspect(await office.token(plain, resource=ISSUER), plain))["aud"] == ISSUER
    assert error(await office.post("/oauth/token", GRANT | {"resource": API}, plain)) == (400, "invalid_target")


async def test_a_client_may_choose_the_life_and_the_form(office: Office) -> None:
    client = await office.client(access_life=60.0, token="opaque")
    answer = (await office.post("/oauth/token", GRANT, client)).json()
    assert answer["expires_in"] == 60
    assert answer["access_token"].startswith("oat_")
    assert len(answer["access_token"]) == 65
    assert (await office.verify(answer["access_token"])).status_code == 200
    office.clock.ahead = 61
    assert (await office.verify(answer["access_token"])).json()["code"] == "expired_credential"
    assert await office.introspect(answer["access_token"], client) == {"active": False}


async def asked_with(request: Request, office: Office) -> Asked:
    return Asked(Form({}), office.door.parts.gate.open(request))


@pytest.mark.rfc("8705", "3")
async def test_a_certificate_bound_client_must_show_one(office: Office) -> None:
    client = await office.client(certificate_bound=True)
    assert error(await office.post("/oauth/token", GRANT, client)) == (400, "invalid_request")
    parts, certificate = _oauth_parts(office.door.parts), Presented((b"a certificate in DER",))
    with pytest.raises(OAuthError):
        await possession.shown_keys(
            client.client, await asked_with(request()._replace(certificate=Presented((), uri="spiffe://a/b")), office), parts
        )
    shown = await possession.shown_keys(client.client, await asked_with(request()._replace(certificate=certificate), office), parts)
    assert shown.keys == {certificate.key}


@pytest.mark.rfc("8705", "3.1")
@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_a_certificate_bound_token_is_worth_nothing_without_its_certificate(office: Office, form: str) -> None:
    """As a listed proxy tells it (RFC 9440)."""
    client = await office.client(certificate_bound=True, token=form)
    mine, other = (base64.b64encode(a_leaf()).decode() for _ in range(2))
    head = {"Client-Cert": f":{mine}:", "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
    answer = await office.post("/oauth/token", GRANT, client, headers=head)
    assert (answer.status_code, answer.json().get("token_type")) == (200, "Bearer"), answer.text
    text = answer.json()["access_token"]
    assert (await office.introspect(text, client))["cnf"].keys() == {"x5t#S256"}
    assert (await office.verify(text, **{"Client-Cert": f":{mine}:"})).status_code == 200
    assert (await office.verify(text, **{"Client-Cert": f":{other}:"})).status_code == 401
    assert (await office.verify(text)).status_code == 401


@pytest.mark.rfc("9449", "5.2")
async def test_a_dpop_bound_client_must_send_a_proof(office: Office) -> None:
    client = await office.client(dpop_bound=True)
    assert error(await office.post("/oauth/token", GRANT, client)) == (400, "invalid_dpop_proof")
    assert error(await office.post("/oauth/token", GRANT, client, headers={"DPoP": "nonsense"})) == (400, "invalid_dpop_proof")


@pytest.mark.rfc("9449", "5")
@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_a_token_asked_for_with_a_proof_is_bound_to_its_key(office: Office, form: str) -> None:
    client, prover = await office.client(token=form), DpopClient()
    proof = prover.proof("POST", f"{ISSUER}/oauth/token", at=int(office.clock()))
    answer = await office.post("/oauth/token", GRANT, client, headers={"DPoP": proof})
    assert answer.json()["token_type"] == "DPoP", answer.text
    told = await office.introspect(answer.json()["access_token"], client)
    assert told["cnf"] == {"jkt": prover.jkt}
    assert told["token_type"] == "DPoP"
    again = await office.post("/oauth/token", GRANT, client, headers={"DPoP": proof})
    assert error(again) == (400, "invalid_dpop_proof"), "a proof counts once"
    text = answer.json()["access_token"]
    assert (await office.verify(text)).status_code == 401, "a stolen one is worth nothing"
    with_proof = prover.proof("GET", "https://api.example/pets", text, at=int(office.clock()))
    told_host = {"X-Forwarded-Host": "api.example", "DPoP": with_proof}
    assert (await office.verify(text, "DPoP", **told_host)).status_code == 200
