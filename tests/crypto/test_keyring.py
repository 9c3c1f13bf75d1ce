import json
import os
from dataclasses import replace

import pytest

from doorward.core.store import Unavailable
from doorward.crypto.jose import parse_jwt, sign_jwt
from doorward.crypto.keyring import Keyring, new_signing_key
from doorward.crypto.seal import SealBroken, Sealer

NOW = 1_790_000_000.0
SEALER = Sealer({"a": b"a" * 32}, "a", os.urandom)


def test_a_key_is_published_before_it_signs_and_stays_after() -> None:
    old = new_signing_key("ES256", SEALER, os.urandom, NOW, NOW)
    new = new_signing_key("ES256", SEALER, os.urandom, NOW + 10, NOW + 100)
    old = replace(old, retired_at=NOW + 100, gone_at=NOW + 200)
    ring = Keyring()
    ring.load([new, old], SEALER, NOW + 10)
    for at, signs, published in (
        (NOW + 10, old, {old.kid, new.kid}),
        (NOW + 99.9, old, {old.kid, new.kid}),
        (NOW + 100, new, {old.kid, new.kid}),
        (NOW + 199.9, new, {old.kid, new.kid}),
        (NOW + 200, new, {new.kid}),
    ):
        assert ring.active(at).kid == signs.kid, at
        assert {jwk["kid"] for jwk in ring.jwks(at)["keys"]} == published
        assert {kid for kid in (old.kid, new.kid) if ring.verifier(kid, at)} == published
    ring.load([new, old], SEALER, NOW + 200)
    assert [key.kid for key in ring.records] == [new.kid]


@pytest.mark.rfc("7517", "5")
@pytest.mark.parametrize("alg", ["ES256", "RS256", "EdDSA"])
def test_the_key_set_shows_public_members_only(alg: str) -> None:
    ring = Keyring()
    ring.load([new_signing_key(alg, SEALER, os.urandom, NOW, NOW)], SEALER, NOW)
    (jwk,) = ring.jwks(NOW)["keys"]
    assert set(jwk) <= {"kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"}
    assert (jwk["use"], jwk["alg"]) == ("sig", alg)


@pytest.mark.rfc("8725", "3.10")
@pytest.mark.parametrize("kid", ["../../etc/passwd", "' OR 1=1 --", "", "\0", "k" * 10_000, "https://evil.example/jwks"])
def test_a_kid_is_a_dictionary_key_whatever_it_spells(kid: str) -> None:
    ring = Keyring()
    ring.load([new_signing_key("ES256", SEALER, os.urandom, NOW, NOW)], SEALER, NOW)
    assert ring.verifier(kid, NOW) is None


def test_without_an_active_key_of_the_algorithm_nothing_is_signed() -> None:
    ring = Keyring()
    ring.load([new_signing_key("ES256", SEALER, os.urandom, NOW, NOW + 1)], SEALER, NOW)
    for alg in (None, "RS256"):
        with pytest.raises(Unavailable, match="no .* signing key is active"):
            ring.active(NOW, alg)
    assert ring.active(NOW + 1).alg == "ES256"


def test_a_key_that_was_kept_is_the_same_object_after_a_reload_and_a_withdrawn_one_is_none() -> None:
    one, two = (new_signing_key("ES256", SEALER, os.urandom, NOW, NOW) for _ in range(2))
    ring = Keyring()
    ring.load([one, two], SEALER, NOW)
    before = ring.verifier(one.kid, NOW)
    ring.load([one, replace(two, gone_at=NOW)], SEALER, NOW)
    assert ring.verifier(one.kid, NOW) is before
    assert ring.verifier(two.kid, NOW) is None


def test_a_key_whose_seal_is_broken_or_whose_halves_do_not_match_is_refused_and_the_rest_is_kept() -> None:
    good, other = (new_signing_key("ES256", SEALER, os.urandom, NOW, NOW) for _ in range(2))
    ring = Keyring()
    ring.load([good], SEALER, NOW)
    public = json.dumps({**json.loads(other.public), "kid": good.kid})
    for bad in (replace(other, sealed=good.sealed), replace(good, kid="swapped"), replace(other, sealed_by="gone")):
        with pytest.raises(SealBroken):
            ring.load([good, bad], SEALER, NOW)
    fresh = Keyring()
    for bad in (replace(good, public=public), replace(good, public="{}"), replace(good, public="nonsense")):
        with pytest.raises(SealBroken):
            fresh.load([bad], SEALER, NOW)
    assert ring.active(NOW).kid == good.kid


def test_a_shared_key_signs_with_hs256_for_one_audience_and_stays_out_of_the_key_set() -> None:
    ring = Keyring()
    handle = ring.share("https://legacy.example", "legacy", b"s" * 32)
    verifier = ring.verifier("legacy", NOW)
    assert verifier is not None
    assert verifier.audience == "https://legacy.example"
    verifier.verify(parse_jwt(sign_jwt({"sub": "ada"}, handle, "at+jwt")))
    assert ring.jwks(NOW) == {"keys": []}
    with pytest.raises(ValueError, match="already"):
        ring.share("https://other.example", "legacy", b"t" * 32)
    with pytest.raises(ValueError, match="256 bits"):
        ring.share("https://other.example", "other", b"short")
