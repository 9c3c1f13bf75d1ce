import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.core.limit import Rate
from doorward.core.proof import Principal
from doorward.core.request import Headers
from doorward.core.store import Unavailable
from doorward.web.forward_auth import ForwardAuth, parse_question, visible
from doorward.web.original import Style, may_have_body, read_original
from doorward.web.outcome import Outcome, ignore
from tests.web.door import LOCAL, Told, Words, answerer, call, clock, gate, route

TLS = [("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "pets.test")]
NGINX = [*TLS, ("X-Original-Method", "GET"), ("X-Original-URI", "/pets/1"), ("X-Original-Content-Length", "0")]
CADDY = [*TLS, ("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", "/pets/1")]
KEY = ("X-API-Key", "ann")


def door(style: Style | None = None, seen: list[Outcome] | None = None, words: Words | None = None, **more: Any) -> ForwardAuth:
    its_gate = gate(more.pop("routes", None), [words or Words()], **more)
    return ForwardAuth(
        gate=its_gate,
        answerer=answerer(its_gate),
        proxies=LOCAL,
        clock=clock,
        style=style,
        identify=lambda _, audience, expected: f"token-for-{audience}{'-without-body' if expected else ''}".encode(),
        observe=seen.append if seen is not None else ignore,
    )


async def verify(headers: list[tuple[str, str]], target: str = "/verify", **more: Any) -> Told:
    app = more.pop("app", None) or door()
    return await call(app, target, headers=headers, **more)


@pytest.mark.parametrize("family", [NGINX, CADDY])
async def test_a_good_key_is_answered_with_who_it_is(family: list[tuple[str, str]]) -> None:
    told = await verify([*family, KEY])
    assert told.status == 200
    assert told.header("x-auth-subject") == "ann"
    assert told.header("x-auth-scopes") == "read:pets"
    assert told.header("x-auth-method") == "api_key"
    assert told.header("x-auth-identity") == "token-for-/pets/**"
    assert told.header("x-auth-client") == ""
    assert told.body == b""


async def test_the_configuration_names_the_audience() -> None:
    told = await verify([*NGINX, KEY], "/verify?service=orders")
    assert told.header("x-auth-identity") == "token-for-orders"


async def test_envoy_asks_with_the_original_path_and_method() -> None:
    told = await call(door(), "/verify/pets/1?x=/verify", headers=[*TLS, KEY])
    assert told.status == 200
    told = await call(door(Style.ENVOY), "/verify/pets/1?answers=401,403", "DELETE", headers=[*TLS])
    assert told.status == 401  # the query is the caller's own: nothing is asked in it
    assert told.header("x-auth-status") is None


@pytest.mark.parametrize("peer", ["192.0.2.1", None])
async def test_only_listed_proxies_are_answered(peer: str | None) -> None:
    told = await verify([*NGINX, KEY], peer=peer)
    assert (told.status, told.code) == (403, "untrusted_proxy")
    assert told.header("x-auth-subject") is None


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("X-Original-Method", "GET")],
        [("X-Original-URI", "/pets/1")],
        [("X-Original-Method", "GET"), ("X-Forwarded-Uri", "/pets/1")],
        [("X-Original-Method", "G T"), ("X-Original-URI", "/pets/1")],
        [("X-Original-Method", ""), ("X-Original-URI", "/pets/1")],
        [*CADDY[3:], ("X-Original-URI", "/open")],  # a caller's own beside Caddy's
        [*CADDY[3:], ("X-Original-URI", "/pets/1"), ("X-Original-Method", "POST")],
        [*NGINX[3:], ("X-Forwarded-Uri", "/open"), ("X-Forwarded-Method", "GET")],
        [*NGINX[3:], ("X-Original-URI", "/open")],
    ],
)
async def test_what_is_not_told_in_one_way_is_refused(headers: list[tuple[str, str]]) -> None:
    told = await verify([*TLS, *headers, KEY])
    assert told.status in (400, 401)
    assert told.header("x-auth-subject") is None


async def test_families_that_agree_pass() -> None:
    told = await verify([*NGINX, ("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", "/pets/1"), KEY])
    assert told.status == 200


async def test_a_style_reads_its_own_family_only() -> None:
    both = [*CADDY, ("X-Original-Method", "GET"), ("X-Original-URI", "/open"), KEY]
    assert (await verify(both)).status == 400
    assert (await verify(both, app=door(Style.FORWARDED))).header("x-auth-subject") == "ann"
    assert (await verify(CADDY, app=door(Style.NGINX))).status == 400


@pytest.mark.parametrize(
    "target",
    [
        "/pets/%2e%2e/open",
        "/pets/..",
        "/pets//1",
        "/pets/a%2fb",
        "/pets/%252e",
        "/pets/1;x",
        "/pets\\1",
        "http://pets.test/pets/1",
        "pets",
        "",
        "/pets/1#f",
        "/pets/1?a=#f",
        "/pets/1 HTTP/1.1",
        "/pets/%00",
        "/pets/%zz",
    ],
)
async def test_an_ambiguous_target_is_refused(target: str) -> None:
    told = await verify([*TLS, ("X-Original-Method", "GET"), ("X-Original-URI", target), KEY])
    assert (told.status, told.code) == (400, "bad_request")


async def test_a_query_may_hold_a_url() -> None:
    told = await verify([*TLS, ("X-Original-Method", "GET"), ("X-Original-URI", "/pets/1?u=https://a.test/%2f/..//;x"), KEY])
    assert told.status == 200


async def test_a_callers_identity_fields_are_ignored_and_their_other_spelling_is_refused() -> None:
    told = await verify([*NGINX, ("X-Auth-Subject", "root"), KEY])
    assert told.header("x-auth-subject") == "ann"
    told = await verify([*NGINX, ("X_Auth_Subject", "root"), KEY])
    assert (told.status, told.code) == (400, "bad_request")


async def test_a_proxy_may_tell_the_method_and_the_target_alone() -> None:
    told = await verify([*NGINX[3:], KEY])
    assert told.status == 200


async def test_plain_http_that_a_proxy_tells_of_another_machine_is_refused() -> None:
    told = await verify([*NGINX[3:], ("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "http"), KEY])
    assert (told.status, told.code) == (403, "tls_required")
    told = await verify([*NGINX[3:], ("X-Forwarded-For", "192.0.2.7"), KEY])
    assert told.status == 200, "a listed proxy that tells no scheme has ended TLS itself"


async def test_the_statuses_that_nginx_knows_carry_the_real_one() -> None:
    words = Words(rate=Rate(1, 60))
    app = door(words=words)
    asked = "/verify?answers=401,403"
    assert (await verify([*NGINX, KEY], asked, app=app)).status == 200
    told = await verify([*NGINX, KEY], asked, app=app)
    assert told.status == 403
    assert told.header("x-auth-status") == "429"
    assert told.header("retry-after") == "60"
    assert json.loads(told.header("x-auth-problem") or "")["code"] == "rate_limited"
    told = await verify(NGINX, asked, app=app)
    assert (told.status, told.header("x-auth-status")) == (401, "401")
    words.error = Unavailable("the disk is full")
    told = await verify([*NGINX, KEY], asked, app=app)
    assert (told.status, told.header("x-auth-status")) == (403, "503")
    assert "disk" not in told.body.decode()


@pytest.mark.parametrize("query", ["answers=all", "answers=401,401,", "service=a%0d%0ab", "x=1", "service=a&service=b", "answers=999"])
async def test_a_question_that_is_not_understood_is_refused(query: str) -> None:
    told = await verify([*NGINX, KEY], f"/verify?{query}")
    assert (told.status, told.code) == (400, "bad_request")


async def test_questions_do_not_fill_the_memory() -> None:
    app = door()
    for number in range(300):
        await verify([*NGINX, KEY], f"/verify?service=s{number}", app=app)
    assert len(app._questions) <= 256


@pytest.mark.parametrize(
    ("told", "for_get", "for_post"),
    [
        ([], False, True),
        ([("x-original-content-length", "")], False, True),
        ([("x-original-content-length", "0")], False, False),
        ([("x-original-content-length", "3")], True, True),
        ([("x-original-content-length", "0"), ("x-original-transfer-encoding", "chunked")], True, True),
        ([("x-original-transfer-encoding", "chunked")], True, True),
        ([("x-original-content-length", "0"), ("x-original-transfer-encoding", "")], False, False),
    ],
)
def test_a_body_counts_as_there_unless_the_proxy_denies_it(told: list[tuple[str, str]], for_get: bool, for_post: bool) -> None:
    headers = Headers((name.encode(), value.encode()) for name, value in told)
    assert (may_have_body(headers, "GET"), may_have_body(headers, "POST")) == (for_get, for_post)


async def test_where_the_proxy_is_silent_the_service_is_told_that_a_signed_get_has_no_body() -> None:
    app = door(words=Words(once=True))
    assert (await verify([*CADDY, KEY], app=app)).header("x-auth-identity") == "token-for-/pets/**-without-body"
    assert (await verify([*NGINX, ("X-API-Key", "bob")], app=app)).header("x-auth-identity") == "token-for-/pets/**"
    assert (await verify([*CADDY, KEY])).header("x-auth-identity") == "token-for-/pets/**"


async def test_a_signature_over_a_body_that_cannot_be_seen_is_the_methods_to_refuse() -> None:
    app = door(words=Words(place=b"x-signature"))
    post = [*TLS, ("X-Forwarded-Method", "POST"), ("X-Forwarded-Uri", "/pets/1")]
    told = await verify([*post, ("X-Signature", "signer")], app=app)
    assert (told.status, told.code) == (401, "invalid_credential")


@pytest.mark.parametrize("subject", ["Ann Lee", "é", "a\r\nX-Auth-Subject: root", "a%41", "\x00", "名"])
async def test_names_are_safe_in_a_header_field(subject: str) -> None:
    value = visible(subject)
    assert all(0x20 < byte < 0x7F for byte in value)


async def test_head_has_no_content() -> None:
    told = await verify([*TLS, ("X-Original-Method", "GET"), ("X-Original-URI", "/pets/1")], method="HEAD")
    assert (told.status, told.body) == (401, b"")


async def test_the_route_decides_by_the_original_method() -> None:
    app = door(routes=[route("/pets/**", methods=frozenset({"GET"}))])
    told = await verify([*TLS, ("X-Original-Method", "POST"), ("X-Original-URI", "/pets/1"), KEY], app=app)
    assert (told.status, told.code) == (403, "no_route")


async def test_every_decision_is_observed_also_those_before_the_gate() -> None:
    seen: list[Outcome] = []
    app = door(seen=seen)
    await verify([*NGINX, KEY], app=app)
    await verify([*NGINX, ("X-API-Key", "wrong")], app=app)
    await verify(NGINX, app=app, peer="192.0.2.1")
    assert [outcome.status for outcome in seen] == [200, 401, 403]
    assert [outcome.refused and outcome.refused.why for outcome in seen] == [None, Why.UNKNOWN, Why.UNTRUSTED_PROXY]
    assert [outcome.method for outcome in seen] == ["api_key", "api_key", ""]


async def test_a_request_id_is_taken_from_the_proxy_if_it_is_sane() -> None:
    assert (await verify([*NGINX, KEY, ("X-Request-ID", "abc-1")])).header("x-request-id") == "abc-1"
    assert (await verify([*NGINX, KEY, ("X-Request-ID", "a b")])).header("x-request-id") != "a b"
    assert (await verify([*NGINX, KEY, ("X-Request-ID", "abc-1")], peer="192.0.2.1")).header("x-request-id") != "abc-1"


async def test_an_open_route_tells_nobody_with_every_field_so_that_each_replaces_a_callers_own() -> None:
    told = await verify([*TLS, ("X-Original-Method", "GET"), ("X-Original-URI", "/open"), ("X-Auth-Subject", "root")])
    assert told.status == 200
    for name in ("subject", "client", "scopes", "method", "identity"):
        assert told.header(f"x-auth-{name}") == ""


latin = st.text(alphabet=st.characters(max_codepoint=255), max_size=50)
names = st.sampled_from(["x-original-method", "x-original-uri", "x-forwarded-method", "x-forwarded-uri", "x-forwarded-for", "forwarded"])


@given(st.lists(st.tuples(names, latin | st.sampled_from(["GET", "/pets/1", "203.0.113.7"])), max_size=6), latin, latin)
async def test_whatever_is_told_there_is_an_answer_and_never_an_error(sent: list[tuple[str, str]], query: str, key: str) -> None:
    told = await call(door(), "/verify?" + query, headers=[*sent, ("x-forwarded-proto", "https"), ("x-api-key", key)])
    assert told.status in (200, 400, 401, 403, 431)


@given(latin)
def test_any_question_is_read_or_refused(query: str) -> None:
    with contextlib.suppress(Refused):
        parse_question(query)


@given(st.text(max_size=30), st.sampled_from([None, *Style]))
def test_any_rest_of_a_target_is_read_or_refused(rest: str, style: Style | None) -> None:
    with contextlib.suppress(Refused):
        method, target = read_original(Headers([]), "GET", rest, style)
        assert (method, target) == ("GET", rest)


@given(st.text(max_size=40))
def test_any_name_is_made_visible_and_no_two_alike(text: str) -> None:
    assert Principal(subject=text).subject == text
    assert (visible(text) == visible(text + "%")) is False
