"""core/gate.py: the order of checks, and what each of them refuses."""

import pytest

from doorward.core.address import failures_key
from doorward.core.case import Case
from doorward.core.errors import Refused, Why
from doorward.core.gate import ORDER, Gate, GateOptions
from doorward.core.limit import Rate
from doorward.core.policy import parse
from doorward.core.proof import KEY_IN_QUERY, OneUse
from doorward.core.route import Route
from tests.core.stage import NOW, Shows, request, shows, stage, why

USE = OneUse(b"signature", NOW + 300, NOW)


def test_the_order_of_checks_is_data() -> None:
    assert [step.__name__ for step in ORDER] == [
        "check_transport",
        "read_the_path",
        "find_route",
        "recall",
        "check_failures",
        "find",
        "prove",
        "confirm",
        "bind",
        "limit_principal",
        "check_scopes",
        "check_freshness",
        "check_cross_site",
        "spend_once",
    ]


async def test_a_proven_credential_is_admitted_as_its_subject() -> None:
    on = stage(Shows("api_key", scopes=frozenset({"read:pets"})), allow="api_key", scopes=frozenset({"read:pets"}))
    case = await on.gate.admit(request(headers=shows("api_key")))
    assert case.principal is not None
    assert case.principal.subject == "alice"
    assert case.principal.scopes == {"read:pets"}
    assert case.principal.methods == ("api_key",)


async def test_open_to_anyone_admits_without_a_principal_and_asks_no_method() -> None:
    on = stage(Shows("api_key"), allow=None)
    case = await on.gate.admit(request(headers=shows(api_key="bad")))
    assert case.principal is None
    assert on.log == []


# transport, path, route


async def test_plain_http_from_another_machine_is_refused() -> None:
    on = stage(Shows("jwt"), allow="jwt")
    assert await why(on, request(scheme="http", headers=shows("jwt"))) is Why.NOT_TLS
    assert await why(on, request(scheme=None, headers=shows("jwt"))) is Why.NOT_TLS
    assert await why(on, request(scheme="http", address=None, headers=shows("jwt"))) is Why.NOT_TLS
    assert on.log == []


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
async def test_plain_http_from_this_machine_is_taken(address: str) -> None:
    on = stage(Shows("jwt"), allow="jwt")
    assert (await on.gate.admit(request(scheme="http", address=address, headers=shows("jwt")))).principal


async def test_insecure_http_is_the_loud_opt_out() -> None:
    on = stage(Shows("jwt"), allow="jwt", options=GateOptions(insecure_http=True))
    assert (await on.gate.admit(request(scheme="http", headers=shows("jwt")))).principal


async def test_an_ambiguous_path_is_refused_before_any_route_is_sought() -> None:
    on = stage(Shows("jwt"), allow="jwt")
    assert await why(on, request(path="/pets/%2e%2e/admin", headers=shows("jwt"))) is Why.BAD_PATH
    assert await why(on, request(path="/nowhere", headers=shows("jwt"))) is Why.NO_ROUTE


async def test_the_path_that_routes_match_is_the_decoded_one() -> None:
    on = stage(Shows("jwt"), allow="jwt")
    case = await on.gate.admit(request(path="/%70ets/caf%C3%A9", headers=shows("jwt")))
    assert case.path == "/pets/café"


async def test_a_door_may_bring_the_route_itself() -> None:
    on = stage(Shows("jwt"), allow="jwt")
    case = await on.gate.admit(request(path="/elsewhere", headers=shows("jwt")), Route(path="/elsewhere", allow=parse("jwt")))
    assert case.principal is not None


# find: which alternative


async def test_no_credential_is_missing_and_a_foreign_one_malformed() -> None:
    on = stage(Shows("jwt"), allow="jwt")
    assert await why(on, request()) is Why.MISSING
    assert await why(on, request(headers=[(b"authorization", b"Weird thing")])) is Why.MALFORMED


async def test_one_refused_ends_it_even_if_a_good_credential_lies_beside_it() -> None:
    on = stage(Shows("api_key"), Shows("session", ambient=True), allow="api_key or session")
    assert await why(on, request(headers=shows("session", api_key="bad"))) is Why.UNKNOWN
    assert await why(on, request(headers=shows("session", api_key="broken"))) is Why.MALFORMED
    assert "prove session" not in on.log


async def test_an_explicit_credential_beats_an_ambient_one() -> None:
    on = stage(Shows("session", ambient=True, subject="by cookie"), Shows("jwt", subject="by token"), allow="session or jwt")
    case = await on.gate.admit(request(headers=shows("session", "jwt")))
    assert case.principal is not None
    assert case.principal.subject == "by token"
    assert on.log == ["find session", "find jwt", "prove jwt"]


async def test_an_ambient_one_counts_where_it_is_alone() -> None:
    on = stage(Shows("session", ambient=True), Shows("jwt"), allow="jwt or session")
    case = await on.gate.admit(request(headers=shows("session")))
    assert case.principal is not None
    assert case.principal.methods == ("session",)


async def test_of_two_ambient_ones_the_alternative_written_first_counts() -> None:
    on = stage(Shows("session", ambient=True), Shows("mtls", ambient=True), allow="mtls or session")
    case = await on.gate.admit(request(headers=shows("session", "mtls")))
    assert case.principal is not None
    assert case.principal.methods == ("mtls",)


async def test_two_explicit_alternatives_are_refused_unproven() -> None:
    on = stage(Shows("api_key"), Shows("jwt"), allow="api_key or jwt")
    assert await why(on, request(headers=shows("api_key", "jwt"))) is Why.TWO_ALTERNATIVES
    assert on.log == ["find api_key", "find jwt"]


@pytest.mark.parametrize(
    "order", ["api_key or (api_key and jwt bound by independent)", "(api_key and jwt bound by independent) or api_key"]
)
async def test_the_larger_alternative_counts_where_all_of_it_is_shown(order: str) -> None:
    on = stage(Shows("api_key"), Shows("jwt"), allow=order)
    both = await on.gate.admit(request(headers=shows("api_key", "jwt")))
    assert both.principal is not None
    assert both.principal.methods == ("api_key", "jwt")
    one = await on.gate.admit(request(headers=shows("api_key")))
    assert one.principal is not None
    assert one.principal.methods == ("api_key",)


async def test_no_explicit_credential_is_left_unproven() -> None:
    """The token belongs to an alternative that is not complete; admitting by the key alone would pass over it."""
    on = stage(Shows("api_key"), Shows("jwt"), Shows("hmac"), allow="api_key or (hmac and jwt bound by same_subject)")
    assert await why(on, request(headers=shows("api_key", "jwt"))) is Why.TWO_ALTERNATIVES


async def test_half_of_an_alternative_is_missing() -> None:
    on = stage(Shows("api_key"), Shows("jwt"), allow="api_key and jwt bound by independent")
    assert await why(on, request(headers=shows("api_key"))) is Why.MISSING


async def test_a_method_that_is_not_installed_never_lets_in() -> None:
    on = stage(Shows("jwt"), allow="oauth or mtls")
    assert await why(on, request(headers=shows("mtls"))) is Why.MISSING
    assert (await on.gate.admit(request(headers=shows("jwt")))).principal


# prove, bind


async def test_a_key_of_another_environment_is_refused() -> None:
    on = stage(Shows("api_key", env="test"), allow="api_key")
    assert await why(on, request(headers=shows("api_key"))) is Why.WRONG_ENV
    assert (await stage(Shows("api_key", env="test"), allow="api_key", env="test").gate.admit(request(headers=shows("api_key")))).principal
    assert await why(stage(Shows("api_key", env="live"), allow="api_key", env="test"), request(headers=shows("api_key"))) is Why.WRONG_ENV


async def test_a_proof_without_environment_fits_every_route() -> None:
    on = stage(Shows("jwt", env=None), allow="jwt", env="test")
    assert (await on.gate.admit(request(headers=shows("jwt")))).principal


async def test_credentials_of_two_subjects_are_not_bound() -> None:
    on = stage(Shows("hmac", subject="bob"), Shows("jwt"), allow="hmac and jwt bound by same_subject")
    assert await why(on, request(headers=shows("hmac", "jwt"))) is Why.NOT_BOUND


async def test_a_store_that_cannot_answer_is_a_refusal() -> None:
    on = stage(Shows("jwt"), allow="jwt")
    with pytest.raises(Refused) as refused:
        await on.gate.admit(request(headers=shows(jwt="down")))
    assert refused.value.why is Why.UNAVAILABLE
    assert refused.value.retry_after == 1.0
    assert refused.value.note == "the database is locked"
    assert refused.value.detail is None


# limits


async def test_too_many_failures_from_an_address_are_refused_before_any_work() -> None:
    rate = Rate(2, 60)
    on = stage(Shows("basic", guessable=True), allow="basic", options=GateOptions(failures=rate))
    key = failures_key(request().address)
    assert key == "failures:192.0.2.1"
    for _ in range(2):
        await on.meter.take(key, rate, NOW)
    assert await why(on, request(headers=shows("basic"))) is Why.TOO_MANY_FAILURES
    assert on.log == ["find basic"], "found, never proven"
    assert (await on.gate.admit(request(address="192.0.2.2", headers=shows("basic")))).principal
    on.now += 31
    assert (await on.gate.admit(request(headers=shows("basic")))).principal


async def test_an_address_that_nobody_told_locks_out_nobody() -> None:
    on = stage(Shows("basic", guessable=True), allow="basic", options=GateOptions(failures=Rate(1, 60), address=Rate(1, 60)))
    for _ in range(3):
        assert (await on.gate.admit(request(address=None, headers=shows("basic")))).principal


async def test_failures_do_not_touch_routes_where_nothing_is_guessed() -> None:
    rate = Rate(1, 60)
    on = stage(Shows("api_key"), allow="api_key", options=GateOptions(failures=rate))
    await on.meter.take("failures:192.0.2.1", rate, NOW)
    assert (await on.gate.admit(request(headers=shows("api_key")))).principal


async def test_the_rate_of_an_address_counts_all_of_its_network() -> None:
    on = stage(Shows("jwt"), allow="jwt", options=GateOptions(address=Rate(2, 60)))
    for last in "12":
        await on.gate.admit(request(address=f"2001:db8::{last}", headers=shows("jwt")))
    assert await why(on, request(address="2001:db8::3", headers=shows("jwt"))) is Why.RATE_LIMITED
    assert (await on.gate.admit(request(address="2001:db8:0:1::3", headers=shows("jwt")))).principal


async def test_mapped_addresses_are_counted_one_by_one() -> None:
    on = stage(Shows("jwt"), allow="jwt", options=GateOptions(address=Rate(1, 60)))
    await on.gate.admit(request(address="::ffff:192.0.2.1", headers=shows("jwt")))
    assert (await on.gate.admit(request(address="::ffff:192.0.2.2", headers=shows("jwt")))).principal
    assert await why(on, request(address="192.0.2.1", headers=shows("jwt"))) is Why.RATE_LIMITED


async def test_credential_route_and_principal_have_rates_of_their_own() -> None:
    own = stage(Shows("api_key", rate=Rate(1, 60)), allow="api_key")
    await own.gate.admit(request(headers=shows("api_key")))
    assert await why(own, request(headers=shows("api_key"))) is Why.RATE_LIMITED
    route = stage(Shows("api_key"), allow="api_key", rate=Rate(1, 60))
    case = await route.gate.admit(request(headers=shows("api_key")))
    assert case.tightest is not None
    assert case.tightest.remaining == 0
    with pytest.raises(Refused) as refused:
        await route.gate.admit(request(headers=shows("api_key")))
    assert refused.value.why is Why.RATE_LIMITED
    assert refused.value.retry_after == 60.0
    overall = stage(Shows("api_key"), allow="api_key", options=GateOptions(principal=Rate(1, 60)))
    await overall.gate.admit(request(headers=shows("api_key")))
    assert await why(overall, request(headers=shows("api_key"))) is Why.RATE_LIMITED


async def test_two_routes_of_one_path_do_not_share_their_rate() -> None:
    policy = parse("jwt")
    on = stage(
        Shows("jwt"),
        routes=[
            Route(path="/pets", methods=frozenset({"POST"}), allow=policy, rate=Rate(1, 60), name="pets"),
            Route(path="/pets", methods=frozenset({"GET"}), allow=policy, rate=Rate(1, 60), name="pets"),
        ],
    )
    await on.gate.admit(request("POST", headers=shows("jwt")))
    assert (await on.gate.admit(request("GET", headers=shows("jwt")))).principal
    assert await why(on, request("GET", headers=shows("jwt"))) is Why.RATE_LIMITED


async def test_routes_that_a_library_brings_for_any_path_do_not_share_their_rate() -> None:
    on = stage(Shows("jwt"), allow=None)
    reads = Route(path="/**", allow=parse("jwt"), rate=Rate(2, 60), name="jwt")
    writes = Route(path="/**", allow=parse("jwt"), rate=Rate(1, 60), name="jwt")
    for route in (writes, reads, reads):
        assert (await on.gate.admit(request(headers=shows("jwt")), route)).principal
    for route in (writes, reads):
        with pytest.raises(Refused) as refused:
            await on.gate.admit(request(headers=shows("jwt")), route)
        assert refused.value.why is Why.RATE_LIMITED


async def test_a_rate_holds_on_an_open_route_too_by_address() -> None:
    on = stage(allow=None, rate=Rate(1, 60))
    await on.gate.admit(request())
    assert await why(on, request()) is Why.RATE_LIMITED
    await on.gate.admit(request(address="192.0.2.2"))


# scopes, roles, freshness


async def test_a_missing_scope_or_role_is_refused_and_named_in_the_note_only() -> None:
    on = stage(Shows("jwt", scopes=frozenset({"read:pets"})), allow="jwt", scopes=frozenset({"read:pets", "write:pets"}))
    with pytest.raises(Refused) as refused:
        await on.gate.admit(request(headers=shows("jwt")))
    assert refused.value.why is Why.LACKS_SCOPE
    assert refused.value.note == "missing: write:pets"
    assert await why(stage(Shows("jwt"), allow="jwt", roles=frozenset({"keeper"})), request(headers=shows("jwt"))) is Why.LACKS_ROLE


async def test_a_credential_that_carries_no_scopes_passes_only_where_none_are_asked() -> None:
    assert (await stage(Shows("jwt", scopes=None), allow="jwt").gate.admit(request(headers=shows("jwt")))).principal
    asked = stage(Shows("jwt", scopes=None), allow="jwt", scopes=frozenset({"read:pets"}))
    assert await why(asked, request(headers=shows("jwt"))) is Why.LACKS_SCOPE


@pytest.mark.rfc("9470", "3")
async def test_a_sign_in_older_than_asked_is_refused() -> None:
    fresh = stage(Shows("session", authenticated_at=NOW - 300), allow="session", fresh_within=300.0)
    assert (await fresh.gate.admit(request(headers=shows("session")))).principal
    for at in (NOW - 301, None):
        on = stage(Shows("session", authenticated_at=at), allow="session", fresh_within=300.0)
        assert await why(on, request(headers=shows("session"))) is Why.NOT_FRESH


@pytest.mark.parametrize("bond", ["same_subject", "independent"])
async def test_a_machines_proof_of_now_does_not_freshen_an_old_sign_in(bond: str) -> None:
    on = stage(Shows("hmac"), Shows("jwt", authenticated_at=NOW - 3600), allow=f"hmac and jwt bound by {bond}", fresh_within=300.0)
    assert await why(on, request(headers=shows("hmac", "jwt"))) is Why.NOT_FRESH


async def test_the_applications_key_does_not_freshen_the_users_sign_in() -> None:
    methods = Shows("api_key", subject="app"), Shows("jwt", authenticated_at=NOW - 3600)
    on = stage(*methods, allow="api_key and jwt bound by app_and_user", fresh_within=300.0)
    assert await why(on, request(headers=shows("api_key", "jwt"))) is Why.NOT_FRESH


# cross-site


async def test_an_unsafe_request_with_a_cookie_needs_the_token_or_a_same_origin_mark() -> None:
    on = stage(Shows("session", ambient=True, csrf="t0ken"), allow="session")
    assert await why(on, request("POST", headers=shows("session"))) is Why.CROSS_SITE
    assert (await on.gate.admit(request("GET", headers=shows("session")))).principal
    assert (await on.gate.admit(request("POST", headers=[*shows("session"), (b"x-csrf-token", b"t0ken")]))).principal


@pytest.mark.rfc("6455", "10.2")
async def test_a_websocket_from_a_foreign_page_is_refused_although_it_is_a_get() -> None:
    on = stage(Shows("session", ambient=True, csrf="t0ken"), allow="session")
    socket = [*shows("session"), (b"sec-websocket-version", b"13")]
    assert await why(on, request(headers=[*socket, (b"origin", b"https://evil.example")])) is Why.CROSS_SITE
    assert await why(on, request(headers=socket)) is Why.CROSS_SITE
    assert (await on.gate.admit(request(headers=[*socket, (b"origin", b"https://api.example")]))).principal


async def test_an_explicit_credential_needs_no_csrf_token() -> None:
    on = stage(Shows("session", ambient=True, csrf="t0ken"), Shows("jwt"), allow="session and jwt bound by same_subject or jwt")
    assert (await on.gate.admit(request("POST", headers=shows("jwt")))).principal
    assert (await on.gate.admit(request("POST", headers=shows("jwt", "session")))).principal


async def test_a_password_beside_a_cookie_is_no_mark_of_intent_since_browsers_send_both() -> None:
    methods = Shows("session", ambient=True, csrf="t0ken"), Shows("basic", guessable=True)
    on = stage(*methods, allow="session and basic bound by same_subject or basic")
    assert await why(on, request("POST", headers=shows("session", "basic"))) is Why.CROSS_SITE
    assert (await on.gate.admit(request("POST", headers=[*shows("session", "basic"), (b"x-csrf-token", b"t0ken")]))).principal
    assert (await on.gate.admit(request("POST", headers=shows("basic")))).principal


async def test_a_key_in_the_query_beside_a_cookie_is_no_mark_of_intent_since_any_link_bears_one() -> None:
    methods = Shows("session", ambient=True, csrf="t0ken"), Shows("api_key", claims={KEY_IN_QUERY: True})
    on = stage(*methods, allow="session and api_key bound by same_subject or api_key")
    assert await why(on, request("POST", headers=shows("session", "api_key"))) is Why.CROSS_SITE
    assert (await on.gate.admit(request("POST", headers=[*shows("session", "api_key"), (b"x-csrf-token", b"t0ken")]))).principal
    assert (await on.gate.admit(request("POST", headers=shows("api_key")))).principal


# preflights


def preflight(method: bytes = b"GET") -> list[tuple[bytes, bytes]]:
    return [(b"origin", b"https://page.example"), (b"access-control-request-method", method)]


async def test_a_preflight_passes_without_a_credential_only_where_the_route_says_so() -> None:
    on = stage(Shows("jwt"), allow="jwt", preflight=True, methods=frozenset({"GET"}))
    case = await on.gate.admit(request("OPTIONS", headers=preflight()))
    assert case.principal is None
    assert await why(on, request("OPTIONS", headers=preflight(b"DELETE"))) is Why.NO_ROUTE
    assert await why(on, request("GET", headers=preflight())) is Why.MISSING
    assert await why(on, request("OPTIONS", headers=preflight()[:1])) is Why.NO_ROUTE
    closed = stage(Shows("jwt"), allow="jwt")
    assert await why(closed, request("OPTIONS", headers=preflight())) is Why.MISSING


async def test_options_does_not_choose_its_route_by_the_method_that_it_announces() -> None:
    on = stage(
        Shows("jwt"),
        routes=[
            Route(path="/pets", methods=frozenset({"GET"}), allow=None),
            Route(path="/pets", methods=frozenset({"OPTIONS"}), allow=parse("jwt")),
        ],
    )
    assert await why(on, request("OPTIONS", headers=preflight())) is Why.MISSING


# replay


async def test_a_second_door_of_one_request_spends_and_charges_nothing_anew() -> None:
    on = stage(Shows("hmac", once=USE, rate=Rate(1, 60)), allow="hmac", rate=Rate(1, 60))
    asked = request(headers=shows("hmac"))
    first = await on.gate.admit(asked)
    second = on.gate.open(asked, None, first)
    await on.gate.decide(second)
    third = on.gate.open(asked, None, second)
    await on.gate.decide(third)
    assert third.principal is not None
    assert third.verdicts == first.verdicts
    assert len(third.verdicts) == 2


async def test_a_door_of_another_gate_or_another_rate_charges_and_spends_itself() -> None:
    on = stage(Shows("hmac", once=USE), allow="hmac", rate=Rate(1, 60))
    asked = request(headers=shows("hmac"))
    first = await on.gate.admit(asked)
    other = Gate([Shows("hmac", once=USE)], on.gate.routes, on.once, on.meter, lambda: NOW, GateOptions())
    with pytest.raises(Refused) as refused:
        await other.decide(other.open(asked, None, first))
    assert refused.value.why is Why.RATE_LIMITED
    assert on.gate.open(asked, None, first).taken_before("route:hmac:alice", Rate(9, 60)) is None
    assert other.open(asked, None, first).spent_before(USE.key) is False
    assert on.gate.open(asked, None, first).spent_before(b"other") is False


async def test_a_signature_is_accepted_once() -> None:
    on = stage(Shows("hmac", once=USE), allow="hmac")
    await on.gate.admit(request(headers=shows("hmac")))
    assert await why(on, request(headers=shows("hmac"))) is Why.REPLAYED


async def test_a_refused_request_does_not_burn_its_signature() -> None:
    signer = Shows("hmac", once=USE)
    on = stage(signer, allow="hmac", scopes=frozenset({"write:pets"}))
    assert await why(on, request(headers=shows("hmac"))) is Why.LACKS_SCOPE
    assert on.once.spent == set()
    signer.scopes = frozenset({"write:pets"})
    assert (await on.gate.admit(request(headers=shows("hmac")))).principal


async def test_a_signature_older_than_an_unclean_start_is_refused_and_not_spent() -> None:
    on = stage(Shows("hmac", once=USE), allow="hmac")
    on.once.since = NOW + 1
    assert await why(on, request(headers=shows("hmac"))) is Why.SIGNED_BEFORE_RESTART
    assert on.once.spent == set()
    on.once.since = NOW
    assert (await on.gate.admit(request(headers=shows("hmac")))).principal


async def test_replay_that_cannot_be_told_is_refused() -> None:
    on = stage(Shows("hmac", once=USE), allow="hmac")
    on.once.down = True
    assert await why(on, request(headers=shows("hmac"))) is Why.UNAVAILABLE


# observers, case


async def test_observers_hear_of_both_ends() -> None:
    heard: list[tuple[str | None, Why | None]] = []

    def hear(case: Case, refused: Refused | None) -> None:
        heard.append((case.principal.subject if case.principal else None, refused.why if refused else None))

    on = stage(Shows("jwt"), allow="jwt")
    gate = Gate([Shows("jwt")], on.gate.routes, on.once, on.meter, lambda: NOW, GateOptions(), [hear])
    await gate.admit(request(headers=shows("jwt")))
    with pytest.raises(Refused):
        await gate.admit(request(headers=shows(jwt="bad")))
    with pytest.raises(Refused):
        await gate.admit(request(headers=shows(jwt="down")))
    assert heard == [("alice", None), (None, Why.UNKNOWN), (None, Why.UNAVAILABLE)]


async def test_the_tightest_verdict_is_the_one_told() -> None:
    on = stage(Shows("jwt", rate=Rate(100, 60)), allow="jwt", rate=Rate(5, 60))
    case = await on.gate.admit(request(headers=shows("jwt")))
    assert case.tightest is not None
    assert (case.tightest.rate, case.tightest.remaining) == (Rate(5, 60), 4)
    assert Case(request(), NOW).tightest is None


async def test_a_misshapen_cookie_counts_only_where_nothing_explicit_is_shown() -> None:
    on = stage(Shows("api_key"), Shows("session", ambient=True), allow="api_key or session")
    assert (await on.gate.admit(request(headers=shows("api_key", session="broken")))).way is not None
    assert await why(on, request(headers=shows(session="broken"))) is Why.MALFORMED
    on = stage(Shows("api_key"), Shows("session", ambient=True), allow="api_key and session bound by same_subject")
    assert await why(on, request(headers=shows("api_key", session="broken"))) is Why.MALFORMED
