from collections.abc import Mapping

import pytest

from doorward.core.errors import Refused
from doorward.core.event import Change, Topic
from doorward.core.proof import Principal, Proof
from doorward.web.identity import TYP, IdentityOptions, IdentityTokens


class Desk:
    """Signs nothing and counts; its clock is set by hand."""

    def __init__(self, options: IdentityOptions | None = None) -> None:
        self.now = 1_000.0
        self.signed: list[Mapping[str, object]] = []
        self.tokens = IdentityTokens(issuer="https://door.test", sign=self.sign, clock=lambda: self.now, options=options)

    def sign(self, claims: Mapping[str, object], typ: str) -> str:
        assert typ == TYP
        self.signed.append(claims)
        return f"token-{len(self.signed)}"


def ann(**more: object) -> Principal:
    proof = Proof(method="api_key", subject="ann", credential_id="c1", **more)  # type: ignore[arg-type]  # by name
    return Principal(subject="ann", client="shop", scopes=frozenset({"b", "a"}), roles=frozenset({"vet"}), proofs=(proof,))


def test_the_claims_say_who_for_whom_and_until_when() -> None:
    desk = Desk()
    assert desk.tokens(ann(), "orders") == b"token-1"
    assert desk.signed == [
        {
            "iss": "https://door.test",
            "aud": "orders",
            "sub": "ann",
            "iat": 1000,
            "exp": 1060,
            "methods": ["api_key"],
            "client_id": "shop",
            "scope": "a b",
            "roles": ["vet"],
        }
    ]


def test_it_is_remembered_for_30_seconds_and_no_longer() -> None:
    desk = Desk()
    first = desk.tokens(ann(), "orders")
    desk.now += 29.9
    assert desk.tokens(ann(), "orders") == first
    desk.now += 0.1
    assert desk.tokens(ann(), "orders") != first


def test_another_audience_or_principal_gets_another_token() -> None:
    desk = Desk()
    tokens = {desk.tokens(ann(), "orders"), desk.tokens(ann(), "bills"), desk.tokens(Principal(subject="ann"), "orders")}
    assert len(tokens) == 3


def test_a_digest_that_belongs_to_one_request_is_never_remembered() -> None:
    desk = Desk()
    signer = ann(claims={"content_sha256": "ab"})
    assert desk.tokens(signer, "orders") != desk.tokens(signer, "orders")
    assert desk.signed[0]["content_sha256"] == "ab"


def test_all_digests_are_told_and_two_that_differ_are_of_no_body() -> None:
    desk, two = Desk(), {"content_sha256": "ab", "content_sha512": "cd"}
    desk.tokens(ann(claims=two), "orders")
    assert {name: desk.signed[0][name] for name in two} == two
    proofs = (*ann(claims=two).proofs, *ann(claims={"content_sha256": "ab"}).proofs)
    desk.tokens(Principal(subject="ann", proofs=proofs), "orders")
    with pytest.raises(Refused, match="BODY_NOT_SIGNED"):
        desk.tokens(Principal(subject="ann", proofs=(*proofs, *ann(claims={"content_sha256": "ef"}).proofs)), "orders")


def test_it_does_not_outlive_the_credential() -> None:
    desk = Desk()
    desk.tokens(ann(expires_at=1010.0), "orders")
    assert desk.signed[0]["exp"] == 1010
    desk.tokens(ann(expires_at=1100.0), "orders")
    assert desk.signed[1]["exp"] == 1060
    desk.tokens(ann(expires_at=1010.0), "orders")
    assert desk.signed[2]["exp"] == 1010, "the longer one is not for a credential that ends sooner"


@pytest.mark.parametrize(
    ("topic", "id", "dropped"),
    [
        (Topic.CREDENTIAL, "c1", False),  # the gate refuses it; the token tells of the principal, whom others speak for too
        (Topic.SUBJECT, "ann", True),
        (Topic.CLIENT, "shop", True),
        (Topic.SIGNING_KEYS, "", True),
        (Topic.CREDENTIAL, "c2", False),
    ],
)
def test_a_change_drops_what_it_is_about(topic: Topic, id: str, dropped: bool) -> None:
    desk = Desk()
    desk.tokens(ann(), "orders")
    desk.tokens.forget(Change(topic=topic, id=id, at=1.0, until=2.0))
    desk.tokens(ann(), "orders")
    assert (len(desk.signed) == 2) is dropped


def test_many_principals_do_not_fill_the_memory() -> None:
    desk = Desk()
    for number in range(5_000):
        desk.tokens(Principal(subject=str(number)), "orders")
    assert len(desk.tokens._known) <= 4096


@pytest.mark.parametrize("options", [{"lifetime": 61.0}, {"remembered": 31.0}, {"lifetime": 20.0, "remembered": 30.0}])
def test_longer_lives_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="identity token"):
        IdentityOptions(**options)


def test_nothing_is_remembered_where_that_is_wished() -> None:
    desk = Desk(IdentityOptions(remembered=0.0))
    assert desk.tokens(ann(), "orders") != desk.tokens(ann(), "orders")
