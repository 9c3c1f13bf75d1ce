from dataclasses import replace
from pathlib import Path

import pytest

from doorward.core.errors import Refused, Why
from doorward.core.event import Kind
from doorward.core.proof import Proof
from doorward.core.store import Unavailable
from doorward.crypto.jose import parse_jwt
from doorward.crypto.keyring import Keyring
from doorward.ledger.mint import Mint, TokenOptions
from tests.ledger.desk import ADA, ISSUER, SEALER, Desk, refresh_of
from tests.methods.place import NOW


@pytest.mark.rfc("9068", "2")
async def test_a_sign_in_gives_an_access_token_of_15_minutes_with_every_required_claim(desk: Desk) -> None:
    issued = await desk.mint.sign_in(ADA, NOW)
    parsed = parse_jwt(issued.access_token.reveal())
    assert (parsed.header.alg, parsed.header.typ) == ("ES256", "at+jwt")
    jti, gid = parsed.claims.pop("jti"), parsed.claims.pop("gid")
    assert isinstance(jti, str)
    assert len(jti) >= 20
    assert gid == issued.grant_id
    assert parsed.claims == {
        "iss": ISSUER,
        "sub": "ada",
        "aud": ISSUER,
        "exp": int(NOW) + 900,
        "iat": int(NOW),
        "client_id": ISSUER,
        "scope": "read:pets write:pets",
        "roles": ["keeper"],
        "seq": 0,
        "auth_time": int(NOW),
    }
    assert issued.expires_in == 900
    assert refresh_of(issued).reveal().startswith("rt_")
    assert await desk.events() == [Kind.SIGNED_IN]


async def test_the_email_is_told_where_the_scopes_allow(desk: Desk) -> None:
    await desk.add(replace(ADA, name="bob", email="bob@example.org", scopes=frozenset({"email"})))
    claims = parse_jwt((await desk.mint.sign_in(replace(ADA, name="bob", scopes=frozenset({"email"})), NOW)).access_token.reveal()).claims
    assert claims["email"] == "bob@example.org"


async def test_the_token_proves_its_owner_and_no_two_share_an_id(desk: Desk) -> None:
    one, two = await desk.mint.sign_in(ADA, NOW), await desk.mint.sign_in(ADA, NOW)
    first, second = await desk.prove(one.access_token), await desk.prove(two.access_token)
    assert isinstance(first, Proof)
    assert isinstance(second, Proof)
    assert first.credential_id != second.credential_id
    assert (first.subject, first.client, first.authenticated_at) == ("ada", None, int(NOW))


async def test_no_token_in_clear_is_in_the_store(desk: Desk, tmp_path: Path) -> None:
    issued = await desk.mint.sign_in(ADA, NOW)
    second = refresh_of(await desk.refresh(refresh_of(issued)))
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert issued.grant_id.encode() in kept
    for secret in (refresh_of(issued), second, issued.access_token):
        assert secret.reveal().encode() not in kept
        assert secret.reveal()[3:].encode() not in kept
        assert secret.reveal() not in repr(issued)


async def test_an_account_that_ended_during_the_sign_in_gets_nothing(desk: Desk) -> None:
    await desk.revoke.account("ada", actor="root", now=NOW)
    with pytest.raises(Refused) as caught:
        await desk.mint.sign_in(ADA, NOW)
    assert caught.value.why is Why.REVOKED
    assert Kind.SIGNED_IN not in await desk.events()


async def test_sessions_ended_while_the_password_was_checked_end_this_sign_in_too(desk: Desk) -> None:
    desk.now = NOW + 1
    await desk.revoke.subject("ada", actor="root", now=NOW + 0.5)
    with pytest.raises(Refused):
        await desk.mint.sign_in(ADA, NOW)
    assert isinstance(await desk.prove((await desk.mint.sign_in(ADA, NOW + 1)).access_token), Proof)


async def test_without_a_signing_key_the_sign_in_is_unavailable(desk: Desk) -> None:
    desk.keyring.load([], SEALER, NOW)
    with pytest.raises(Unavailable, match="signing key"):
        await desk.mint.sign_in(ADA, NOW)


@pytest.mark.rfc("7519", "4.1.3")
async def test_more_audiences_may_be_configured(desk: Desk) -> None:
    desk.options = TokenOptions(audiences=("https://shop.example",))
    claims = parse_jwt((await desk.mint.sign_in(ADA, NOW)).access_token.reveal()).claims
    assert claims["aud"] == [ISSUER, "https://shop.example"]


async def test_a_service_that_shares_a_key_gets_hs256_and_only_it(desk: Desk) -> None:
    ring = Keyring()
    ring.load(desk.keyring.records, SEALER, NOW)
    handle = ring.share("https://legacy.example", "legacy", b"s" * 32)
    made = desk.mint
    mint = Mint(
        store=desk.store,
        keyring=ring,
        peppers=made.peppers,
        clock=desk.clock,
        entropy=made.entropy,
        issuer=ISSUER,
        options=desk.options,
        shared={"https://legacy.example": handle},
    )
    for audience, alg in (("https://legacy.example", "HS256"), ("https://new.example", "ES256")):
        issued = await mint.issue("ada", audience=audience, scopes=frozenset({"read:pets"}), life=60, actor="root")
        parsed = parse_jwt(issued.access_token.reveal())
        assert (parsed.header.alg, parsed.claims["aud"], parsed.claims["exp"]) == (alg, audience, int(NOW) + 60)
        assert issued.refresh_token is None


async def test_an_issued_token_has_no_more_than_its_subject_may_do_and_dies_with_its_grant(desk: Desk) -> None:
    issued = await desk.mint.issue("ada", audience=ISSUER, scopes=frozenset({"read:pets", "admin:all"}), life=60, actor="root")
    assert issued.scopes == {"read:pets"}
    await desk.revoke.grant(issued.grant_id, actor="root", now=NOW)
    assert await desk.prove(issued.access_token) is Why.REVOKED


@pytest.mark.parametrize(
    "wrong",
    [{"access_life": 0}, {"access_life": 10**6}, {"refresh_life": 1}, {"refresh_grace": 61}, {"refresh_grace": -1}, {"longest_grant": 60}],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=": "):
        TokenOptions(**wrong)  # type: ignore[arg-type]  # only numbers here


async def test_seq_is_what_was_announced_before_the_mint(desk: Desk) -> None:
    receipt = await desk.revoke.subject("somebody", actor="root", now=NOW)
    claims = parse_jwt((await desk.mint.sign_in(ADA, NOW)).access_token.reveal()).claims
    assert claims["seq"] == receipt.seq
