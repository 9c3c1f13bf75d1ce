"""What may be registered of a client, and what is a mistake to mend."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.admin.client_metadata import AUTH_METHODS, LATER, ClientOrder, keys_of_certificates, metadata_of, order_of
from doorward.admin.mistake import Mistake
from doorward.core.client import TLS_SUBJECTS
from tests.oauth.client_certificates import a_leaf
from tests.oauth.client_desk import KeyPair

KEYS: dict[str, Any] = {"keys": [KeyPair().public]}
CERTIFICATES = keys_of_certificates([a_leaf()])
DNS = ("tls_client_auth_san_dns", "till.example")


def made(**order: Any) -> dict[str, Any]:
    return metadata_of(ClientOrder(**{"name": "till", **order}))


@pytest.mark.rfc("7591", "2")
@pytest.mark.parametrize(
    "order",
    [
        {},
        {"auth": "client_secret_basic", "token": "opaque", "scopes": frozenset({"b", "a"})},
        {"auth": "private_key_jwt", "jwks": KEYS, "audiences": ("https://a.example/x?y", "urn:b"), "access_life": 300.0},
        {"auth": "private_key_jwt", "jwks_uri": "https://till.example/keys.json", "dpop_bound": True},
        {"auth": "tls_client_auth", "tls_subject": DNS, "certificate_bound": True},
        {"auth": "self_signed_tls_client_auth", "jwks": CERTIFICATES},
    ],
)
def test_what_was_ordered_is_read_back_from_what_is_registered(order: dict[str, Any]) -> None:
    said = made(**order)
    assert order_of(said) == ClientOrder(**{"name": "till", **order})
    assert metadata_of(order_of(said)) == said


@pytest.mark.parametrize(
    ("order", "word"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"scopes": frozenset({"a b"})}, "scope"),
        ({"scopes": frozenset({'"'})}, "scope"),
        ({"token": "saml"}, "jwt, opaque"),
        ({"auth": "none"}, "authenticates by"),
        ({"auth": "client_secret_jwt"}, "authenticates by"),
        ({"grants": ()}, "grants"),
        ({"grants": ("password",)}, "password: not offered, as OAuth 2.1 leaves it out; grants are client_credentials"),
        ({"grants": ("implicit", "client_credentials")}, "grants"),
        *(({"grants": (grant,)}, "not built into this version") for grant in sorted(LATER)),
        ({"access_life": 0.5}, "1s to 1d"),
        ({"access_life": 86401}, "1s to 1d"),
        ({"access_life": float("nan")}, "1s to 1d"),
        ({"audiences": ("api",)}, "absolute URI"),
        ({"audiences": ("https://a.example/#x",)}, "absolute URI"),
        ({"audiences": ("https://a b",)}, "absolute URI"),
        ({"audiences": ("https://ä",)}, "absolute URI"),
        ({"audiences": ("https://[",)}, "absolute URI"),
        ({"audiences": tuple(f"urn:{number}" for number in range(17))}, "at most"),
        ({"jwks": KEYS}, "no keys"),
        ({"auth": "client_secret_post", "jwks_uri": "https://a.example"}, "no keys"),
        ({"tls_subject": DNS}, "no keys"),
        ({"auth": "private_key_jwt"}, "takes keys"),
        ({"auth": "private_key_jwt", "jwks": KEYS, "jwks_uri": "https://a.example"}, "not both"),
        ({"auth": "private_key_jwt", "jwks": {}}, "no list `keys`"),
        ({"auth": "private_key_jwt", "jwks": {"keys": []}}, "no key"),
        ({"auth": "private_key_jwt", "jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}}, "oct"),
        ({"auth": "private_key_jwt", "jwks": {"keys": [{**KEYS["keys"][0], "d": "AAAA"}]}}, "private key"),
        ({"auth": "private_key_jwt", "jwks": {"keys": KEYS["keys"], "x": "x" * 65536}}, "64 KiB"),
        ({"auth": "private_key_jwt", "jwks_uri": "http://till.example/keys"}, "https"),
        ({"auth": "private_key_jwt", "jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
        ({"auth": "private_key_jwt", "jwks_uri": "https://user:x@till.example/"}, "jwks_uri"),
        ({"auth": "private_key_jwt", "tls_subject": DNS}, "takes keys"),
        ({"auth": "tls_client_auth"}, "one name"),
        ({"auth": "tls_client_auth", "tls_subject": DNS, "jwks": KEYS}, "one name"),
        ({"auth": "tls_client_auth", "tls_subject": ("tls_client_auth_san_oid", "1.2")}, "one of"),
        *(({"auth": "tls_client_auth", "tls_subject": (kind, "")}, "characters") for kind in TLS_SUBJECTS),
        ({"auth": "tls_client_auth", "tls_subject": ("tls_client_auth_subject_dn", "till")}, "RFC 4514"),
        ({"auth": "self_signed_tls_client_auth", "jwks": KEYS}, "certificate"),
        ({"auth": "self_signed_tls_client_auth"}, "takes a certificate: jwks with x5c"),
    ],
)
def test_a_mistake_is_told_with_its_mend(order: dict[str, Any], word: str) -> None:
    with pytest.raises(Mistake, match=word):
        made(**order)


def test_what_is_no_certificate_is_a_mistake() -> None:
    for junk in (b"", b"x", b"-----BEGIN CERTIFICATE-----"):
        with pytest.raises(Mistake, match="certificate"):
            keys_of_certificates([junk])


@given(
    name=st.text(max_size=40),
    audience=st.text(max_size=40),
    uri=st.text(max_size=40),
    auth=st.sampled_from([None, *AUTH_METHODS]),
    jwks=st.none() | st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=5) | st.lists(st.text(max_size=5), max_size=2)),
)
def test_any_order_is_taken_or_a_mistake(name: str, audience: str, uri: str, auth: str | None, jwks: dict[str, Any] | None) -> None:
    for order in ({"jwks": jwks}, {"jwks_uri": uri}, {}):
        try:
            made(name=name, audiences=(audience,), auth=auth, **order)
        except Mistake:
            continue
