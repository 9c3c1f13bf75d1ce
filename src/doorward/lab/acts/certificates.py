"""Certificates of the connection: from the local authority, alone, beside a key, and as what a token is bound to."""

import time
from pathlib import Path

import httpx

from doorward.client import mutual_tls
from doorward.crypto.certificate import self_signed
from doorward.lab import stranger
from doorward.lab.stage import Demo

NAME = "spiffe://example.org/orders"


def show_mtls(demo: Demo) -> None:
    row, path = "mtls", "/mtls-only"
    made = demo.certificate("orders", NAME)
    demo.expect(row, "used", f"the certificate of {NAME}", {}, path=path, by=made)
    demo.expect(row, "refused", "no certificate", {}, path=path, status=401, code="missing_credential")
    stranger_s = demo.folder("stranger")
    pem, key = self_signed(("orders.example.org",), time.time())
    (stranger_s / "cert.pem").write_bytes(pem)
    (stranger_s / "key.pem").write_bytes(key)
    _expect_no_handshake(demo, row, "a certificate that nobody here signed", stranger_s, path)
    forged = {"Client-Cert": ":AAAA:", "X-Forwarded-Client-Cert": f"URI={NAME}", "X-SSL-Client-Cert": "x"}
    demo.expect(row, "forged", "the header fields of a proxy, from no proxy", forged, path=path, status=401, code="missing_credential")
    both = stranger.api_key(str(demo.place.command("key", "create", "--name", "k", "--owner", NAME, "--scopes", "read:pets")["key"]))
    demo.expect(row, "used", "a certificate and an API key of one owner", both, path="/mtls-and-key", by=made)
    other = stranger.api_key(str(demo.place.command("key", "create", "--name", "k", "--owner", "eve", "--scopes", "read:pets")["key"]))
    demo.expect(row, "refused", "... and the key of another", other, path="/mtls-and-key", by=made, status=401, code="invalid_credential")
    demo.place.command("cert", "revoke", demo.serial(made))
    demo.expect_soon(row, "the certificate, revoked", dict, "revoked_credential", path=path, by=made)


def show_bound_to_a_certificate(demo: Demo) -> None:
    row, path = "mtls + oauth", "/mtls-and-oauth"
    made = demo.certificate("ledger", "spiffe://example.org/ledger")
    other = demo.certificate("mallory", "spiffe://example.org/mallory")
    client = demo.client("ledger", "--auth", "tls_client_auth", "--tls-san-uri", "spiffe://example.org/ledger", "--certificate-bound")
    answer = demo.ask("token", client, by=made, grant_type="client_credentials")
    demo.check(row, "used", "a client that proves itself by its certificate", answer)
    token = stranger.bearer(str(answer.json().get("access_token")))
    refused = demo.ask("token", client, by=other, grant_type="client_credentials")
    demo.check(row, "forged", "the client's name with another certificate", refused, status=401, code="invalid_client")
    demo.expect(row, "used", "the token on a connection with that certificate", token, path=path, by=made)
    demo.expect(row, "used", "... on a route that asks for oauth only", token, path="/oauth-only", by=made)
    demo.expect(row, "forged", "the stolen token without it", token, path="/oauth-only", status=401, code="invalid_credential")
    demo.expect(row, "forged", "the stolen token with another", token, path=path, by=other, status=401, code="invalid_credential")
    hers = stranger.bearer(demo.sign_in().json()["access_token"])
    demo.expect(row, "refused", "a token that is bound to nothing", hers, path=path, by=made, status=401, code="invalid_credential")
    demo.expect(row, "used", "mtls and jwt, independent", hers, path="/mtls-and-jwt", by=made)
    demo.place.command("cert", "revoke", demo.serial(made))
    demo.expect_soon(row, "the certificate under the token, revoked", lambda: token, "revoked_credential", path=path, by=made)


def _expect_no_handshake(demo: Demo, row: str, what: str, folder: Path, path: str) -> None:
    """TLS itself refuses it, or the method does."""
    try:
        with httpx.Client(verify=mutual_tls(folder / "cert.pem", folder / "key.pem", ca=demo.place.certificate)) as web:
            seen = str(web.get(demo.url(path)).status_code)
    except httpx.TransportError:
        seen = "no handshake"
    demo.tally.note(row, "forged", f"{what} -> no handshake or 401", passed=seen in ("no handshake", "401"), seen=seen)
