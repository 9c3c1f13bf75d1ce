"""Requests and bodies that are signed: RFC 9421, and the four forms of webhooks."""

from doorward.client import HttpSignature
from doorward.core.secret import Secret
from doorward.crypto.signature_algorithms import generate
from doorward.lab import stranger
from doorward.lab.stage import Demo
from doorward.webhooks import sign

ALGORITHMS = ("ed25519", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-pss-sha512", "rsa-v1_5-sha256")


def show_http_signature(demo: Demo) -> None:
    row, body = "http_signature", b'{"name": "Mia"}'
    words = ("key", "create", "--name", "robot", "--owner", "robot-app", "--scopes", "read:pets write:pets")
    for alg in ALGORITHMS:
        made = demo.place.command(*words, "--keypair", "--alg", alg)
        auth = HttpSignature.of_pem(str(made["id"]), str(made["private_key"]), alg=alg)
        fields = demo.signed(auth, "GET", "/pets?kind=parrot")
        demo.expect(row, "used", f"a key pair, {alg}", fields, path="/pets?kind=parrot")
    made = demo.place.command(*words, "--alg", "hmac-sha256")
    shared = HttpSignature(str(made["id"]), Secret(str(made["secret"])))
    demo.expect(row, "used", "a shared secret, hmac-sha256", demo.signed(shared, "GET", "/pets"))
    headers = demo.signed(shared, "POST", "/pets", body)
    demo.expect(row, "used", "a body under its Content-Digest", headers, method="POST", body=body)
    demo.expect(row, "refused", "the same request again", headers, method="POST", body=body, status=401, code="replayed_request")
    headers = demo.signed(shared, "POST", "/pets", body)
    demo.expect(row, "forged", "another body", headers, method="POST", body=b'{"name": "Eve"}', status=401, code="invalid_credential")
    demo.expect(row, "forged", "another path", demo.signed(shared, "GET", "/pets/1"), path="/pets/2", status=401, code="invalid_credential")
    stolen = HttpSignature(str(made["id"]), generate("ed25519"))
    demo.expect(row, "forged", "another key", demo.signed(stolen, "GET", "/pets"), status=401, code="invalid_credential")
    late = HttpSignature(str(made["id"]), Secret(str(made["secret"])), clock=lambda: demo.now() - 400)
    demo.expect(row, "refused", "signed 400 seconds ago", demo.signed(late, "GET", "/pets"), status=401, code="stale_request")
    demo.place.command("key", "revoke", str(made["id"]))
    demo.expect_soon(row, "the key, revoked", lambda: demo.signed(shared, "GET", "/pets"), "revoked_credential")


def show_webhooks(demo: Demo) -> None:
    row, body = "webhook", b'{"type": "pet.adopted", "id": 7}'
    key = stranger.api_key(str(demo.place.command("key", "create", "--name", "hook", "--owner", "stripe", "--scopes", "read:pets")["key"]))
    for form in ("standard", "github", "stripe", "slack"):
        made = demo.place.command("webhook", "add", form, "--form", form)
        secret, path = Secret(str(made["secret"])), f"/hooks/{form}"
        headers = sign(form, body, secret)
        demo.expect(row, "used", f"signed as {form} does", headers, path=path, method="POST", body=body)
        demo.expect(row, "refused", "the same again", headers, path=path, method="POST", body=body, status=401, code="replayed_request")
        forged = sign(form, body, secret)
        demo.expect(
            row, "forged", "another body", forged, path=path, method="POST", body=body + b" ", status=401, code="invalid_credential"
        )
        if form == "stripe":
            headers = key | sign(form, body + b"\n", secret)
            demo.expect(row, "used", "an API key and a webhook's signature", headers, path="/both-hooks", method="POST", body=body + b"\n")
        demo.place.command("webhook", "revoke", form)
    demo.expect_soon(row, "a sender, revoked", lambda: sign(form, body, secret), "revoked_credential", path=path, method="POST", body=body)
