"""core/errors.py: every private reason has one public answer."""

from doorward.core.errors import ANSWER, Code, Refused, Why


def test_every_reason_has_an_answer() -> None:
    assert set(ANSWER) == set(Why)


def test_every_answer_has_a_reason() -> None:
    assert set(ANSWER.values()) == set(Code)


def test_malformed_unknown_and_wrong_are_told_apart_in_private_only() -> None:
    told = {Refused(why).code for why in (Why.MALFORMED, Why.UNKNOWN, Why.WRONG_SIGNATURE, Why.WRONG_ENV, Why.NOT_YET)}
    assert told == {Code.INVALID_CREDENTIAL}


def test_a_refusal_holds_its_note_apart_from_its_text() -> None:
    refused = Refused(Why.BUSY, "Wait.", note="queue of 64", retry_after=2.0)
    assert str(refused) == "BUSY"
    assert (refused.code, refused.detail, refused.note, refused.retry_after) == (Code.UNAVAILABLE, "Wait.", "queue of 64", 2.0)
