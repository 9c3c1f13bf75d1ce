"""Content-Digest: RFC 9530's values, and what is no digest of a body."""

import hashlib

import pytest

from doorward.crypto.content_digest import content_digest, is_of, read_digests
from doorward.crypto.structured_field import BadField
from tests.crypto.rfc9421 import sent
from tests.crypto.vectors import read

VALUES = [
    line.partition(": ")[2]
    for block in read("rfc9530/examples.json")
    for line in block["text"].replace("\n ", " ").split("\n")
    if line.lower().startswith(("content-digest:", "repr-digest:")) and not line.endswith("\\r\\n")
]
"""Without the trailer of the chunked example: its base64 has a padding character too many there (43 letters and two), and is none."""


@pytest.mark.rfc("9530", "2")
@pytest.mark.parametrize("value", VALUES)
def test_an_example_of_the_rfc_is_read(value: str) -> None:
    found = read_digests([value])
    assert found.keys() <= {"sha-256", "sha-512"}
    assert all(name in value for name in found)


@pytest.mark.rfc("9530", "B.1")
def test_the_digest_of_a_known_body_is_that_of_the_rfc() -> None:
    body = b'{"hello": "world"}\n'
    example = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    assert content_digest(body) == example
    assert is_of(read_digests([example]), body)
    assert not is_of(read_digests([example]), body.rstrip())


@pytest.mark.rfc("9530", "2")
def test_every_known_digest_must_be_right_and_unknown_ones_stand_for_nothing() -> None:
    body = sent("b22").body
    both = content_digest(body, ("sha-256", "sha-512"))
    assert is_of(read_digests([both]), body)
    assert is_of(read_digests([f"md5=:AAAA:, {both}", "unixsum=1"]), body)
    wrong = content_digest(b"another", ("sha-512",))
    assert not is_of(read_digests([content_digest(body), wrong]), body)


@pytest.mark.rfc("9530", "5")
@pytest.mark.parametrize(
    "value",
    [
        "",
        "md5=:AAAA:",
        "sha=:AAAA:",
        "sha-256=:AAAA:",
        "sha-256",
        'sha-256="AAAA"',
        "sha-256=()",
        "sha-256=:not base64:",
        "SHA-256=:AAAA:",
        "a, " * 4000 + "b",
    ],
)
def test_a_field_without_a_digest_that_is_known_is_refused(value: str) -> None:
    with pytest.raises(BadField):
        read_digests([value])


def test_a_digest_that_comes_twice_is_refused() -> None:
    with pytest.raises(BadField, match="twice"):
        read_digests([content_digest(b"a"), content_digest(b"b")])


def test_only_known_algorithms_are_written() -> None:
    assert hashlib.sha512(b"").hexdigest()[:4] == read_digests([content_digest(b"", ("sha-512",))])["sha-512"].hex()[:4]
    with pytest.raises(ValueError, match="md5"):
        content_digest(b"", ("md5",))
