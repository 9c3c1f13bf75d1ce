"""Tokens of other issuers, made by joserfc and PyJWT, through the method `jwt` and the real cache of keys."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt as pyjwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.core.event import Change, Topic
from doorward.core.issuer import Issuer, Rule
from doorward.core.proof import Proof
from doorward.core.revoked import Revoked
from doorward.core.route import Route
from doorward.core.store import Unavailable
from doorward.crypto.algorithms import ASYMMETRIC
from doorward.crypto.fixed_keys import FixedKeys, SharedSecret
from doorward.crypto.issuer_keys import keys_of
from doorward.methods.foreign_jwt import Trusted
from doorward.methods.jwt import Jwt
from doorward.outbound.published_keys import FRESH, PublishedKeys
from tests.methods.jwt_door import HERE, JwtDoor
from tests.methods.place import NOW
from tests.methods.test_jwt import ISSUER as OURS
from tests.methods.test_jwt import KEY, ring_of
from tests.outbound.issuer import URL, Key, Publisher

SHOP = Route(path="/**", allow=None, audience="https://shop.example")
EC, RSA, ED = Key("k1"), Key("k1", "RS256"), Key("k1", "EdDSA")
OTHER = "https://other.test"
SECRET = b"0123456789abcdef0123456789abcdef"
CLAIMS: dict[str, Any] = {"iss": URL, "sub": "ada", "aud": OURS, "exp": NOW + 900, "iat": NOW, "jti": "j1", "client_id": "spa"}


def corp(**changed: Any) -> Issuer:
    name = changed.get("name", "corp")
    return Issuer(**{"name": name, "issuer": URL, "audiences": frozenset({OURS}), "subject_prefix": f"{name}|"} | changed)


def fixed(*jwks: dict[str, Any], algorithms: frozenset[str] = ASYMMETRIC) -> FixedKeys:
    return FixedKeys(keys_of({"keys": list(jwks)}, algorithms))


class Door(JwtDoor):
    def __init__(self, *trusted: Trusted) -> None:
        self.now, self.revoked = NOW, Revoked()
        self.trusted = trusted or (Trusted(corp(), fixed(EC.public())),)
        self.method = Jwt(keyring=ring_of(KEY), revoked=self.revoked, clock=lambda: self.now, issuer=OURS, trusted=self.trusted)


def claims(**changed: Any) -> dict[str, Any]:
    return {name: value for name, value in (CLAIMS | changed).items() if value is not None}


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # what joserfc says of it; issuers use it
@pytest.mark.parametrize("alg", sorted(ASYMMETRIC))
async def test_a_token_of_another_issuer_is_a_proof_in_its_own_name_space(alg: str) -> None:
    key = Key("k", alg)
    token = key.sign(claims(scope="admin:keys write:pets", roles=["boss"]))
    assert await Door(Trusted(corp(), fixed(key.public()))).prove(token) == Proof(
        method="jwt",
        subject="corp|ada",
        credential_id="corp|j1",
        client="corp|spa",
        scopes=frozenset(),
        roles=frozenset(),
        claims=claims(scope="admin:keys write:pets", roles=["boss"]),
        expires_at=NOW + 900,
        issuer=URL,
    )


async def test_tokens_that_pyjwt_makes_are_taken_too() -> None:
    for key, alg in ((EC, "ES256"), (RSA, "PS384"), (RSA, "RS512"), (ED, "EdDSA")):
        headers = {"kid": "k1", "typ": "at+jwt"}
        token = pyjwt.encode(claims(), key.made.private_key, algorithm=alg, headers=headers)
        assert (await Door(Trusted(corp(), fixed(key.public(alg=None)))).prove(token)).subject == "corp|ada"


@pytest.mark.rfc("8725", "3.12")
@pytest.mark.parametrize(
    ("typ", "accepted", "more", "why"),
    [
        ("at+jwt", {"at+jwt"}, {}, None),
        ("application/at+jwt", {"at+jwt"}, {"nonce": "n"}, None),
        ("JWT", {"at+jwt"}, {}, Why.WRONG_TYPE),
        (None, {"at+jwt", "jwt"}, {}, Why.WRONG_TYPE),
        ("JWT", {"at+jwt", "jwt"}, {}, None),
        (None, {"absent"}, {}, None),
        ("id_token+jwt", {"at+jwt", "jwt", "absent"}, {}, Why.WRONG_TYPE),
        ("logout+jwt", {"at+jwt", "jwt", "absent"}, {}, Why.WRONG_TYPE),
        ("JWT", {"jwt"}, {"nonce": "n"}, Why.WRONG_TYPE),
        ("JWT", {"jwt"}, {"at_hash": "h"}, Why.WRONG_TYPE),
        ("JWT", {"jwt"}, {"c_hash": "h"}, Why.WRONG_TYPE),
        ("JWT", {"jwt"}, {"events": {}}, Why.WRONG_TYPE),
        ("JWT", {"jwt"}, {"token_use": "id"}, Why.WRONG_TYPE),
        ("JWT", {"jwt"}, {"token_use": "access"}, None),
        ("JWT", {"jwt"}, {"typ": "ID"}, Why.WRONG_TYPE),
        ("JWT", {"jwt"}, {"typ": "Refresh"}, Why.WRONG_TYPE),
        ("JWT", {"jwt"}, {"typ": "Bearer"}, None),
    ],
)
async def test_only_access_tokens_are_taken(typ: str | None, accepted: set[str], more: dict[str, Any], why: Why | None) -> None:
    door = Door(Trusted(corp(typ=frozenset(accepted)), fixed(EC.public())))
    assert await door.why(EC.sign(claims(**more), typ)) is why


def hs256(header: dict[str, Any], key: bytes) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    signed = f"{part({'alg': 'HS256', 'typ': 'at+jwt'} | header)}.{part(claims())}"
    return f"{signed}.{base64.urlsafe_b64encode(hmac.digest(key, signed.encode(), hashlib.sha256)).rstrip(b'=').decode()}"


def pem(key: Key) -> bytes:
    return bytes(key.made.as_pem(private=False))


def unsigned(header: dict[str, Any]) -> str:
    whole = hs256(header, b"x")
    return whole[: whole.rindex(".") + 1]


CONFUSION: dict[str, tuple[Callable[[], str], Why]] = {
    "HS256 with the public key as PEM": (lambda: hs256({"kid": "k1"}, pem(EC)), Why.UNKNOWN),
    "HS256 with the public key as JWK": (lambda: hs256({"kid": "k1"}, json.dumps(EC.public()).encode()), Why.UNKNOWN),
    "HS256 with the secret of another issuer": (lambda: hs256({}, SECRET), Why.UNKNOWN),
    "HS256 with an empty secret": (lambda: hs256({"kid": "k1"}, b""), Why.UNKNOWN),
    "none": (lambda: unsigned({"alg": "none", "kid": "k1"}), Why.MALFORMED),
    "NonE": (lambda: unsigned({"alg": "NonE", "kid": "k1"}), Why.MALFORMED),
    "no signature under ES256": (lambda: unsigned({"alg": "ES256", "kid": "k1"}), Why.WRONG_SIGNATURE),
    "a key in the header": (lambda: Key("k1").sign(claims(), jwk=Key("k1").public()), Why.MALFORMED),
    "a key's address in the header": (lambda: EC.sign(claims(), jku="https://evil.test/jwks"), Why.MALFORMED),
    "a certificate's address in the header": (lambda: EC.sign(claims(), x5u="https://evil.test/x"), Why.MALFORMED),
    "the kid of another issuer, its key": (lambda: Key("k2", made=RSA.made, alg="RS256").sign(claims()), Why.UNKNOWN),
    "the same kid, the key of another issuer": (lambda: RSA.sign(claims()), Why.UNKNOWN),
    "the same kid and algorithm, another key": (lambda: Key("k1").sign(claims()), Why.WRONG_SIGNATURE),
    "our own iss, its key": (lambda: EC.sign(claims(iss=OURS)), Why.UNKNOWN),
    "its iss with a slash": (lambda: EC.sign(claims(iss=f"{URL}/")), Why.WRONG_ISSUER),
    "its iss in capitals": (lambda: EC.sign(claims(iss=URL.upper())), Why.WRONG_ISSUER),
    "its iss in a list": (lambda: EC.sign(claims(iss=[URL])), Why.WRONG_ISSUER),
    "no iss": (lambda: EC.sign(claims(iss=None)), Why.WRONG_ISSUER),
    "a kid that is a path": (lambda: Key("../../dev/null", made=EC.made).sign(claims()), Why.UNKNOWN),
    "a kid that is SQL": (lambda: Key("' OR 1=1 --", made=EC.made).sign(claims()), Why.UNKNOWN),
    "another curve's algorithm": (lambda: Key("k1", "ES384").sign(claims()), Why.UNKNOWN),
}


@pytest.mark.rfc("8725", "2.1")
@pytest.mark.rfc("8725", "3.8")
@pytest.mark.parametrize("trick", CONFUSION)
async def test_keys_and_algorithms_are_not_confused(trick: str) -> None:
    door = Door(
        Trusted(corp(), fixed(EC.public())),
        Trusted(corp(name="other", issuer=OTHER), fixed(RSA.public(), Key("k2", "RS256", RSA.made).public())),
        Trusted(corp(name="shared", issuer="shared"), SharedSecret(SECRET)),
    )
    make, why = CONFUSION[trick]
    assert await door.why(make()) is why


async def test_a_shared_secret_proves_hs256_of_its_issuer_only() -> None:
    door = Door(Trusted(corp(), SharedSecret(SECRET)), Trusted(corp(name="other", issuer=OTHER), fixed(EC.public())))
    assert (await door.prove(hs256({}, SECRET))).subject == "corp|ada"
    assert (await door.prove(hs256({"kid": "any"}, SECRET))).issuer == URL
    assert await door.why(hs256({}, SECRET[:-1] + b"x")) is Why.WRONG_SIGNATURE
    assert await door.why(EC.sign(claims())) is Why.UNKNOWN
    token = pyjwt.encode(claims(), SECRET, algorithm="HS256", headers={"typ": "at+jwt"})
    assert (await door.prove(token)).subject == "corp|ada"


@pytest.mark.rfc("7518", "3.2")
def test_a_secret_below_256_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="256|32"):
        SharedSecret(SECRET[:-1])


@pytest.mark.rfc("8725", "3.9")
async def test_the_audience_is_what_the_route_names_or_what_the_issuer_calls_us() -> None:
    default, api = Door(), Door(Trusted(corp(audiences=frozenset({"api://one", "api://two"})), fixed(EC.public())))
    for door, audience, route, why in (
        (default, OURS, HERE, None),
        (default, ["x", OURS], HERE, None),
        (default, "api://one", HERE, Why.WRONG_AUDIENCE),
        (default, OURS, SHOP, Why.WRONG_AUDIENCE),
        (default, "https://shop.example", SHOP, None),
        (api, "api://one", HERE, None),
        (api, ["api://two"], HERE, None),
        (api, OURS, HERE, Why.WRONG_AUDIENCE),
        (api, "api://one", SHOP, Why.WRONG_AUDIENCE),
        (api, [OURS, "https://shop.example"], SHOP, None),
        (api, [], HERE, Why.MALFORMED),
        (api, None, HERE, Why.MALFORMED),
        (api, ["api://one", 1], HERE, Why.MALFORMED),
        (api, "", HERE, Why.MALFORMED),
    ):
        token = EC.sign(claims(aud=audience))
        assert await door.why(token, route) is why
        assert await door.why(token, route) is why  # from memory


async def test_a_token_without_aud_is_taken_where_another_claim_was_named_for_it() -> None:
    door = Door(Trusted(corp(audience_claim=("client_id",), audiences=frozenset({"spa"})), fixed(EC.public())))
    assert await door.why(EC.sign(claims(aud=None))) is None
    assert await door.why(EC.sign(claims(aud=None, client_id="evil"))) is Why.WRONG_AUDIENCE


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"exp": NOW}, Why.EXPIRED),
        ({"exp": None}, Why.MALFORMED),
        ({"exp": "soon"}, Why.MALFORMED),
        ({"exp": -1}, Why.MALFORMED),
        ({"exp": 1e300}, Why.MALFORMED),
        ({"exp": True}, Why.MALFORMED),
        ({"nbf": NOW + 1}, Why.NOT_YET),
        ({"nbf": NOW + 30, "iat": NOW + 30}, None),
        ({"iat": NOW + 61}, Why.NOT_YET),
        ({"iat": None}, Why.MALFORMED),
        ({"exp": NOW + 90 * 86400}, None),
        ({"exp": NOW + 90 * 86400 + 1}, Why.MALFORMED),
        ({"iat": 0}, Why.MALFORMED),
        ({"jti": None}, None),
        ({"jti": ""}, Why.MALFORMED),
        ({"jti": 7}, Why.MALFORMED),
        ({"sub": None}, Why.MALFORMED),
        ({"sub": ""}, Why.MALFORMED),
        ({"sub": 7}, Why.MALFORMED),
        ({"sub": "a\nb"}, Why.MALFORMED),
        ({"sub": "a" * 256}, Why.MALFORMED),
        ({"client_id": {}}, Why.MALFORMED),
        ({"cnf": {}}, Why.MALFORMED),
        ({"cnf": {"kid": "x"}}, Why.MALFORMED),
    ],
)
async def test_each_claim_is_of_its_type(changed: dict[str, Any], why: Why | None) -> None:
    assert await Door().why(EC.sign(claims(**changed))) is why


async def test_what_is_claimed_becomes_scopes_and_roles_by_rule() -> None:
    rules = (
        Rule(claim=("groups",), value="admins", scopes=frozenset({"admin:keys"}), roles=frozenset({"admin"})),
        Rule(claim=("realm_access", "roles"), value="seller", scopes=frozenset({"write:pets"})),
        Rule(claim=("scp",), value="pets.read", scopes=frozenset({"read:pets"})),
        Rule(claim=("email_verified",), value=True, roles=frozenset({"reachable"})),
        Rule(claim=("https://example.com/tier",), scopes=frozenset({"tier"})),
    )
    door = Door(Trusted(corp(rules=rules), fixed(EC.public())))
    for claimed, scopes, roles in (
        ({}, set(), set()),
        ({"groups": ["staff", "admins"]}, {"admin:keys"}, {"admin"}),
        ({"groups": "admins"}, {"admin:keys"}, {"admin"}),
        ({"groups": "all admins"}, set(), set()),
        ({"groups": ["admins "]}, set(), set()),
        ({"groups": {"admins": True}}, set(), set()),
        ({"realm_access": {"roles": ["seller"]}}, {"write:pets"}, set()),
        ({"realm_access": ["roles"]}, set(), set()),
        ({"scp": "pets.read pets.write"}, {"read:pets"}, set()),
        ({"scp": ["pets.read"]}, {"read:pets"}, set()),
        ({"email_verified": True}, set(), {"reachable"}),
        ({"email_verified": 1}, set(), set()),
        ({"email_verified": "true"}, set(), set()),
        ({"https://example.com/tier": 0}, {"tier"}, set()),
    ):
        proof = await door.prove(EC.sign(claims(**claimed)))
        assert (proof.scopes, proof.roles) == (frozenset(scopes), frozenset(roles)), claimed


async def test_the_tokens_own_scopes_are_believed_where_it_says_so_but_never_admin() -> None:
    door = Door(Trusted(corp(token_scopes=True, roles_claim=("realm_access", "roles")), fixed(EC.public())))
    proof = await door.prove(EC.sign(claims(scope="read:pets admin:keys", scp=["write:pets", 1], realm_access={"roles": ["boss", None]})))
    assert proof.scopes == frozenset({"read:pets", "write:pets"})
    assert proof.roles == {"boss"}


@pytest.mark.parametrize(
    "scp", [["read:pets admin:keys"], ["read:pets\tadmin:keys"], ["read:pets", "\u00a0admin:keys"], ["read:pets", 'a"b']]
)
async def test_no_blank_in_a_claimed_scope_carries_another_one_to_the_service_behind(scp: list[str]) -> None:
    door = Door(Trusted(corp(token_scopes=True), fixed(EC.public())))
    assert (await door.prove(EC.sign(claims(scp=scp)))).scopes == frozenset({"read:pets"})


async def test_required_claims_must_hold() -> None:
    require = (Rule(claim=("email_verified",), value=True), Rule(claim=("hd",), value="example.com"))
    door = Door(Trusted(corp(require=require), fixed(EC.public())))
    assert await door.why(EC.sign(claims(email_verified=True, hd="example.com"))) is None
    assert await door.why(EC.sign(claims(email_verified=True))) is Why.WRONG_TYPE
    assert await door.why(EC.sign(claims(email_verified=False, hd="example.com"))) is Why.WRONG_TYPE


async def test_a_subject_of_its_own_claim_and_prefix() -> None:
    door = Door(Trusted(corp(subject_claim=("act", "email"), subject_prefix="corp:"), fixed(EC.public())))
    assert (await door.prove(EC.sign(claims(act={"email": "ada@example.com"})))).subject == "corp:ada@example.com"
    assert await door.why(EC.sign(claims())) is Why.MALFORMED


async def test_a_token_that_is_bound_to_a_key_says_so() -> None:
    token = EC.sign(claims(cnf={"jkt": "abc"}))
    proof = await Door().prove(token)
    assert proof.bound_to == {"jkt:abc"}
    assert proof.ath == base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("topic", "id", "revoked"),
    [
        (Topic.TOKEN, "corp|j1", True),
        (Topic.TOKEN, "j1", False),
        (Topic.SUBJECT, "corp|ada", True),
        (Topic.SUBJECT, "ada", False),
        (Topic.CLIENT, "corp|spa", True),
        (Topic.CLIENT, "spa", False),
        (Topic.SUBJECT, "other|ada", False),
    ],
)
async def test_revocation_is_by_the_name_that_stands_under_its_issuer(topic: Topic, id: str, revoked: bool) -> None:
    door, token = Door(), EC.sign(claims())
    await door.prove(token)
    door.revoked.apply(Change(topic=topic, id=id, at=NOW + 1, until=NOW + 9999, seq=5))
    assert (await door.why(token) is Why.REVOKED) == revoked
    assert await door.why(EC.sign(claims(jti="new", iat=NOW + 2))) is None


async def test_a_token_without_jti_has_a_name_of_its_own_to_be_revoked_by() -> None:
    door, token = Door(), EC.sign(claims(jti=None))
    proof = await door.prove(token)
    assert proof.credential_id.startswith("corp|sha256:")
    door.revoked.apply(Change(topic=Topic.TOKEN, id=proof.credential_id, at=NOW, until=NOW + 9999, seq=5))
    assert await door.why(token) is Why.REVOKED


class Online(Door):
    """Its keys are published and fetched."""

    def __init__(self) -> None:
        self.publisher, self.monotonic = Publisher().publish(EC.public()), 0.0
        keys = PublishedKeys(
            URL,
            fetcher=self.publisher,
            algorithms=ASYMMETRIC,
            clock=lambda: self.monotonic,
            stale=7200,
            on_change=lambda: self.changed(),
        )
        super().__init__(Trusted(corp(), keys))

    def changed(self) -> None:
        self.method.forget_withdrawn()


async def test_a_withdrawn_key_is_forgotten_with_what_it_proved() -> None:
    door, token = Online(), EC.sign(claims())
    await door.prove(token)
    assert len(door.method._memo) == 1
    door.publisher.publish(Key("k2").public())
    door.monotonic += FRESH[1]
    assert await door.why(token) is None  # the last time: it is looked for in the background
    while door.method._memo:
        await asyncio.sleep(0.001)
    assert await door.why(token) is Why.UNKNOWN


async def test_stale_keys_prove_nothing_even_from_memory() -> None:
    door, token = Online(), EC.sign(claims())
    await door.prove(token)
    door.publisher.fail()
    door.monotonic += 7199
    assert await door.why(token) is None
    door.monotonic += 1
    with pytest.raises(Unavailable):
        await door.prove(token)
    assert door.method._memo == {}


async def test_an_issuer_that_is_down_from_the_start_is_no_wrong_credential() -> None:
    door = Online()
    door.publisher.fail()
    with pytest.raises(Unavailable):
        await door.prove(EC.sign(claims()))
    assert await door.why(EC.sign(claims(iss="https://nobody.test"))) is Why.WRONG_ISSUER
    assert len(door.publisher.asked) == 1


async def test_a_token_that_could_not_be_one_asks_for_no_keys() -> None:
    door = Online()
    assert await door.why(EC.sign(claims(), "JWT")) is Why.WRONG_TYPE
    assert door.publisher.asked == []


async def test_it_is_remembered_and_still_expires() -> None:
    door, token = Online(), EC.sign(claims())
    first = await door.prove(token)
    assert await door.prove(token) is first
    door.now += 900
    assert await door.why(token) is Why.EXPIRED


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.lists(st.text(max_size=4), max_size=3)
)
NAMES = st.sampled_from(["sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "azp", "auth_time", "cnf", "scope", "scp", "roles", "typ"])


@settings(max_examples=60)
@given(st.dictionaries(NAMES, VALUES | st.dictionaries(st.text(max_size=4), VALUES, max_size=2), max_size=4))
async def test_whatever_is_claimed_is_a_proof_or_a_refusal(changed: dict[str, Any]) -> None:
    issuer = corp(typ=frozenset({"jwt"}), token_scopes=True, roles_claim=("roles",))
    door = Door(Trusted(issuer, SharedSecret(SECRET)))
    token = pyjwt.api_jws.encode(json.dumps(CLAIMS | changed).encode(), SECRET, "HS256")
    try:
        assert (await door.prove(token)).subject.startswith("corp|")
    except Refused as refused:
        assert refused.why is not Why.UNKNOWN
