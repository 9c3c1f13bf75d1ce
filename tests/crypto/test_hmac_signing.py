import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.secret import Secret
from doorward.crypto.hmac_signing import signature, signed_headers, signing_text

SECRET = Secret("s" * 43)


def test_the_signed_text_is_as_published() -> None:
    digest = hashlib.sha256(b"{}").hexdigest()
    assert signing_text("POST", "/pets?a=1", "1800000000", digest) == f"POST\n/pets?a=1\n1800000000\n{digest}"
    assert signing_text("GET", "/pets", "1800000000", "", "n1") == "GET\n/pets\n1800000000\n\nn1"


def test_the_digest_of_an_empty_body_is_signed_as_no_body() -> None:
    assert signing_text("GET", "/", "1", hashlib.sha256(b"").hexdigest()) == signing_text("GET", "/", "1", "")


@pytest.mark.rfc("2104", "2")
def test_the_key_is_the_secret_as_it_was_shown() -> None:
    fields = signed_headers("k1", SECRET, "POST", "/pets", b"{}", timestamp=1_800_000_000, nonce="n1")
    text = f"POST\n/pets\n1800000000\n{hashlib.sha256(b'{}').hexdigest()}\nn1"
    assert fields["X-Signature"] == hmac.new(SECRET.reveal().encode(), text.encode(), "sha256").hexdigest()
    assert fields["X-Content-SHA256"] == hashlib.sha256(b"{}").hexdigest()
    assert (fields["X-Key-Id"], fields["X-Timestamp"], fields["X-Nonce"]) == ("k1", "1800000000", "n1")


@pytest.mark.parametrize("target", ["pets", "/pets\nX", "/pets b", "/é", "https://a/b"])
def test_a_target_that_no_request_can_have_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="PATH"):
        signed_headers("k1", SECRET, "GET", target, b"", timestamp=1, nonce=None)


@given(
    one=st.tuples(*[st.from_regex(r"[!-~]{0,8}", fullmatch=True)] * 4, st.none() | st.from_regex(r"[0-9a-z]{1,4}", fullmatch=True)),
    other=st.tuples(*[st.from_regex(r"[!-~]{0,8}", fullmatch=True)] * 4, st.none() | st.from_regex(r"[0-9a-z]{1,4}", fullmatch=True)),
)
def test_two_different_requests_never_have_the_same_text(
    one: tuple[str, str, str, str, str | None], other: tuple[str, str, str, str, str | None]
) -> None:
    assert (signing_text(*one) == signing_text(*other)) == (one == other)
    assert len(signature(b"k", signing_text(*one))) == 32
