import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from doorward.core.store import Unavailable
from doorward.crypto.digest import Peppers, derive, mac, sha256
from tests.crypto.vectors import example


@pytest.mark.rfc("4231", "4.3")
def test_mac_is_hmac_sha_256() -> None:
    case = example("RFC 4231 case 2 (HMAC)")
    assert mac(case["key"].encode(), case["data"].encode()).hex() == case["sha256"]


def test_sha256_of_nothing() -> None:
    assert sha256(b"").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.rfc("5869", "2")
def test_a_derived_key_is_hkdf_without_salt() -> None:
    assert derive(b"k" * 40, "cookies") == HKDF(SHA256(), 32, None, b"cookies").derive(b"k" * 40)
    assert derive(b"k" * 40, "cookies") != derive(b"k" * 40, "tokens")


def test_peppers_mac_with_the_current_one_and_know_the_older() -> None:
    peppers = Peppers({"old": b"o" * 32, "new": b"n" * 32}, "new")
    assert peppers.ids == ("new", "old")
    assert peppers.mac(b"key") == peppers.mac(b"key", "new") == mac(b"n" * 32, b"key")
    assert peppers.mac(b"key", "old") == mac(b"o" * 32, b"key")
    assert peppers.derive("x") == peppers.derive("x", "new") != peppers.derive("x", "old")


def test_a_pepper_that_is_not_here_makes_the_answer_unavailable_and_names_the_mend() -> None:
    peppers = Peppers({"a": b"a" * 32}, "a")
    with pytest.raises(Unavailable, match="'gone' is not on this machine; copy it"):
        peppers.mac(b"x", "gone")
    with pytest.raises(Unavailable, match="'gone' is not on this machine; copy it"):
        peppers.derive("x", "gone")


def test_short_or_missing_peppers_are_refused_and_none_is_shown() -> None:
    with pytest.raises(ValueError, match="at least 32 random bytes"):
        Peppers({"a": b"short"}, "a")
    with pytest.raises(ValueError, match="not among"):
        Peppers({"a": b"a" * 32}, "b")
    assert "aaaa" not in repr(Peppers({"x": b"a" * 32}, "x"))
