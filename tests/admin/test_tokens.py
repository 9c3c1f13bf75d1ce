import os
from dataclasses import dataclass

import pytest

from doorward.admin import tokens
from doorward.admin.actor import LOCAL
from doorward.admin.mistake import Mistake, NotThere
from doorward.core.errors import Refused, Why
from doorward.core.policy import By
from doorward.core.revoked import Revoked
from doorward.core.route import Route
from doorward.core.secret import Secret
from doorward.crypto.jose import sign_jwt
from doorward.crypto.keyring import Keyring, new_signing_key
from doorward.crypto.token_claims import ACCESS_TOKEN
from doorward.ledger.mint import Issued, Mint, TokenOptions
from doorward.methods.jwt import Jwt
from tests.methods.place import NOW, Place, request

ISSUER = "https://door.example"
ROUTE = Route(path="/**", allow=By("jwt"))


@dataclass
class Issuing:
    place: Place
    keyring: Keyring
    mint: Mint

    async def revoke(self, text: str, issuer: str = ISSUER) -> tokens.RevokedToken:
        place = self.place
        return await tokens.revoke(
            Secret(text), store=place.store, keyring=self.keyring, peppers=place.peppers, issuer=issuer, actor=LOCAL, now=place.now
        )

    async def is_revoked(self, issued: Issued) -> bool:
        """Asked as another worker would, after it has read the changes."""
        revoked = Revoked()
        for change in await self.place.store.changes.since(0):
            revoked.apply(change)
        method = Jwt(keyring=self.keyring, revoked=revoked, clock=self.place.clock, issuer=ISSUER)
        shown = method.find(request([("Authorization", f"Bearer {issued.access_token.reveal()}")]), ROUTE)
        assert shown is not None
        try:
            await method.prove(shown)
        except Refused as refused:
            assert refused.why is Why.REVOKED
            return True
        return False


@pytest.fixture
async def issuing(place: Place) -> Issuing:
    keyring = Keyring()
    keyring.load([new_signing_key("ES256", place.sealer, os.urandom, NOW, NOW)], place.sealer, NOW)
    mint = Mint(
        store=place.store,
        keyring=keyring,
        peppers=place.peppers,
        clock=place.clock,
        entropy=os.urandom,
        issuer=ISSUER,
        options=TokenOptions(),
    )
    return Issuing(place, keyring, mint)


async def test_one_access_token_is_revoked_and_the_others_live(place: Place, issuing: Issuing) -> None:
    account = await place.account()
    one, other = await issuing.mint.sign_in(account, place.now), await issuing.mint.sign_in(account, place.now)
    done = await issuing.revoke(f"  {one.access_token.reveal()}\n")
    assert (done.what, done.subject) == ("access_token", "alice")
    assert await issuing.is_revoked(one)
    assert not await issuing.is_revoked(other)


async def test_a_refresh_token_takes_the_whole_sign_in_with_it(place: Place, issuing: Issuing) -> None:
    issued = await issuing.mint.sign_in(await place.account(), place.now)
    assert issued.refresh_token is not None
    done = await issuing.revoke(issued.refresh_token.reveal())
    assert (done.what, done.subject) == ("grant", "alice")
    assert await issuing.is_revoked(issued)


async def test_what_is_no_token_of_ours_is_told_without_being_repeated(place: Place, issuing: Issuing) -> None:
    issued = await issuing.mint.sign_in(await place.account(), place.now)
    text = issued.access_token.reveal()
    changed = text[:-8] + ("AAAAAAAA" if not text.endswith("AAAAAAAA") else "BBBBBBBB")
    identity = sign_jwt({"iss": ISSUER}, issuing.keyring.active(NOW), "JWT")
    for wrong in ("", "garbage", "a.b.c", changed, identity, "rt_short", "\u00e9.b.c"):
        with pytest.raises(Mistake) as caught:
            await issuing.revoke(wrong)
        assert len(wrong) < 10 or wrong not in str(caught.value)
    with pytest.raises(Mistake, match="issuer"):
        await issuing.revoke(text, issuer="https://other.example")
    with pytest.raises(NotThere):
        await issuing.revoke("rt_" + "0" * 43)
    assert not await issuing.is_revoked(issued)


async def test_an_expired_token_needs_no_revocation(place: Place, issuing: Issuing) -> None:
    keyring = issuing.keyring
    claims = {"iss": ISSUER, "aud": ISSUER, "sub": "alice", "jti": "t1", "iat": NOW - 60, "exp": NOW}
    with pytest.raises(NotThere, match="expired"):
        await issuing.revoke(sign_jwt(claims, keyring.active(NOW), ACCESS_TOKEN))
