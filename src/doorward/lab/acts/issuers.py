"""Tokens of another issuer: a second doorward, found by discovery, its keys fetched, its claims mapped by rule."""

from doorward.lab import stranger
from doorward.lab.stage import Demo


def show_another_issuer(demo: Demo) -> None:
    row = "other issuer"
    token = demo.foreign_token()
    demo.expect(row, "used", "a token of the other issuer, its claims mapped to scopes", stranger.bearer(token), path="/pets")
    demo.expect(
        row, "refused", "... is no oauth of ours", stranger.bearer(token), path="/oauth-only", status=401, code="invalid_credential"
    )
    forged = stranger.bearer(stranger.altered_token(token, sub="root"))
    demo.expect(row, "forged", "other claims under the same signature", forged, status=401, code="invalid_credential")
    unsigned = stranger.bearer(stranger.unsigned_token(token))
    demo.expect(row, "forged", "alg none", unsigned, status=401, code="invalid_credential")
    ours = stranger.bearer(stranger.altered_token(token, iss=demo.door_url))
    demo.expect(row, "forged", "our own name as the issuer", ours, status=401, code="invalid_credential")
    demo.place.command("token", "revoke", "-", stdin=token)
    demo.expect_soon(row, "the foreign token, revoked here", lambda: stranger.bearer(token), "revoked_credential")
