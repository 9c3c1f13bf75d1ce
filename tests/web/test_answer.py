import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.case import Case
from doorward.core.errors import ANSWER, Code, Refused, Why
from doorward.core.limit import Rate, Verdict
from doorward.core.request import Headers, Request
from doorward.core.route import Route
from doorward.web.answer import DETAIL, STATUS, Answerer, rate_limit
from doorward.web.asgi import Answer
from tests.web.door import NOW, Words, route

METHODS: dict[str, Any] = {
    "api_key": Words(),
    "jwt": Words("jwt"),
    "basic": Words("basic", "Basic"),
    "session": Words("session", None, ambient=True),
    "hmac": Words("hmac", "HMAC-SHA256"),
}
ANSWERER = Answerer(METHODS)


def case(allow: str = "api_key or jwt or basic", *sent: tuple[bytes, bytes], **more: Any) -> Case:
    its_route: Route = route("/pets/**", allow, **more)
    return Case(Request("GET", "/pets/1", "", Headers(sent), "https", "pets.test", "192.0.2.1", None, False), NOW, its_route)


def answered(why: Why, of: Case | None = None, **more: Any) -> tuple[Answer, dict[str, str]]:
    answer = ANSWERER.refusal(Refused(why, **more), "id-1", case=of)
    return answer, {name.decode(): value.decode() for name, value in answer.headers}


@pytest.mark.parametrize("why", list(Why))
@pytest.mark.rfc("9457", "3")
def test_every_reason_has_an_answer_that_tells_the_public_code_and_never_the_reason(why: Why) -> None:
    answer, fields = answered(why, case(), note="a private note")
    problem = json.loads(answer.body)
    assert problem["code"] == ANSWER[why].value
    assert problem["status"] == answer.status == STATUS[ANSWER[why]]
    assert problem["instance"] == fields["x-request-id"] == "id-1"
    assert fields["content-type"] == "application/problem+json"
    assert fields["cache-control"] == "no-store"
    assert int(fields["content-length"]) == len(answer.body)
    assert b"private" not in answer.body
    assert why.name.encode() not in answer.body


def test_every_code_has_a_status_and_a_sentence() -> None:
    assert set(STATUS) == set(DETAIL) == set(Code)


def test_malformed_unknown_and_wrong_get_one_answer() -> None:
    answers = {answered(why, case(), detail=f"because of {why.name}")[0].body for why in (Why.MALFORMED, Why.UNKNOWN, Why.WRONG_SIGNATURE)}
    assert len(answers) == 1


@pytest.mark.rfc("9110", "11.6.1")
@pytest.mark.rfc("7617", "2.1")
def test_every_scheme_of_the_route_is_offered_once_and_no_other() -> None:
    _, fields = answered(Why.MISSING, case("api_key or jwt or basic or session"))
    assert fields["www-authenticate"] == 'Bearer realm="doorward", Basic realm="doorward", charset="UTF-8", Cookie realm="doorward"'


@pytest.mark.rfc("9110", "15.5.2")
def test_a_route_with_a_session_alone_has_a_challenge_too() -> None:
    _, fields = answered(Why.MISSING, case("session"))
    assert fields["www-authenticate"] == 'Cookie realm="doorward"'


@pytest.mark.rfc("6750", "3")
@pytest.mark.parametrize(
    ("why", "sent", "error"),
    [
        (Why.MISSING, (), ""),
        (Why.UNKNOWN, ((b"authorization", b"Bearer abc"),), ', error="invalid_token"'),
        (Why.EXPIRED, ((b"x-api-key", b"abc"),), ', error="invalid_token"'),
        (Why.UNKNOWN, ((b"authorization", b"Basic abc"),), ""),
        (Why.SHOWN_TWICE, ((b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")), ', error="invalid_token"'),
    ],
)
def test_invalid_token_is_said_only_of_a_bearer_credential(why: Why, sent: tuple[tuple[bytes, bytes], ...], error: str) -> None:
    _, fields = answered(why, case("api_key", *sent))
    assert fields["www-authenticate"] == f'Bearer realm="doorward"{error}'


@pytest.mark.rfc("6750", "3.1")
def test_a_missing_scope_is_named() -> None:
    answer, fields = answered(Why.LACKS_SCOPE, case("jwt", scopes=frozenset({"write:pets", "read:pets"})))
    assert answer.status == 403
    assert fields["www-authenticate"] == 'Bearer realm="doorward", error="insufficient_scope", scope="read:pets write:pets"'


@pytest.mark.rfc("9470", "3")
def test_an_old_sign_in_is_challenged_with_the_age_that_is_accepted() -> None:
    answer, fields = answered(Why.NOT_FRESH, case("jwt", fresh_within=300.0))
    assert answer.status == 401
    assert fields["www-authenticate"] == 'Bearer realm="doorward", error="insufficient_user_authentication", max_age=300'


@pytest.mark.parametrize(("wait", "told"), [(None, "1"), (0.2, "1"), (1.01, "2"), (30.0, "30")])
@pytest.mark.parametrize("why", [Why.RATE_LIMITED, Why.UNAVAILABLE])
def test_waiting_is_told_in_whole_seconds_rounded_up(why: Why, wait: float | None, told: str) -> None:
    _, fields = answered(why, case(), retry_after=wait)
    assert fields["retry-after"] == told


def test_the_limit_is_told_as_structured_fields() -> None:
    of = case()
    of.verdicts.append(Verdict(True, Rate(100, 60), 50, 29.2))
    of.verdicts.append(Verdict(False, Rate(5, 1), 0, 1.0, 0.2))
    _, fields = answered(Why.RATE_LIMITED, of, retry_after=0.2)
    assert fields["ratelimit-policy"] == '"default";q=5;w=1'
    assert fields["ratelimit"] == '"default";r=0;t=1'
    assert rate_limit(of.verdicts[0]) == [(b"ratelimit-policy", b'"default";q=100;w=60'), (b"ratelimit", b'"default";r=50;t=30')]


def test_without_a_case_all_schemes_are_offered() -> None:
    _, fields = answered(Why.SHOWN_TWICE)
    assert fields["www-authenticate"].startswith("Bearer")
    assert "Basic" in fields["www-authenticate"]


@given(
    st.sampled_from(list(Why)),
    st.text(max_size=40),
    st.text("aZ09-_./", max_size=40),
    st.floats(allow_nan=False, allow_infinity=False) | st.none(),
)
def test_whatever_a_refusal_holds_the_fields_can_be_sent(why: Why, detail: str, id: str, wait: float | None) -> None:
    answer = Answerer(METHODS, realm=detail).refusal(Refused(why, detail, retry_after=wait), id, case=case())
    assert json.loads(answer.body)["status"] == answer.status
    for _, value in answer.headers:
        assert not any(byte < 32 or byte == 127 for byte in value)
