import json
import os
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.core.event import Change, Topic
from doorward.core.proof import Proof
from doorward.core.revoked import Revoked
from doorward.core.route import Route
from doorward.core.signing import SigningKey
from doorward.core.store import Unavailable
from doorward.crypto.jose import sign_jwt
from doorward.crypto.keyring import Keyring, new_signing_key
from doorward.crypto.seal import Sealer
from doorward.methods.jwt import Jwt, JwtOptions
from tests.methods.jwt_door import HERE, JwtDoor
from tests.methods.place import NOW, request

ISSUER = "https://door.example"
SEALER = Sealer({"a": b"a" * 32}, "a", os.urandom)
KEY = new_signing_key("ES256", SEALER, os.urandom, NOW - 100, NOW - 100)
FOREIGN = new_signing_key("ES256", SEALER, os.urandom, NOW - 100, NOW - 100)
SHOP = Route(path="/**", allow=None, audience="https://shop.example")
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "ada",
    "aud": ISSUER,
    "exp": NOW + 900,
    "iat": NOW,
    "jti": "j1",
    "client_id": ISSUER,
    "scope": "read:pets write:pets",
    "roles": ["keeper"],
    "gid": "g1",
    "seq": 7,
    "auth_time": NOW - 60,
}


def ring_of(*keys: SigningKey) -> Keyring:
    ring = Keyring()
    ring.load(keys, SEALER, NOW)
    return ring


@dataclass
class Door(JwtDoor):
    now: float = NOW
    fresh: bool = True
    memo: int = 100
    ring: Keyring = field(default_factory=lambda: ring_of(KEY))
    revoked: Revoked = field(default_factory=Revoked)

    def __post_init__(self) -> None:
        self.method = Jwt(
            keyring=self.ring,
            revoked=self.revoked,
            clock=lambda: self.now,
            issuer=ISSUER,
            fresh=lambda: self.fresh,
            options=JwtOptions(memo=self.memo),
        )

    def token(self, typ: str = "at+jwt", /, **changed: object) -> str:
        claims = {name: value for name, value in (CLAIMS | changed).items() if value is not None}
        return sign_jwt(claims, self.ring.active(NOW), typ)


@pytest.mark.rfc("9068", "4")
@pytest.mark.rfc("6750", "2.1")
async def test_a_token_of_ours_is_a_proof_with_its_scopes_roles_and_sign_in_time() -> None:
    proof = await Door().prove(Door().token())
    assert proof == Proof(
        method="jwt",
        subject="ada",
        credential_id="j1",
        client=None,
        scopes=frozenset({"read:pets", "write:pets"}),
        roles=frozenset({"keeper"}),
        claims=CLAIMS,
        authenticated_at=NOW - 60,
        expires_at=NOW + 900,
    )


async def test_a_token_of_a_client_names_it() -> None:
    assert (await Door().prove(Door().token(client_id="shop-app"))).client == "shop-app"


async def test_a_token_without_scope_has_no_scopes_rather_than_all() -> None:
    assert (await Door().prove(Door().token(scope=None))).scopes == frozenset()


@pytest.mark.parametrize(
    "header", [None, "Bearer sk_live_abc", "Basic eyJh.eyJh.AAAA", "Bearer eyJh", "Bearer eyJh.AAAA", "Bearer a.b.c", "eyJ.a.b"]
)
def test_what_has_not_the_shape_of_a_jwt_is_not_mine(header: str | None) -> None:
    assert Door().method.find(request([("Authorization", header)] if header else []), HERE) is None


def test_the_header_twice_is_refused() -> None:
    fields = [("Authorization", f"Bearer {Door().token()}")] * 2
    with pytest.raises(Refused) as caught:
        Door().method.find(request(fields), HERE)
    assert caught.value.why is Why.SHOWN_TWICE


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60))
def test_any_bearer_text_is_not_mine_or_malformed_or_unproven(text: str) -> None:
    try:
        Door().method.find(request([("Authorization", f"Bearer eyJ{text}")]), HERE)
    except Refused as refused:
        assert refused.why is Why.MALFORMED


@pytest.mark.rfc("9068", "4")
@pytest.mark.rfc("8725", "3.11")
@pytest.mark.parametrize("typ", ["JWT", "jwt", "dpop+jwt", "logout+jwt", "id+jwt", "statuslist+jwt", "doorward-identity+jwt", ""])
async def test_no_other_token_of_our_issuer_passes_as_an_access_token(typ: str) -> None:
    assert await Door().why(Door().token(typ)) is Why.WRONG_TYPE


@pytest.mark.rfc("7519", "4.1.1")
@pytest.mark.parametrize("iss", [None, "", ISSUER + "/", "https://evil.example", 7, [ISSUER]])
async def test_another_issuer_is_refused(iss: object) -> None:
    assert await Door().why(Door().token(iss=iss)) is Why.WRONG_ISSUER


async def test_a_key_of_another_and_no_key_at_all_are_refused() -> None:
    assert await Door().why(Door(ring=ring_of(FOREIGN)).token()) is Why.UNKNOWN
    masked = replace(
        FOREIGN, kid=KEY.kid, sealed=SEALER.seal(SEALER.open(FOREIGN.sealed, "a", "signing_key", FOREIGN.kid), "signing_key", KEY.kid)
    )
    masked = replace(masked, public=json.dumps({**json.loads(FOREIGN.public), "kid": KEY.kid}))
    assert await Door().why(Door(ring=ring_of(masked)).token()) is Why.WRONG_SIGNATURE


@pytest.mark.rfc("7519", "4.1.3")
@pytest.mark.parametrize(("aud", "here"), [(ISSUER, True), ([ISSUER, "x"], True), ("x", False), ([], False), ([ISSUER.upper()], False)])
async def test_the_audience_is_the_issuer_unless_the_route_has_its_own(aud: object, here: bool) -> None:
    assert await Door().why(Door().token(aud=aud)) is (None if here else Why.WRONG_AUDIENCE)
    assert await Door().why(Door().token(aud=aud), SHOP) is Why.WRONG_AUDIENCE
    assert await Door().why(Door().token(aud=["x", SHOP.audience]), SHOP) is None


@pytest.mark.rfc("7519", "4.1.4")
@pytest.mark.parametrize("remembered", [False, True])
async def test_at_its_end_a_token_has_ended(remembered: bool) -> None:
    door = Door()
    token = door.token(exp=NOW + 10)
    if remembered:
        await door.prove(token)
    door.now = NOW + 9.999
    assert await door.why(token) is None
    door.now = NOW + 10
    assert await door.why(token) is Why.EXPIRED


@pytest.mark.rfc("7519", "4.1.5")
@pytest.mark.rfc("7519", "4.1.6")
async def test_a_token_from_the_future_is_not_valid_yet() -> None:
    assert await Door().why(Door().token(nbf=NOW + 1)) is Why.NOT_YET
    assert await Door().why(Door().token(nbf=NOW)) is None
    assert await Door().why(Door().token(iat=NOW + 60)) is None
    assert await Door().why(Door().token(iat=NOW + 61)) is Why.NOT_YET


@pytest.mark.rfc("9068", "2.2")
@pytest.mark.parametrize(
    "changed",
    [
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"jti": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": -1},
        {"exp": 10**400},
        {"iat": None},
        {"aud": None},
        {"aud": 7},
        {"aud": [7]},
        {"aud": {"a": 1}},
        {"scope": ["read"]},
        {"roles": "keeper"},
        {"roles": [["keeper"]]},
        {"gid": 1},
        {"seq": "7"},
        {"seq": 1.5},
        {"client_id": []},
        {"nbf": "x"},
        {"auth_time": []},
    ],
    ids=str,
)
async def test_a_claim_that_is_missing_or_of_another_type_is_malformed(changed: dict[str, object]) -> None:
    assert await Door().why(Door().token(**changed)) is Why.MALFORMED


@pytest.mark.parametrize("remembered", [False, True])
@pytest.mark.parametrize(
    ("topic", "id", "at", "seq", "dead"),
    [
        (Topic.TOKEN, "j1", NOW, 9, True),
        (Topic.TOKEN, "j2", NOW, 9, False),
        (Topic.GRANT, "g1", NOW, 9, True),
        (Topic.GRANT, "g2", NOW, 9, False),
        (Topic.SUBJECT, "ada", NOW + 1, 9, True),
        (Topic.SUBJECT, "ada", NOW - 1, 9, True),
        (Topic.SUBJECT, "ada", NOW + 1, 7, False),
        (Topic.SUBJECT, "ada", NOW, 8, True),
        (Topic.SUBJECT, "ada", NOW, 7, False),
        (Topic.CLIENT, ISSUER, NOW + 1, 9, True),
        (Topic.CLIENT, "ada", NOW + 1, 9, False),
        (Topic.CREDENTIAL, "j1", NOW, 9, False),
    ],
)
async def test_revocation_is_asked_on_every_hit(topic: Topic, id: str, at: float, seq: int, dead: bool, remembered: bool) -> None:
    door = Door()
    token = door.token()
    if remembered:
        await door.prove(token)
    door.revoked.apply(Change(topic=topic, id=id, at=at, until=NOW + 1000, seq=seq))
    assert await door.why(token) is (Why.REVOKED if dead else None)


async def test_expired_and_revoked_are_said_of_genuine_tokens_only() -> None:
    door = Door()
    door.revoked.apply(Change(topic=Topic.TOKEN, id="j1", at=NOW, until=NOW + 1000, seq=9))
    for changed in ({"exp": NOW - 1}, {}):
        token = door.token(**changed)
        head, claims, signature = token.split(".")
        forged = f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
        assert await door.why(token) in (Why.EXPIRED, Why.REVOKED)
        assert await door.why(forged) is Why.WRONG_SIGNATURE


async def test_while_revocations_are_not_known_nothing_is_proven() -> None:
    door = Door()
    token = door.token()
    await door.prove(token)
    door.fresh = False
    with pytest.raises(Unavailable):
        await door.prove(token)


async def test_a_remembered_token_is_not_verified_again_but_its_audience_is_asked() -> None:
    door = Door()
    token = door.token()
    assert await door.prove(token) is await door.prove(token)
    assert await door.why(token, SHOP) is Why.WRONG_AUDIENCE


async def test_a_key_that_is_retired_or_joined_by_another_logs_nobody_out() -> None:
    door = Door()
    token = door.token()
    await door.prove(token)
    door.ring.load([replace(KEY, retired_at=NOW + 1, gone_at=NOW + 500), FOREIGN], SEALER, NOW)
    assert door.method.forget_withdrawn() == 0
    assert await door.why(token) is None
    door.now = NOW + 499.9
    assert await door.why(token) is None
    door.now = NOW + 500
    assert await door.why(token) is Why.UNKNOWN


async def test_a_withdrawn_key_takes_its_remembered_tokens_with_it() -> None:
    door = Door()
    token = door.token()
    await door.prove(token)
    door.ring.load([replace(KEY, gone_at=NOW)], SEALER, NOW)
    assert door.method.forget_withdrawn() == 1
    assert await door.why(token) is Why.UNKNOWN


async def test_a_withdrawn_key_is_noticed_also_by_a_token_found_before() -> None:
    door = Door()
    token = door.token()
    await door.prove(token)
    shown = door.method.find(request([("Authorization", f"Bearer {token}")]), HERE)
    assert shown is not None
    door.ring.load([], SEALER, NOW)
    with pytest.raises(Refused) as caught:
        await door.method.prove(shown)
    assert caught.value.why is Why.UNKNOWN
    assert door.method.forget_withdrawn() == 0


async def test_the_memo_is_bounded_and_can_be_off() -> None:
    small = Door(memo=3)
    tokens = [small.token(jti=f"j{number}") for number in range(5)]
    for token in tokens:
        await small.prove(token)
    assert len(small.method._memo) == 3
    off = Door(memo=0)
    token = off.token()
    assert await off.prove(token) is not await off.prove(token)


async def test_refused_tokens_are_not_remembered() -> None:
    door = Door()
    for changed in ({"aud": "x"}, {"exp": NOW}, {"sub": ""}):
        assert await door.why(door.token(**changed)) is not None
    assert not door.method._memo


async def test_a_service_that_shares_a_key_can_speak_to_itself_only() -> None:
    door = Door()
    handle = door.ring.share(SHOP.audience or "", "shared", b"s" * 32)
    token = sign_jwt(CLAIMS | {"aud": SHOP.audience}, handle, "at+jwt")
    assert await door.why(token, SHOP) is None
    for aud in (ISSUER, [SHOP.audience, ISSUER]):
        assert await door.why(sign_jwt(CLAIMS | {"aud": aud}, handle, "at+jwt"), SHOP) is Why.WRONG_AUDIENCE
        assert await door.why(sign_jwt(CLAIMS | {"aud": aud}, handle, "at+jwt")) is Why.WRONG_AUDIENCE


async def test_the_claims_of_a_proof_cannot_be_changed() -> None:
    proof = await Door().prove(Door().token())
    with pytest.raises(TypeError):
        proof.claims["sub"] = "root"  # type: ignore[index]  # that is the point
