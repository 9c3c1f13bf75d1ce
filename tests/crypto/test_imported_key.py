import base64
import hashlib
import hmac

import bcrypt
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.secret import Secret
from doorward.crypto.digest import Peppers
from doorward.crypto.imported_key import FORMS, check_slow, is_found_by_start, is_slow, lookups, matches_fast, read_hash, upgraded
from doorward.crypto.password import WrongPassword

KEY = Secret("acme-0123456789abcdef")
PLAIN = KEY.reveal().encode()
PEPPERS = Peppers({"p1": bytes(range(32)), "old": bytes(range(1, 33))}, "p1")
DIGESTS = {
    "sha256": hashlib.sha256(PLAIN).digest(),
    "sha512": hashlib.sha512(PLAIN).digest(),
    "hmac-sha256": hmac.digest(bytes(range(1, 33)), PLAIN, "sha256"),
}


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if not form.by_start])
def test_an_unsalted_hash_is_looked_up_by_itself(name: str) -> None:
    form = FORMS[name]
    raw = DIGESTS[form.algorithm]
    pepper = "old" if form.algorithm.startswith("hmac") else ""
    hashed = read_hash(form, raw.hex().upper() if form.encoding == "hex" else base64.b64encode(raw).decode(), pepper)
    assert (hashed.lookup, hashed.verifier) in list(lookups(KEY, PEPPERS))
    assert (hashed.lookup, hashed.verifier) not in list(lookups(Secret("another-key"), PEPPERS))
    assert not is_found_by_start(hashed.lookup)


def test_base64_is_read_with_and_without_padding_and_in_both_alphabets() -> None:
    form, raw = FORMS["sha256-base64"], bytes([251, 255] * 16)
    texts = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(), base64.b64encode(raw).decode().rstrip("=")}
    assert {read_hash(form, text).verifier for text in texts} == {raw}


@pytest.mark.parametrize(("name", "salted"), [("blake3-salt-hex", b"pepper." + PLAIN), ("blake3-key-salt-hex", PLAIN + b"pepper.")])
def test_a_salted_blake3_hash_is_checked_fast(name: str, salted: bytes) -> None:
    hashed = read_hash(FORMS[name], f"pepper.:{blake3(salted).hexdigest()}")
    assert is_found_by_start(hashed.lookup)
    assert not is_slow(hashed.verifier)
    assert matches_fast(KEY, hashed.verifier, "", PEPPERS)
    assert not matches_fast(Secret("another-key"), hashed.verifier, "", PEPPERS)


def test_a_slow_hash_is_replaced_by_a_mac() -> None:
    hashed = read_hash(FORMS["bcrypt"], bcrypt.hashpw(PLAIN, bcrypt.gensalt(4)).decode())
    assert is_slow(hashed.verifier)
    check_slow(KEY, hashed.verifier)
    with pytest.raises(WrongPassword):
        check_slow(Secret("another-key"), hashed.verifier)
    fast = upgraded(KEY, PEPPERS)
    assert not is_slow(fast)
    assert matches_fast(KEY, fast, "p1", PEPPERS)
    assert not matches_fast(Secret("another-key"), fast, "p1", PEPPERS)


@pytest.mark.parametrize("name", FORMS)
@given(text=st.one_of(st.text(max_size=150), st.from_regex(r"[0-9a-f]{60,68}"), st.from_regex(r"\$(2b|argon2id)\$[ -~]{0,60}")))
def test_any_text_is_a_hash_or_refused_without_being_repeated(name: str, text: str) -> None:
    try:
        assert read_hash(FORMS[name], text).lookup.startswith(FORMS[name].algorithm)
    except ValueError as reason:
        assert len(text) < 20 or text not in str(reason)


def test_argon2_is_not_taken_for_bcrypt() -> None:
    with pytest.raises(ValueError, match="not a bcrypt hash"):
        read_hash(FORMS["bcrypt"], "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")
