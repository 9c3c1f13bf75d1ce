from typing import Any

import pytest

from doorward.core.case import Case
from doorward.core.errors import Refused, Why
from doorward.core.policy import parse
from doorward.core.request import Headers, Request
from doorward.core.route import Route
from doorward.web.answer import Answerer
from tests.web.door import NOW, Words

METHODS: dict[str, Any] = {
    "api_key": Words(),
    "jwt": Words("jwt"),
    "access_token": Words("access_token"),
    "basic": Words("basic", "Basic"),
    "session": Words("session", None, ambient=True),
    "mtls": Words("mtls", None, ambient=True),
    "webhook": Words("webhook", None),
    "hmac": Words("hmac", None),
}
ANSWERER = Answerer(METHODS, dpop=("ES256", "EdDSA"))
ALGS = 'algs="ES256 EdDSA"'
AS_DPOP = (b"authorization", b"DPoP eyJ")
AS_BEARER = (b"authorization", b"Bearer eyJ")


def challenge(why: Why, allow: str, *sent: tuple[bytes, bytes], **more: Any) -> str:
    route = Route(path="/**", allow=parse(allow), **more)
    case = Case(Request("GET", "/", "", Headers(sent), "https", "a", "192.0.2.1", None, False), NOW, route)
    answer = ANSWERER.refusal(Refused(why), "id", case=case)
    return dict(answer.headers)[b"www-authenticate"].decode()


@pytest.mark.rfc("9449", "7.1")
@pytest.mark.parametrize(
    ("allow", "offered"),
    [
        ("oauth bound by dpop", f'DPoP realm="doorward", {ALGS}'),
        ("jwt", f'Bearer realm="doorward", DPoP realm="doorward", {ALGS}'),
        ("api_key or (oauth bound by dpop)", f'Bearer realm="doorward", DPoP realm="doorward", {ALGS}'),
        ("(oauth bound by dpop) or basic", f'DPoP realm="doorward", {ALGS}, Basic realm="doorward", charset="UTF-8"'),
        ("api_key", 'Bearer realm="doorward"'),
        ("session", 'Cookie realm="doorward"'),
    ],
)
def test_dpop_is_offered_where_tokens_are_taken_and_alone_where_they_must_be_bound(allow: str, offered: str) -> None:
    assert challenge(Why.MISSING, allow) == offered


@pytest.mark.rfc("9110", "15.5.2")
@pytest.mark.parametrize(
    ("allow", "offered"),
    [
        ("mtls", ["TLS-Client-Certificate"]),
        ("webhook", ["Webhook-Signature"]),
        ("mtls or session", ["TLS-Client-Certificate", "Cookie"]),
        ("api_key or webhook or mtls", ["Bearer", "Webhook-Signature", "TLS-Client-Certificate"]),
        ("mtls and api_key bound by same_subject", ["TLS-Client-Certificate", "Bearer"]),
        ("hmac", ["hmac"]),
    ],
)
def test_each_method_of_the_route_is_told_and_a_cookie_only_where_one_is_taken(allow: str, offered: list[str]) -> None:
    sender = {"webhook": "shop"} if "webhook" in allow else {}
    assert challenge(Why.MISSING, allow, **sender) == ", ".join(f'{scheme} realm="doorward"' for scheme in offered)


def test_where_credentials_come_in_the_body_the_challenge_says_so() -> None:
    case = Case(Request("POST", "/", "", Headers(()), "https", "a", "192.0.2.1", None, False), NOW, Route(path="/**", allow=None))
    told = dict(ANSWERER.refusal(Refused(Why.WRONG_SIGNATURE), "id", case=case).headers)
    assert told[b"www-authenticate"] == b'Form realm="doorward"'


@pytest.mark.rfc("9449", "7.1")
@pytest.mark.rfc("9449", "9")
@pytest.mark.parametrize(
    ("why", "error"),
    [
        (Why.NEEDS_NONCE, "use_dpop_nonce"),
        (Why.BAD_DPOP, "invalid_dpop_proof"),
        (Why.STALE, "invalid_dpop_proof"),
        (Why.REPLAYED, "invalid_dpop_proof"),
        (Why.SIGNED_BEFORE_RESTART, "invalid_dpop_proof"),
        (Why.NO_PROOF_OF_KEY, "invalid_token"),
        (Why.UNKNOWN, "invalid_token"),
        (Why.EXPIRED, "invalid_token"),
        (Why.REVOKED, "invalid_token"),
    ],
)
def test_what_was_wrong_with_a_dpop_token_stands_in_its_own_challenge(why: Why, error: str) -> None:
    told = f'DPoP realm="doorward", error="{error}", {ALGS}'
    assert challenge(why, "oauth bound by dpop", AS_DPOP) == told
    assert challenge(why, "jwt", AS_DPOP) == f'Bearer realm="doorward", {told}'


@pytest.mark.rfc("9449", "7.2")
def test_a_bound_token_as_bearer_is_told_in_both() -> None:
    told = challenge(Why.NO_PROOF_OF_KEY, "jwt", AS_BEARER)
    assert told == f'Bearer realm="doorward", error="invalid_token", DPoP realm="doorward", error="invalid_token", {ALGS}'


def test_what_was_wrong_with_a_bearer_token_is_no_matter_of_dpop() -> None:
    assert challenge(Why.EXPIRED, "jwt", AS_BEARER) == f'Bearer realm="doorward", error="invalid_token", DPoP realm="doorward", {ALGS}'


@pytest.mark.rfc("9470", "3")
def test_rights_are_told_to_the_scheme_that_was_used() -> None:
    scopes = frozenset({"write:pets"})
    told = challenge(Why.LACKS_SCOPE, "jwt", AS_DPOP, scopes=scopes)
    assert told == f'Bearer realm="doorward", DPoP realm="doorward", error="insufficient_scope", scope="write:pets", {ALGS}'
    told = challenge(Why.NOT_FRESH, "jwt", AS_DPOP, fresh_within=300.0)
    assert told == f'Bearer realm="doorward", DPoP realm="doorward", error="insufficient_user_authentication", max_age=300, {ALGS}'


def test_a_route_open_to_anyone_asks_for_the_proof_that_its_door_asks_for() -> None:
    case = Case(Request("POST", "/", "", Headers(()), "https", "a", "192.0.2.1", None, False), NOW, Route(path="/**", allow=None))
    answer = ANSWERER.refusal(Refused(Why.NEEDS_NONCE, fields=((b"dpop-nonce", b"n"),)), "id", case=case)
    assert dict(answer.headers)[b"www-authenticate"].decode() == f'DPoP realm="doorward", error="use_dpop_nonce", {ALGS}'
    assert (b"dpop-nonce", b"n") in answer.headers


def test_without_dpop_nothing_of_it_is_said() -> None:
    route = Route(path="/**", allow=parse("oauth bound by dpop"))
    case = Case(Request("GET", "/", "", Headers(()), "https", "a", "192.0.2.1", None, False), NOW, route)
    assert dict(Answerer(METHODS).refusal(Refused(Why.MISSING), "id", case=case).headers)[b"www-authenticate"] == b'Bearer realm="doorward"'
