import base64
import hashlib
import os

import bcrypt
import pytest
from argon2.low_level import Type, hash_secret
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.core.secret import Secret
from doorward.crypto.password import (
    CHEAPEST_FOR_TESTS,
    LONGEST_PASSWORD,
    OWASP_2025,
    RFC_9106_LOW_MEMORY,
    Params,
    UnusableHash,
    WrongPassword,
    check_verifier,
    hash_password,
    outdated,
    verify_password,
)

WORD = "correct: hörse"


def ab64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=").replace("+", ".")


def passlib(name: str, label: str, rounds: int = 10) -> bytes:
    salt = b"\xfb\xef0123456789"
    return f"${label}${rounds}${ab64(salt)}${ab64(hashlib.pbkdf2_hmac(name, WORD.encode(), salt, rounds))}".encode()


def django(name: str, rounds: int = 10) -> bytes:
    digest = base64.b64encode(hashlib.pbkdf2_hmac(name, WORD.encode(), b"seasalt", rounds)).decode()
    return f"pbkdf2_{name}${rounds}$seasalt${digest}".encode()


FOREIGN = {
    "argon2i": hash_secret(WORD.encode(), b"0" * 8, 1, 8, 1, 16, Type.I),
    "argon2d": hash_secret(WORD.encode(), b"0" * 8, 1, 8, 1, 16, Type.D),
    "argon2id version 16": hash_secret(WORD.encode(), b"0" * 8, 1, 8, 1, 16, Type.ID, version=16),
    "bcrypt 2b": bcrypt.hashpw(WORD.encode(), bcrypt.gensalt(4)),
    "bcrypt 2a": bcrypt.hashpw(WORD.encode(), bcrypt.gensalt(4, prefix=b"2a")),
    "bcrypt 2y": bcrypt.hashpw(WORD.encode(), bcrypt.gensalt(4)).replace(b"$2b$", b"$2y$"),
    "passlib sha256": passlib("sha256", "pbkdf2-sha256"),
    "passlib sha512": passlib("sha512", "pbkdf2-sha512"),
    "passlib sha1": passlib("sha1", "pbkdf2-sha1"),
    "passlib sha1 by its old name": passlib("sha1", "pbkdf2"),
    "django sha256": django("sha256"),
    "django sha1": django("sha1"),
}


def test_a_password_proves_itself_and_no_other_does() -> None:
    verifier = hash_password(Secret(WORD), CHEAPEST_FOR_TESTS, os.urandom)
    assert verifier.startswith(b"$argon2id$v=19$m=8,t=1,p=1$")
    verify_password(Secret(WORD), verifier)
    with pytest.raises(WrongPassword):
        verify_password(Secret(WORD + " "), verifier)


def test_the_salt_comes_from_the_entropy_given() -> None:
    one = hash_password(Secret("x"), CHEAPEST_FOR_TESTS, lambda n: b"s" * n)
    assert one == hash_password(Secret("x"), CHEAPEST_FOR_TESTS, lambda n: b"s" * n)
    assert one != hash_password(Secret("x"), CHEAPEST_FOR_TESTS, os.urandom)


@pytest.mark.parametrize("verifier", FOREIGN.values(), ids=FOREIGN.keys())
def test_hashes_made_elsewhere_are_accepted_and_due_for_an_upgrade(verifier: bytes) -> None:
    check_verifier(verifier)
    verify_password(Secret(WORD), verifier)
    assert outdated(verifier, CHEAPEST_FOR_TESTS)
    with pytest.raises(WrongPassword):
        verify_password(Secret("another"), verifier)


def test_bcrypt_reads_72_bytes_and_the_rest_is_let_fall_as_its_makers_did() -> None:
    long = "é" * 50
    verify_password(Secret(long), bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)))


@pytest.mark.parametrize(
    ("verifier", "said"),
    [
        (b"$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$" + b"A" * 43, "at most m="),
        (b"$argon2id$v=19$m=65536,t=1000,p=1$c2FsdHNhbHQ$" + b"A" * 43, "at most m="),
        (b"$argon2id$v=19$m=65536,t=1,p=200$c2FsdHNhbHQ$" + b"A" * 43, "at most m="),
        (b"$argon2id$v=19$m=8,t=1,p=4$c2FsdHNhbHQ$" + b"A" * 43, "m >= 8p"),
        (b"$2b$31$" + b"a" * 53, "cost of 4 to 16"),
        (b"$2b$03$" + b"a" * 53, "cost of 4 to 16"),
        (b"$2x$10$" + b"a" * 53, "is Argon2, bcrypt"),
        (b"$pbkdf2-sha256$99999999$c2FsdA$" + b"A" * 43, "at most 10000000 rounds"),
        (b"pbkdf2_sha256$999999999$salt$" + b"A" * 43 + b"=", "at most 10000000 rounds"),
        (b"pbkdf2_sha256$10$salt$" + b"A" * 28, "has 32 bytes"),
        (b"", "is Argon2, bcrypt"),
        (b"plain text", "is Argon2, bcrypt"),
        (b"5f4dcc3b5aa765d61d8327deb882cf99", "is Argon2, bcrypt"),
    ],
)
def test_an_absurd_cost_or_an_unknown_form_is_refused_before_any_work(verifier: bytes, said: str) -> None:
    with pytest.raises(UnusableHash, match=said):
        check_verifier(verifier)
    with pytest.raises(WrongPassword):
        verify_password(Secret(WORD), verifier)


@given(st.binary(max_size=120) | st.sampled_from(sorted(FOREIGN.values())).map(lambda hashed: hashed[:-1]))
@settings(max_examples=200)
def test_no_verifier_whatever_raises_anything_but_wrong_password(verifier: bytes) -> None:
    with pytest.raises(WrongPassword):
        verify_password(Secret(WORD), verifier)


def test_the_published_parameters_are_used_and_a_weaker_hash_is_due() -> None:
    assert Params(19_456, 2, 1) == OWASP_2025
    assert Params(65_536, 3, 4) == RFC_9106_LOW_MEMORY
    weak = hash_password(Secret("x"), CHEAPEST_FOR_TESTS, os.urandom)
    assert outdated(weak, OWASP_2025)
    assert not outdated(weak, CHEAPEST_FOR_TESTS)
    assert not outdated(weak.replace(b"m=8,t=1", b"m=65536,t=3"), OWASP_2025)


def test_a_password_has_at_most_1024_bytes_and_is_unicode() -> None:
    hash_password(Secret("é" * (LONGEST_PASSWORD // 2)), CHEAPEST_FOR_TESTS, os.urandom)
    verifier = hash_password(Secret("x"), CHEAPEST_FOR_TESTS, os.urandom)
    for text in ("é" * (LONGEST_PASSWORD // 2) + "x", "\ud800"):
        with pytest.raises(ValueError):
            hash_password(Secret(text), CHEAPEST_FOR_TESTS, os.urandom)
        with pytest.raises(WrongPassword):
            verify_password(Secret(text), verifier)
