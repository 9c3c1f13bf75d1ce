"""client/assertion.py, http_signature.py, mutual_tls.py: private keys and certificates, against real servers over TLS."""

import json
from pathlib import Path

import pytest

from doorward.client import CertificateOnly, ClientCredentials, DpopKey, HttpSignature, PrivateKeyJwt, Secret, TokenError, mutual_tls
from doorward.crypto.algorithms import generate
from doorward.crypto.jwk import to_jwk
from doorward.crypto.signature_algorithms import ALGORITHMS, HMAC, private_pem
from tests.client.shop import Shop, both

TILL, EVE = "spiffe://example.org/till", "spiffe://example.org/eve"


def certificate(shop: Shop, name: str, tmp_path: Path) -> Path:
    shop.place.command("cert", "issue", "--name", name, "--out", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def folders(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(shop, TILL, tmp_path_factory.mktemp("till")), certificate(shop, EVE, tmp_path_factory.mktemp("eve"))


@both
@pytest.mark.rfc("8705", "2")
def test_a_client_is_known_by_its_certificate_and_its_token_is_worth_nothing_without_it(
    shop: Shop, folders: tuple[Path, Path], mode: str
) -> None:
    its, eve = (mutual_tls(each / "cert.pem", each / "key.pem", ca=shop.place.certificate) for each in folders)
    made = shop.client("--auth", "tls_client_auth", "--tls-san-uri", TILL, "--certificate-bound")
    auth = ClientCredentials(shop.token_url, made["client_id"], CertificateOnly())
    for answer in shop.call(mode, auth, times=3, verify=its) + shop.call(mode, auth, method="POST", verify=its):
        assert answer.status_code == 200, answer.text
    token = auth._held
    assert [answer.status_code for answer in shop.call(mode, auth, times=2, verify=its)] == [200, 200]
    assert auth._held is token, "one token for all"
    with pytest.raises(TokenError, match="invalid_client"):
        shop.call(mode, auth, verify=eve)  # the API refuses the token there, and the door gives her none
    for stranger in (eve, None):
        with pytest.raises(TokenError, match="invalid_client"):
            shop.call(mode, ClientCredentials(shop.token_url, made["client_id"], CertificateOnly()), verify=stranger)


@both
@pytest.mark.parametrize("alg", ["ES256", "ES384", "EdDSA", "RS256", "PS256"])
@pytest.mark.rfc("7523", "2.2")
def test_a_client_proves_itself_by_a_private_key_in_pem(shop: Shop, mode: str, alg: str, tmp_path: Path) -> None:
    private = generate(alg)
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [{**to_jwk(private.public_key()), "kid": "one", "use": "sig"}]}))
    made = shop.client("--auth", "private_key_jwt", "--jwks", str(file))
    pem = private_pem(private)
    said = {"alg": alg} if alg == "RS256" else {}
    for key in (pem, pem.reveal(), pem.reveal().encode()):
        proof = PrivateKeyJwt(key, kid="one", audience=shop.door_url, **said)  # type: ignore[arg-type]
        (answer,) = shop.call(mode, ClientCredentials(shop.token_url, made["client_id"], proof))
        assert answer.status_code == 200, answer.text
    other = PrivateKeyJwt(generate(alg), kid="one", audience=shop.door_url, alg=alg)
    with pytest.raises(TokenError, match="invalid_client"):
        shop.call(mode, ClientCredentials(shop.token_url, made["client_id"], other))


@both
@pytest.mark.parametrize("alg", ["ES256", "ES384", "EdDSA", "PS256", "RS256"])
def test_a_token_is_bound_to_a_key_of_each_algorithm(shop: Shop, mode: str, alg: str) -> None:
    made = shop.client("--dpop-bound")
    key = DpopKey(private_pem(generate(alg)), "RS256" if alg == "RS256" else None)
    auth = ClientCredentials(shop.token_url, made["client_id"], made["client_secret"], dpop=key)
    for answer in shop.call(mode, auth, "/bound", times=2):
        assert answer.status_code == 200, answer.text


@both
@pytest.mark.parametrize("alg", ALGORITHMS)
@pytest.mark.rfc("9421", "3.3")
def test_requests_are_signed_with_each_algorithm(shop: Shop, mode: str, alg: str) -> None:
    words = ("key", "create", "--name", "robot", "--owner", "robot", "--alg", alg)
    made = shop.place.command(*words, *(() if alg == HMAC else ("--keypair",)))
    key = str(made["secret" if alg == HMAC else "private_key"])
    said = alg if alg.startswith("rsa") else None
    for given in (key, Secret(key)):
        auth = HttpSignature(str(made["id"]), given, alg=said)
        for answer in [*shop.call(mode, auth, "/pets?kind=a%20b", times=2), *shop.call(mode, auth, method="POST", times=2)]:
            assert (answer.status_code, answer.json().get("caller")) == (200, "robot")
    other = HttpSignature(str(made["id"]), "x" * 43 if alg == HMAC else generate("ES256"))
    assert shop.call(mode, other)[0].status_code == 401
