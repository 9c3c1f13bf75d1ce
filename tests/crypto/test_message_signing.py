"""Requests signed and checked without a server: every algorithm both ways, and each change found."""

import os

import pytest

from doorward.core.secret import Secret
from doorward.crypto.algorithms import BadSignature, Check, PrivateKey
from doorward.crypto.message_signing import MessageKey, Wish, check_request, sign_request
from doorward.crypto.signature_algorithms import (
    ALGORITHMS,
    HMAC,
    WrongKey,
    algorithm_of,
    checker,
    from_stored,
    generate,
    private_pem,
    public_pem,
    read_private,
    read_public,
    shape,
    stand_in,
    to_stored,
)
from doorward.crypto.signature_cover import accept_signature, missing
from doorward.crypto.signature_input import read_signatures
from doorward.crypto.signature_told import told
from doorward.crypto.structured_field import BadField
from tests.crypto.rfc9421 import private, public

SECRET = Secret("s" * 43)
URL = "https://api.example/orders?express=1"
BODY = b'{"pet": 1}'
KEYS: dict[str, PrivateKey] = {alg: generate(alg) for alg in ALGORITHMS if alg != HMAC}


def key(alg: str) -> MessageKey:
    return MessageKey.of("k1", SECRET if alg == HMAC else KEYS[alg], alg)


def check(alg: str) -> Check:
    return checker(alg, SECRET.reveal().encode() if alg == HMAC else KEYS[alg].public_key())


def signed(
    alg: str = "ed25519", wish: Wish | None = None, body: bytes = BODY, method: str = "POST", nonce: str | None = "n1"
) -> dict[str, str]:
    return sign_request(method, URL, [("Content-Type", "a/b")], body, key(alg), created=1000, nonce=nonce, wish=wish)


@pytest.mark.rfc("9421", "3.1")
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_what_is_signed_is_verified_by_its_key_only(alg: str) -> None:
    fields = list(signed(alg, Wish(tell_alg=True)).items())
    found = check_request("POST", URL, fields, BODY, check(alg))
    assert (found.keyid, found.alg, found.created, found.nonce) == ("k1", alg, 1000, "n1")
    for other in ALGORITHMS:
        if other != alg:
            with pytest.raises(BadSignature):
                check_request("POST", URL, fields, BODY, check(other))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_changed_request_is_another(alg: str) -> None:
    fields = list(signed(alg).items())
    for method, url, body in (("PUT", URL, BODY), ("POST", URL + "&a", BODY), ("POST", URL.replace("api", "b"), BODY), ("POST", URL, b"")):
        with pytest.raises(BadSignature):
            check_request(method, url, fields, body, check(alg))


def test_a_body_is_covered_and_so_is_that_there_is_none() -> None:
    assert "Content-Digest" in signed(body=b"")
    assert "Content-Digest" not in signed(body=b"", method="GET")
    fields = list(signed(wish=Wish(digest=("sha-256", "sha-512"))).items())
    assert "sha-512" in dict(fields)["Content-Digest"]
    check_request("POST", URL, fields, BODY, check("ed25519"))


def test_a_digest_that_the_caller_has_made_is_covered_if_it_is_right() -> None:
    right = signed()["Content-Digest"]
    fields = sign_request("POST", URL, [("content-digest", right)], BODY, key("ed25519"), created=1, nonce=None)
    assert "Content-Digest" not in fields
    assert "content-digest" in fields["Signature-Input"]
    with pytest.raises(ValueError, match="not of this body"):
        sign_request("POST", URL, [("Content-Digest", right)], b"other", key("ed25519"), created=1, nonce=None)


def test_whatever_is_wished_for_is_covered() -> None:
    wish = Wish(cover=("@method", '"@query-param";name="express"', "content-type"), label="mine", tag="app", lifetime=60)
    fields = list(signed(wish=wish).items())
    found = check_request("POST", URL, [("Content-Type", "a/b"), *fields], BODY, check("ed25519"), label="mine")
    assert (found.label, found.tag, found.expires) == ("mine", "app", 1060)
    with pytest.raises(BadField, match="label"):
        check_request("POST", URL, fields, BODY, check("ed25519"), label="other")
    for wrong in (("nonce",), ("@status",), ("not-there",), ("Content-Type",)):
        with pytest.raises(ValueError, match=r"."):
            signed(wish=Wish(cover=wrong))


@pytest.mark.parametrize(
    "url", ["/pets", "ftp://a.example/", "https://", "https://u:p@a.example/", "https://a.example/ü", "https://a.example/a b"]
)
def test_a_url_that_is_not_one_as_it_is_sent_is_not_signed(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        sign_request("GET", url, [], b"", key("ed25519"), created=1, nonce=None)


@pytest.mark.rfc("9421", "3.3")
def test_a_key_of_one_kind_is_not_taken_for_another() -> None:
    with pytest.raises(WrongKey):
        checker(HMAC, public("test-key-ed25519"))
    with pytest.raises(WrongKey):
        checker("ed25519", b"x" * 32)
    with pytest.raises(WrongKey, match="256 bits"):
        checker(HMAC, b"short")
    with pytest.raises(WrongKey):
        MessageKey.of("k1", SECRET, "ed25519")
    with pytest.raises(WrongKey):
        MessageKey.of("k1", KEYS["ed25519"], "ecdsa-p256-sha256")


def test_an_rsa_key_is_used_in_neither_of_its_two_ways_unless_one_is_said() -> None:
    made = KEYS["rsa-v1_5-sha256"]
    for half in (made, made.public_key()):
        with pytest.raises(WrongKey, match=r"--alg rsa-pss-sha512 or --alg rsa-v1_5-sha256 \(alg= in Python\)"):
            algorithm_of(half)
        assert algorithm_of(half, "rsa-v1_5-sha256") == "rsa-v1_5-sha256"


def test_keys_are_written_and_read_again() -> None:
    for alg, made in KEYS.items():
        again = read_private(private_pem(made))
        assert algorithm_of(again, alg) == alg
        assert alg.startswith("rsa") or algorithm_of(again) == alg
        half = read_public(public_pem(made.public_key()).encode())
        assert to_stored(half) == to_stored(made.public_key())
        assert to_stored(read_public(to_stored(half))) == to_stored(from_stored(to_stored(half))[0])
    for name in ("test-key-rsa", "test-key-rsa-pss", "test-key-ecc-p256", "test-key-ecc-p384", "test-key-ed25519"):
        assert to_stored(private(name).public_key()) == to_stored(public(name))


@pytest.mark.parametrize(
    "text", [b"", b"{", b"{}", b"[]", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", b"[" * 20000, b"\xff" * 99]
)
def test_what_is_no_public_key_is_refused(text: bytes) -> None:
    with pytest.raises(WrongKey):
        read_public(text)
    with pytest.raises(WrongKey):
        read_private(Secret(text.decode("latin-1")))


def test_a_private_key_is_not_taken_for_a_public_one() -> None:
    with pytest.raises(WrongKey, match="stays with its holder"):
        read_public(private_pem(KEYS["ed25519"]).reveal().encode())


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_stand_in_is_of_the_shape_of_what_was_sent_and_proves_nothing(alg: str) -> None:
    signature = key(alg).sign(b"base")
    assert shape(alg, signature) == alg
    for alike in (shape(None, signature), alg):
        with pytest.raises(BadSignature):
            stand_in(alike, len(signature))(signature, b"base")
    for size in (1, 512):
        with pytest.raises(BadSignature):
            stand_in(alg, size)(os.urandom(size), b"base")


def covers(text: str, *asked: str) -> list[str]:
    return missing(asked, read_signatures([f"sig={text}"], ["sig=:AA==:"])[0])


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ('("@method" "@target-uri");created=1', []),
        ('("@method" "@authority" "@request-target");created=1', []),
        ('("@method" "@authority" "@path" "@query");created=1', []),
        ('("@method" "@authority" "@path");created=1', ["@target-uri"]),
        ('("@method" "@path" "@query");created=1', ["@target-uri"]),
        ('("@method" "@authority" "@path" "@query-param";name="a");created=1', ["@target-uri"]),
        ('("@method" "@target-uri")', ["created"]),
        ("();created=1", ["@method", "@target-uri"]),
    ],
)
def test_the_parts_of_the_target_stand_for_the_whole(text: str, lacks: list[str]) -> None:
    assert covers(text) == lacks


def test_a_route_may_ask_for_more_or_for_less() -> None:
    assert covers('("@method");created=1', "@method") == []
    assert covers('("@method")', "@method") == ["created"]
    assert covers('("@target-uri");created=1', "@path", "@query", "@scheme", "@authority", "@request-target", "nonce") == ["nonce"]
    assert covers('("a";key="x" "b";bs "c";sf);created=1;nonce="1"', "a", "b", "c", "nonce") == ["a"]


@pytest.mark.rfc("9421", "5.1")
def test_what_is_asked_for_is_told() -> None:
    assert accept_signature((), "", False) == 'sig=("@method" "@target-uri");created'
    asked = accept_signature(("@method", "content-type", "nonce", "expires"), "app", True)
    assert asked == 'sig=("@method" "content-type" "content-digest");expires;created;tag="app"'


def test_what_may_be_a_secret_is_not_told() -> None:
    base = '"@target-uri": https://a.example/p?key=v1&v2\n"authorization": Bearer v3\n"x-other": v4\n"@query-param";name="a: b": v5\n'
    base += '"@query": ?k=v6\n"content-type": a/b\n"@signature-params": ();created=1;keyid="k1"'
    text = told(base)
    assert not any(f"v{number}" in text for number in range(1, 7))
    assert "https://a.example/p?key=…(2)&…(2)" in text
    assert '"@query": ?k=…(2)' in text
    assert '"content-type": a/b\n"@signature-params": ();created=1;keyid="k1"' in text
    assert len(told('"x": ' + "s" * 99999)) < 99
