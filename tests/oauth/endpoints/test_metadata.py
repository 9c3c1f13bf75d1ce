from pathlib import Path

import pytest

from doorward.oauth.endpoints.metadata import mounts, well_known_paths
from tests.oauth.office import ISSUER, Office, an_office

WELL_KNOWN = "/.well-known/oauth-authorization-server"


@pytest.mark.rfc("8414", "3.1")
@pytest.mark.parametrize(
    ("issuer", "paths"),
    [
        ("https://example.com", {WELL_KNOWN}),
        ("https://example.com/", {WELL_KNOWN}),
        ("https://example.com/issuer1", {f"{WELL_KNOWN}/issuer1", f"/issuer1{WELL_KNOWN}"}),
        ("https://example.com/issuer1/", {f"{WELL_KNOWN}/issuer1", f"/issuer1{WELL_KNOWN}"}),
    ],
)
def test_where_the_metadata_is_looked_for(issuer: str, paths: set[str]) -> None:
    """Both examples of the RFC, each also with a slash at the end."""
    assert {path.rstrip("/") for path in well_known_paths(issuer)} == paths
    assert len(well_known_paths(issuer)) == 2 * len(paths)


def test_endpoints_stand_below_the_issuers_path_too() -> None:
    assert mounts("https://example.com/", "/oauth/token") == ("/oauth/token",)
    assert mounts("https://example.com/t/", "/oauth/token") == ("/oauth/token", "/t/oauth/token")


@pytest.mark.rfc("8414", "2")
async def test_what_is_told_is_what_is_built(office: Office) -> None:
    answer = await office.web.get(WELL_KNOWN)
    told = answer.json()
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (await office.web.get(WELL_KNOWN, headers={"If-None-Match": answer.headers["etag"]})).status_code == 304
    assert told["issuer"] == ISSUER
    assert told["grant_types_supported"] == ["client_credentials"]
    assert told["response_types_supported"] == []
    assert told["tls_client_certificate_bound_access_tokens"] is True
    assert "mtls_endpoint_aliases" not in told
    assert "none" not in str(told.values())
    for name in ("token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        assert (await office.post(told[name].removeprefix(ISSUER), {})).status_code in (400, 401)
        assert told[f"{name}_auth_methods_supported"]
    assert (await office.web.get(told["jwks_uri"].removeprefix(ISSUER))).json()["keys"]
    preflight = await office.web.options(WELL_KNOWN, headers={"Origin": "https://app.example", "Access-Control-Request-Method": "GET"})
    assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (204, "GET, HEAD")
    assert (await office.web.post(WELL_KNOWN)).status_code == 405
    assert (await office.web.head(WELL_KNOWN)).content == b""
    assert (await office.web.get("/.well-known/openid-configuration")).status_code == 404, "not before it is true"


@pytest.mark.rfc("8414", "3.3")
async def test_an_issuer_with_a_path_is_served_below_it(tmp_path: Path) -> None:
    settings = '[server]\nissuer = "http://127.0.0.1:8000/tenant/"\n[oauth]\nmtls_url = "https://mtls.example/tenant/"\n'
    async with an_office(tmp_path, settings) as office:
        client = await office.client()
        for path in (f"{WELL_KNOWN}/tenant", f"{WELL_KNOWN}/tenant/", f"/tenant{WELL_KNOWN}"):
            told = (await office.web.get(path)).json()
            assert told["issuer"] == f"{ISSUER}/tenant/"
            assert told["token_endpoint"] == f"{ISSUER}/tenant/oauth/token"
            assert told["mtls_endpoint_aliases"]["token_endpoint"] == "https://mtls.example/tenant/oauth/token"
        for path in ("/oauth/token", "/tenant/oauth/token"):
            assert (await office.post(path, {"grant_type": "client_credentials"}, client)).status_code == 200
        assert (await office.web.get("/tenant/oauth/jwks")).json() == (await office.web.get("/oauth/jwks")).json()
