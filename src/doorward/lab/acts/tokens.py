"""Tokens for applications (RFC 6749 section 4.4): JWT and opaque, asked about, taken back, bound to a key."""

import httpx

from doorward.client import DpopKey
from doorward.client.dpop import DpopProofs
from doorward.lab import stranger
from doorward.lab.stage import Demo


def show_access_token(demo: Demo) -> None:
    row = "access_token"
    made = demo.client("orders", "--token", "opaque")
    token = demo.token(made)
    demo.expect(row, "used", "an opaque token, on a route that takes oauth", stranger.bearer(token), path="/oauth-only")
    jwt = demo.token(demo.client("billing"))
    demo.expect(row, "used", "a JWT of our server, on the same route", stranger.bearer(jwt), path="/oauth-only")
    told = demo.ask("introspect", made, token=token).json()
    demo.tally.note(row, "used", "introspection tells that it is active", passed=told.get("active") is True, seen=str(told))
    forged = stranger.bearer(stranger.forged_key(token))
    demo.expect(row, "forged", "another secret with right check digits", forged, path="/oauth-only", status=401, code="invalid_credential")
    wrong = demo.ask("token", {**made, "client_secret": "guessed"}, grant_type="client_credentials")
    demo.check(row, "forged", "a wrong client secret", wrong, status=401, code="invalid_client")
    more = demo.ask("token", made, grant_type="client_credentials", scope="admin:keys")
    demo.check(row, "refused", "a scope that it may not ask for", more, status=400, code="invalid_scope")
    demo.expect(
        row, "refused", "a scope that it was not given", stranger.bearer(token), method="POST", status=403, code="insufficient_scope"
    )
    second = demo.place.command("client", "rotate-secret", made["client_id"])
    demo.check(row, "used", "the old secret beside the new one", demo.ask("token", made, grant_type="client_credentials"))
    demo.check(row, "used", "the new secret", demo.ask("token", {**made, **second}, grant_type="client_credentials"))
    demo.check(row, "used", "revocation by the client itself", demo.ask("revoke", made, token=token))
    demo.expect_soon(row, "the token that it gave back", lambda: stranger.bearer(token), "revoked_credential", path="/oauth-only")
    last = demo.token(made)
    demo.place.command("client", "revoke", made["client_id"])
    demo.expect_soon(row, "the tokens of a client that ended", lambda: stranger.bearer(last), "revoked_credential", path="/oauth-only")


def show_dpop(demo: Demo) -> None:
    row, path = "dpop", "/dpop-only"
    made, proofs = demo.client("till", "--dpop-bound"), DpopProofs(DpopKey.generate())
    request = httpx.Request("POST", f"{demo.door_url}/oauth/token")
    proofs.show(request)
    headers = {"DPoP": request.headers["dpop"]}
    answer = demo.ask("token", made, headers=headers, grant_type="client_credentials")
    demo.check(row, "used", "a token bound to a key of the client", answer)
    token = answer.json()["access_token"]

    def proven(url: str, method: str = "GET", by: DpopProofs = proofs) -> dict[str, str]:
        request = httpx.Request(method, url, headers={"Authorization": f"DPoP {token}"})
        by.show(request)
        return {"Authorization": f"DPoP {token}", "DPoP": request.headers["dpop"]}

    good = proven(demo.url(path))
    demo.expect(row, "used", "the token with a proof of the key", good, path=path)
    demo.expect(row, "refused", "the same proof again", good, path=path, status=401, code="replayed_request")
    demo.expect(row, "forged", "the stolen token as Bearer", stranger.bearer(token), path=path, status=401, code="invalid_credential")
    demo.expect(row, "forged", "... where nothing is said of DPoP", stranger.bearer(token), status=401, code="invalid_credential")
    other = proven(demo.url(path), by=DpopProofs(DpopKey.generate()))
    demo.expect(row, "forged", "a proof of another key", other, path=path, status=401, code="invalid_credential")
    elsewhere = proven("https://elsewhere.example" + path)
    demo.expect(row, "forged", "a proof made for another server", elsewhere, path=path, status=401, code="invalid_credential")
    demo.expect(
        row, "forged", "a proof of another method", proven(demo.url(path), "POST"), path=path, status=401, code="invalid_credential"
    )
    unbound = stranger.bearer(demo.token(demo.client("plain")))
    demo.expect(row, "refused", "a token that is bound to no key", unbound, path=path, status=401, code="invalid_credential")
    demo.place.command("client", "revoke", made["client_id"])
    demo.expect_soon(row, "the token, its client revoked", lambda: proven(demo.url(path)), "revoked_credential", path=path)
