"""Credentials that are shown together."""

from doorward.lab import stranger
from doorward.lab.stage import Demo


def show_together(demo: Demo) -> None:
    row = "together"
    made = demo.place.command("key", "create", "--name", "app", "--owner", "shop-app", "--scopes", "read:pets")
    key, token = stranger.api_key(str(made["key"])), stranger.bearer(demo.sign_in().json()["access_token"])
    demo.expect(row, "used", "a key for the application and a token for the person", key | token, path="/app-and-user")
    demo.expect(row, "refused", "the key alone", key, path="/app-and-user", status=401, code="missing_credential")
    hers = demo.place.command("key", "create", "--name", "hers", "--owner", "ada", "--scopes", "read:pets")
    person = stranger.api_key(str(hers["key"])) | token
    demo.expect(row, "refused", "a person's key as the application's", person, path="/app-and-user", status=401, code="invalid_credential")
    demo.expect(row, "refused", "two alternatives at once", key | token, status=401, code="invalid_credential")
    second = demo.place.command("key", "create", "--hmac", "--name", "robot", "--owner", "robot-app", "--scopes", "read:pets")
    signature = stranger.signed(str(second["id"]), str(second["secret"]), "GET", demo.url("/both"))
    demo.expect(row, "used", "a key and a signature, independent", key | signature, path="/both")
    ours = stranger.bearer(demo.token(demo.client("orders")))
    demo.expect(row, "refused", "a key beside another application's token", key | ours, path="/oauth-and-user", status=401)
    demo.place.command("key", "revoke", str(made["id"]))
    demo.expect_soon(row, "the key that was one half of it", lambda: key, "revoked_credential")
