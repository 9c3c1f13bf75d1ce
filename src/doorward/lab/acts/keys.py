"""Keys that are sent, and keys that sign."""

import time

from doorward.lab import stranger
from doorward.lab.stage import Demo


def show_api_key(demo: Demo) -> None:
    row, create = "api_key", ("key", "create", "--name", "shop", "--owner", "shop-app", "--scopes")
    made = demo.place.command(*create, "read:pets")
    key = str(made["key"])
    demo.expect(row, "used", "a key in X-API-Key", stranger.api_key(key))
    demo.expect(row, "used", "the same key as a Bearer token", stranger.bearer(key))
    wrong = stranger.forged_key(key)
    demo.expect(row, "forged", "another secret with right check digits", stranger.api_key(wrong), status=401, code="invalid_credential")
    relabelled = stranger.relabelled_key(key, "live", "test")
    demo.expect(row, "forged", "the live key relabelled as test", stranger.api_key(relabelled), status=401, code="invalid_credential")
    twice = stranger.api_key(key) | stranger.bearer(key)
    demo.expect(row, "refused", "the key in two places at once", twice, status=401, code="invalid_credential")
    demo.expect(
        row, "refused", "a read-only scope that writes", stranger.api_key(key), method="POST", status=403, code="insufficient_scope"
    )
    for _ in range(3):
        demo.expect(row, "used", "within the limit of 3/m", stranger.api_key(key), path="/limited")
    demo.expect(row, "refused", "the fourth within a minute", stranger.api_key(key), path="/limited", status=429, code="rate_limited")
    test_key = str(demo.place.command(*create, "read:pets", "--env", "test")["key"])
    demo.expect(row, "refused", "a test key on a live route", stranger.api_key(test_key), status=401, code="invalid_credential")
    next_key = str(demo.place.command("key", "rotate", str(made["id"]), "--overlap", "1h")["key"])
    demo.expect(row, "used", "the old key during the overlap", stranger.api_key(key))
    demo.expect(row, "used", "the new key beside it", stranger.api_key(next_key))
    demo.place.command("key", "revoke", str(made["id"]))
    demo.expect_soon(row, "the old key, revoked by another process", lambda: stranger.api_key(key), "revoked_credential")
    demo.expect(row, "used", "the new key goes on", stranger.api_key(next_key))


def show_hmac(demo: Demo) -> None:
    row, body = "hmac", b'{"name": "Mia"}'
    made = demo.place.command("key", "create", "--hmac", "--name", "robot", "--owner", "robot-app", "--scopes", "read:pets write:pets")
    id, secret = str(made["id"]), str(made["secret"])
    demo.expect(row, "used", "a signed GET", stranger.signed(id, secret, "GET", demo.url("/pets?kind=parrot")), path="/pets?kind=parrot")
    headers = stranger.signed(id, secret, "POST", demo.url("/pets"), body)
    demo.expect(row, "used", "a signed POST with a body", headers, method="POST", body=body)
    demo.expect(row, "refused", "the same request again", headers, method="POST", body=body, status=401, code="replayed_request")
    headers = stranger.signed(id, secret, "POST", demo.url("/pets"), body)
    demo.expect(row, "forged", "another body", headers, method="POST", body=b'{"name": "Eve"}', status=401, code="invalid_credential")
    headers = stranger.signed(id, "guessed", "GET", demo.url("/pets"))
    demo.expect(row, "forged", "another secret", headers, status=401, code="invalid_credential")
    late = stranger.signed(id, secret, "GET", demo.url("/pets")) | {"X-Timestamp": str(int(time.time()) - 301)}
    demo.expect(row, "forged", "an altered timestamp", late, status=401)
    demo.place.command("key", "revoke", id)
    demo.expect_soon(row, "the key, revoked", lambda: stranger.signed(id, secret, "GET", demo.url("/pets")), "revoked_credential")
