"""`doorward client` as it is typed."""

import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.cli.conftest import Ask, Run
from tests.oauth.client_certificates import a_leaf
from tests.oauth.client_desk import KeyPair


def test_a_client_is_made_shown_rotated_and_revoked(ask: Ask, run: Run) -> None:
    made = ask(
        *("client", "create", "Till", "--grant", "client_credentials", "--scopes", "read:pets write:pets", "--token", "opaque"),
        *("--access-life", "5m", "--audience", "https://api.example", "--dpop-bound"),
    )
    id, secret = made["client_id"], made["client_secret"]
    assert (made["client_name"], made["scope"], made["grant_types"]) == ("Till", "read:pets write:pets", ["client_credentials"])
    assert (made["access_token_format"], made["access_token_life"], made["dpop_bound_access_tokens"]) == ("opaque", 300.0, True)
    new = ask("client", "rotate-secret", id, "--overlap", "2h")
    assert new["client_secret"] != secret
    assert new["old_secret_ends_at"]
    shown = ask("client", "show", id)
    assert [each["number"] for each in shown["secrets"]] == [2, 1]
    assert [each["client_id"] for each in ask("client", "list")["clients"]] == [id]
    assert ask("client", "rotate-secret", id, "--now")["old_secret_ends_at"] is None
    assert [each["number"] for each in ask("client", "show", id)["secrets"]] == [3]
    assert ask("client", "change", id, "--scopes", "read:pets", "--name", "Cash desk", "--no-dpop-bound")["scope"] == "read:pets"
    assert ask("client", "revoke", id, "--why", "sold")["ended_at"]
    assert run("client", "rotate-secret", id).exit_code == 1
    every = run("audit", "export").stdout + run("client", "list").stdout + run("client", "show", id).stdout
    assert "client.ended" in every
    for each in (secret, new["client_secret"]):
        assert each not in every


def test_people_read_the_same(run: Run) -> None:
    made = run("client", "create", "Till")
    assert "client_secret  " in made.stdout
    assert "shown once" in made.stdout
    id = made.stdout.split()[1]
    assert f"{id}  Till  client_secret  client_credentials" in run("client", "list").stdout
    assert "secret …" in run("client", "show", id).stdout
    assert "works until" in run("client", "rotate-secret", id).stdout
    assert "there are no clients" not in run("client", "list").stdout


def test_keys_certificates_and_names_say_how_a_client_proves_itself(ask: Ask, tmp_path: Path) -> None:
    keys, der, pem = tmp_path / "keys.json", tmp_path / "till.der", tmp_path / "till.pem"
    keys.write_text(json.dumps({"keys": [KeyPair().public]}))
    der.write_bytes(a_leaf())
    pem.write_bytes(x509.load_der_x509_certificate(a_leaf()).public_bytes(Encoding.PEM))
    for words, auth in (
        (("--jwks", str(keys)), "private_key_jwt"),
        (("--jwks-uri", "https://till.example/keys.json"), "private_key_jwt"),
        (("--jwks-uri", "https://till.example/keys.json", "--auth", "self_signed_tls_client_auth"), "self_signed_tls_client_auth"),
        (("--certificate", str(der), "--certificate", str(pem)), "self_signed_tls_client_auth"),
        (("--tls-subject-dn", "CN=till,O=Example", "--certificate-bound"), "tls_client_auth"),
        (("--tls-san-dns", "till.example"), "tls_client_auth"),
        (("--tls-san-uri", "spiffe://example.org/till"), "tls_client_auth"),
        (("--tls-san-ip", "192.0.2.1"), "tls_client_auth"),
        (("--tls-san-email", "till@example.org"), "tls_client_auth"),
    ):
        made = ask("client", "create", "Till", *words)
        assert made["token_endpoint_auth_method"] == auth
        assert "client_secret" not in made
    changed = ask("client", "change", ask("client", "create", "x", "--jwks", str(keys))["client_id"], "--jwks-uri", "https://x.example/k")
    assert (changed["jwks_uri"], "jwks" in changed) == ("https://x.example/k", False)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("create", "x", "--grant", "authorization_code"), 1, "not built into this version"),
        (("create", "x", "--grant", "password"), 1, "password: not offered, as OAuth 2.1 leaves it out; grants are client_credentials"),
        (("create", "x", "--grant", "magic"), 1, "grants are client_credentials; not built into this version: authorization_code"),
        (("create", "x", "--scopes", 'a"b'), 1, "a scope"),
        (("create", "x", "--auth", "none"), 2, "--auth"),
        (("create", "x", "--auth", "private_key_jwt"), 1, "takes keys: --jwks, or --jwks-uri"),
        (("create", "x", "--auth", "self_signed_tls_client_auth"), 1, "a certificate: --certificate, --jwks with x5c, or --jwks-uri"),
        (("create", "x", "--auth", "tls_client_auth"), 1, "--tls-subject-dn, --tls-san-dns, --tls-san-uri, --tls-san-ip, --tls-san-email"),
        (("create", "x", "--auth", "client_secret_post", "--tls-san-dns", "a.example"), 1, "has no keys"),
        (("create", "x", "--token", "saml"), 2, "--token"),
        (("create", "x", "--access-life", "forever"), 2, "length of time"),
        (("create", "x", "--jwks", "nowhere.json"), 1, "cannot be read"),
        (("create", "x", "--certificate", __file__), 1, "certificate"),
        (("create", "x", "--jwks", __file__), 1, "no JWK Set"),
        (("create", "x", "--jwks-uri", "https://a.example", "--tls-san-dns", "a.example"), 2, "one of"),
        (("create", "x", "--tls-san-ip", "192.0.2.1", "--tls-san-dns", "a.example"), 2, "one"),
        (("create", "x", "--tls-subject-dn", "till"), 1, "RFC 4514"),
        (("create", "\udcff"), 1, ""),
        (("show", "nobody"), 1, "there is no client"),
        (("rotate-secret", "nobody", "--overlap", "1000d"), 1, "90 days"),
        (("revoke", "nobody"), 1, "there is no client"),
        (("change", "nobody", "--name", "x"), 1, "there is no client"),
        (("change", "nobody"), 2, "nothing to change: give what shall be another"),
        (("change", "nobody", "--scope", "x"), 2, "Did you mean '--scopes'?"),
        (("change", "nobody", "--grant", "x"), 2, "No such option '--grant'.\n"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_mend(run: Run, words: tuple[str, ...], code: int, told: str) -> None:
    result = run("client", *words)
    assert (result.exit_code, told in result.stderr) == (code, True), result.stderr
    assert "Traceback" not in result.stderr


def test_a_mistake_in_the_keys_names_their_file(run: Run, tmp_path: Path) -> None:
    keys, der = tmp_path / "empty.json", tmp_path / "till.der"
    der.write_bytes(a_leaf())
    for text, told in (("{}", "it has no list `keys`"), ('{"keys": []}', "holds no key"), ('{"keys": [{"kty": "oct"}]}', "a shared key")):
        keys.write_text(text)
        result = run("client", "create", "x", "--jwks", str(keys))
        assert (result.exit_code, f"--jwks {keys}: " in result.stderr, told in result.stderr) == (1, True, True), result.stderr
    keys.write_text(json.dumps({"keys": [KeyPair().public]}))
    result = run("client", "create", "x", "--jwks", str(keys), "--auth", "self_signed_tls_client_auth")
    assert f"--jwks {keys}: the key set holds no certificate" in result.stderr


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("http://10.0.0.1/keys", "--jwks-uri: 10.0.0.1 is not public, and [fetch] allow does not list it"),
        ("https://127.0.0.1/keys", "--jwks-uri: 127.0.0.1 is not public, and [fetch] allow does not list it"),
        ("https://[::1]/keys", "--jwks-uri: ::1 is not public"),
        ("http://8.8.8.8/keys", "--jwks-uri: 8.8.8.8 would be asked by plain http"),
        ("http://till.example/keys", "--jwks-uri: an https URL"),
    ],
)
def test_an_address_that_will_never_be_asked_is_refused_when_it_is_registered(ask: Ask, run: Run, home: Path, uri: str, told: str) -> None:
    id = ask("client", "create", "x", "--jwks-uri", "https://till.example/keys")["client_id"]
    for words in (("create", "x"), ("change", id)):
        result = run("client", *words, "--jwks-uri", uri)
        assert (result.exit_code, told in result.stderr) == (1, True), result.stderr
    assert ask("client", "show", id)["jwks_uri"] == "https://till.example/keys"
    if "till" in uri:
        return
    with (home / "doorward.toml").open("a") as file:
        file.write('\n[fetch]\nallow = ["10.0.0.0/8", "127.0.0.1/32", "::1/128", "8.8.8.8/32"]\n')
    assert ask("client", "change", id, "--jwks-uri", uri)["jwks_uri"] == uri
    assert ask("client", "create", "x", "--jwks-uri", uri)["jwks_uri"] == uri


def test_a_change_of_nothing_journals_nothing(ask: Ask, run: Run) -> None:
    id = ask("client", "create", "x")["client_id"]
    before = run("audit", "export").stdout
    assert run("client", "change", id).exit_code == 2
    assert run("audit", "export").stdout == before
