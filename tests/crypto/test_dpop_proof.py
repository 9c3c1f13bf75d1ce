import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, RSAKey

from doorward.core.errors import Refused, Why
from doorward.crypto import base64url, dpop_proof
from doorward.crypto.dpop_proof import ALGS, LONGEST, read_proof
from doorward.crypto.jwk import from_jwk
from tests.methods.dpop_client import KEYS, DpopClient, signed

URI = "https://api.example/pets"
CLIENT = DpopClient()
EXAMPLES = json.loads((Path(__file__).parents[1] / "vectors" / "rfc-examples.json").read_text())
EXAMPLE = EXAMPLES["RFC 9449 section 4 and 7"]


def raw(header: object, claims: object = None, signature: bytes = b"s" * 64) -> str:
    def part(value: object) -> str:
        return base64url.encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode()

    return f"{part(header)}.{part(CLIENT.claims('GET', URI) if claims is None else claims)}.{base64url.encode(signature).decode()}"


def head(**changed: object) -> dict[str, object]:
    whole = {"typ": "dpop+jwt", "alg": "ES256", "jwk": CLIENT.jwk} | changed
    return {name: value for name, value in whole.items() if value is not None}


def refused(text: str) -> str:
    with pytest.raises(Refused) as caught:
        read_proof(text).verify()
    assert caught.value.why is Why.BAD_DPOP
    assert caught.value.detail
    assert '"' not in caught.value.detail  # it is an error_description too: RFC 6749 section 5.2
    return caught.value.detail


@pytest.mark.rfc("9449", "4.2")
@pytest.mark.rfc("7638", "3")
def test_the_example_of_the_rfc_verifies_and_has_its_thumbprint() -> None:
    proof = read_proof(EXAMPLE["proof"])
    proof.verify()
    assert proof.key.jkt == EXAMPLE["jkt"]
    assert (proof.htm, proof.htu, proof.iat, proof.jti) == ("POST", "https://server.example.com/token", 1562262616.0, "-BwC3ESc6acc2lTc")
    assert (proof.ath, proof.nonce) == (None, None)


@pytest.mark.rfc("9449", "4.3")
@pytest.mark.parametrize("alg", ALGS)
def test_every_algorithm_that_is_told_is_taken(alg: str) -> None:
    client = DpopClient(alg)
    proof = read_proof(client.proof("GET", URI, "a token", nonce="n"))
    proof.verify()
    assert proof.key.jkt == client.jkt
    assert proof.nonce == "n"


@pytest.mark.rfc("9449", "4.3")
@pytest.mark.rfc("9449", "11.6")
@pytest.mark.parametrize(
    "header",
    [
        head(typ=None),
        head(typ="JWT"),
        head(typ="at+jwt"),
        head(typ=["dpop+jwt"]),
        head(alg=None),
        head(alg="none"),
        head(alg="HS256"),
        head(alg="HS256", jwk={"kty": "oct", "k": "AAAA"}),
        head(alg="ES512", jwk=DpopClient("ES512").jwk),
        head(alg="RSA-OAEP"),
        head(alg=["ES256"]),
        head(alg="ES384"),
        head(alg="RS256"),
        head(jwk=None),
        head(jwk="https://evil.example/key"),
        head(jwk={}),
        head(jwk={"kty": "oct", "k": "AAAA"}),
        head(jwk={**CLIENT.jwk, "d": "AAAA"}),
        head(jwk=KEYS["ES256"].as_dict(private=True)),
        head(alg="RS256", jwk=KEYS["RS256"].as_dict(private=True)),
        head(jwk={**CLIENT.jwk, "x": "AAAA"}),
        head(jwk={**CLIENT.jwk, "x": CLIENT.jwk["y"], "y": CLIENT.jwk["x"]}),
        head(jwk={**CLIENT.jwk, "x": 7}),
        head(jwk={**CLIENT.jwk, "x": "\ud800"}),
        head(jwk={**CLIENT.jwk, "crv": "secp256k1"}),
        head(alg="EdDSA", jwk={"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}),
        head(alg="RS256", jwk={"kty": "RSA", "e": "AQAB", "n": "AQAB"}),
        head(alg="RS256", jwk={"kty": "RSA", "e": "", "n": ""}),
        head(crit=["b64"], b64=False),
        head(crit=[]),
        head(jku="https://evil.example/jwks"),
        head(x5u="https://evil.example/cert"),
        head(x5c=["AAAA"]),
        [],
        "dpop+jwt",
    ],
)
def test_a_header_that_may_not_be_is_refused(header: object) -> None:
    refused(raw(header))


@pytest.mark.rfc("9449", "4.3")
@pytest.mark.parametrize("name", ["jti", "htm", "htu", "iat"])
@pytest.mark.parametrize("value", [None, "", True, [], {}, "x" * 5000, -1, -1.5, 2**60, 10**400])
def test_a_claim_that_is_missing_or_of_another_type_is_refused(name: str, value: object) -> None:
    refused(raw(head(), CLIENT.claims("GET", URI) | {name: value}))


@pytest.mark.parametrize("name", ["ath", "nonce"])
@pytest.mark.parametrize("value", ["", 7, [], "x" * 300])
def test_a_claim_that_may_be_missing_is_of_its_type_if_it_is_there(name: str, value: object) -> None:
    refused(raw(head(), {**CLIENT.claims("GET", URI), name: value}))
    refused(raw(head(), {**CLIENT.claims("GET", URI), name: None}))


@pytest.mark.rfc("7515", "4")
@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "a.b.c.d",
        CLIENT.proof("GET", URI) + ".",
        CLIENT.proof("GET", URI) + "=",
        " " + CLIENT.proof("GET", URI),
        CLIENT.proof("GET", URI) + ", " + CLIENT.proof("GET", URI),
        CLIENT.proof("GET", URI, jti="j" * LONGEST),
        raw(head(kid="k" * 4096)),
        raw(b'{"typ":"dpop+jwt","typ":"dpop+jwt","alg":"ES256"}'),
        raw(head(), b'{"jti":"a","jti":"b","htm":"GET","htu":"https://a/","iat":1}'),
        raw(head(), b'{"jti":"a","htm":"GET","htu":"https://a/","iat":NaN}'),
        raw(head(), b'{"jti":"a","htm":"GET","htu":"https://a/","iat":1'),
        raw(head(), b"[" * 4000),
        raw(head(), []),
        "é" + CLIENT.proof("GET", URI)[1:],
    ],
)
def test_what_is_not_one_compact_jwt_with_each_member_once_is_refused(text: str) -> None:
    refused(text)


def test_a_member_twice_in_the_key_is_refused() -> None:
    doubled = json.dumps(head()).replace('"crv": "P-256"', '"crv": "P-256", "crv": "P-256"').encode()
    refused(raw(doubled))


@pytest.mark.rfc("9449", "4.3")
def test_a_signature_of_another_key_or_over_other_bytes_is_refused() -> None:
    other = ECKey.generate_key("P-256")
    claims = json.dumps(CLIENT.claims("GET", URI)).encode()
    assert "does not verify" in refused(signed(head(), claims, other))
    one, two = CLIENT.proof("GET", URI).split("."), CLIENT.proof("GET", URI).split(".")
    assert "does not verify" in refused(".".join((one[0], two[1], one[2])))
    for signature in (b"", b"s" * 63, b"s" * 64, b"\0" * 64, b"s" * 4000):
        assert "does not verify" in refused(raw(head(), signature=signature))


def test_a_symmetric_signature_under_the_public_key_is_refused() -> None:
    key = OctKey.import_key(json.dumps(CLIENT.jwk, separators=(",", ":")))
    refused(signed({"typ": "dpop+jwt", "alg": "HS256", "jwk": CLIENT.jwk}, b"{}", key))


def test_a_key_that_is_dear_to_verify_with_is_refused() -> None:
    key = RSAKey.generate_key(2048).as_dict(private=False)
    refused(raw(head(alg="RS256", jwk={**key, "e": base64url.encode(b"\x01" * 255).decode()})))
    refused(raw(head(alg="RS256", jwk={**key, "n": base64url.encode(b"\xff" * 1025).decode()})))
    refused(raw(head(alg="RS256", jwk={**key, "n": base64url.encode(b"\xff" * 128).decode()})))


def test_the_key_of_a_client_is_read_once_and_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    real = from_jwk

    def counted(jwk: Any) -> Any:
        read.append(jwk)
        return real(jwk)

    monkeypatch.setattr(dpop_proof, "from_jwk", counted)
    client = DpopClient(key=ECKey.generate_key("P-256"))
    for _ in range(5):
        read_proof(client.proof("GET", URI)).verify()
    assert len(read) == 1
    assert dpop_proof._read_key.cache_info().maxsize == 1024


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["dpop+jwt", "ES256", "RS256"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d"]) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries({}, optional={"typ": JSON, "alg": JSON, "jwk": JSON, "kid": JSON, "crit": JSON}),
    st.fixed_dictionaries({}, optional={"jti": JSON, "htm": JSON, "htu": JSON, "iat": JSON, "ath": JSON, "nonce": JSON}),
)
def test_any_header_and_claims_are_refused_and_never_an_error(header: dict[str, object], claims: dict[str, object]) -> None:
    for one in (header, head() | header):
        try:
            read_proof(raw(one, CLIENT.claims("GET", URI) | claims)).verify()
        except Refused as reason:
            assert reason.why is Why.BAD_DPOP


@given(st.text(max_size=300) | st.text(alphabet="abcABC012.-_=", max_size=300))
def test_any_text_is_refused_and_never_an_error(text: str) -> None:
    with pytest.raises(Refused):
        read_proof(text)
