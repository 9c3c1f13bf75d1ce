import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.core.request import Request
from doorward.login.password import PasswordSignIn, _name, _prepared
from tests.methods.place import NOW, PASSWORD, Place, request

GOOD = PASSWORD.reveal()


async def why(place: Place, name: str, password: str, asked: Request | None = None) -> Why | None:
    try:
        await PasswordSignIn(place.passwords(), place.clock).check(name, password, asked or request())
    except Refused as refused:
        return refused.why
    return None


@pytest.mark.parametrize("name", ["alice", "alice@example.org", "ALICE@EXAMPLE.ORG", " alice "])
async def test_a_person_signs_in_by_name_or_email(place: Place, name: str) -> None:
    signed_in = await PasswordSignIn(place.passwords(), place.clock).check(name, GOOD, request())
    assert (signed_in.account.name, signed_in.at) == ("alice", NOW)


async def test_a_wrong_password_and_an_unknown_name_are_one_answer(place: Place) -> None:
    assert await why(place, "alice", "wrong") is Why.UNKNOWN
    assert await why(place, "nobody", GOOD, request(address="192.0.2.2")) is Why.UNKNOWN


async def test_too_many_failures_of_one_account_close_it_from_every_address_also_for_the_right_password(place: Place) -> None:
    for number in range(3):
        assert await why(place, "alice", "wrong", request(address=f"192.0.2.{number}")) is Why.UNKNOWN
    assert await why(place, "alice", GOOD, request(address="192.0.2.99")) is Why.TOO_MANY_FAILURES
    place.now += 60
    assert await why(place, "alice", GOOD, request(address="192.0.2.99")) is None


async def test_too_many_failures_of_one_address_close_it_for_every_account(place: Place) -> None:
    for number in range(3):
        assert await why(place, f"guess{number}", "wrong") is Why.UNKNOWN
    assert await why(place, "alice", GOOD) is Why.TOO_MANY_FAILURES
    assert await why(place, "alice", GOOD, request(address="192.0.2.2")) is None


async def test_successes_use_up_no_tries(place: Place) -> None:
    for _ in range(10):
        assert await why(place, "alice", GOOD) is None


async def test_a_service_does_not_sign_in(place: Place) -> None:
    service = await place.service()
    assert await why(place, service.id, service.secret.reveal()) is Why.UNKNOWN


@pytest.mark.parametrize(
    ("name", "password"), [("", "x"), ("a" * 255, "x"), ("a\nb", "x"), ("\ud800", "x"), ("a", ""), ("a", "x" * 1025), ("a", "\0")]
)
async def test_what_cannot_be_a_name_or_a_password_is_malformed(place: Place, name: str, password: str) -> None:
    assert await why(place, name, password) is Why.MALFORMED


@given(st.text(), st.text())
def test_any_text_is_a_name_and_a_password_or_malformed(name: str, password: str) -> None:
    for read in (lambda: _name(name), lambda: _prepared(password)):
        try:
            read()
        except Refused as refused:
            assert refused.why is Why.MALFORMED
