"""core/remembered.py: the answer is the one that it would be without; only the proving is left out."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core import remembered
from doorward.core.errors import Refused, Why
from doorward.core.gate import Gate, GateOptions
from doorward.core.limit import Rate
from doorward.core.policy import parse
from doorward.core.proof import OneUse
from doorward.core.remembered import Remembered
from doorward.core.request import Headers, Request
from doorward.core.route import Route, Routes
from tests.core.stage import NOW, MeterInMemory, OnceInMemory, Shows, request, shows

ROUTE = Route(path="/**", allow=parse("jwt or session or api_key or hmac"))


class Stage:
    """A gate that remembers, with a version and a clock that the test turns."""

    def __init__(self, **changed: object) -> None:
        self.jwt = Shows("jwt", fields=(b"x-jwt",), repeatable=True, **changed)  # type: ignore[arg-type]
        self.session = Shows("session", fields=(b"x-session",), repeatable=True, ambient=True, csrf="token")
        self.hmac = Shows("hmac", fields=(b"x-hmac",))
        self.version: int | None = 1
        self.now = NOW
        self.meter = MeterInMemory()
        methods = (self.jwt, self.session, self.hmac)
        memory = Remembered(methods, lambda: self.version, b"k" * 32)
        options = GateOptions(principal=Rate(3, 60))
        self.gate = Gate(methods, Routes([ROUTE]), OnceInMemory(), self.meter, lambda: self.now, options, (), memory)

    async def proofs(self, asked: Request, route: Route | None = None) -> int:
        """How many proofs this request took."""
        logs = (self.jwt.log, self.session.log, self.hmac.log)
        before = sum(entry.startswith("prove") for log in logs for entry in log)
        case = await self.gate.admit(asked, route)
        assert case.principal is not None
        assert case.principal.subject == "alice"
        assert case.proofs
        return sum(entry.startswith("prove") for log in logs for entry in log) - before


def asks(name: str = "jwt", method: str = "GET", address: str = "192.0.2.1") -> Request:
    return request(method, headers=shows(name), address=address)


async def test_the_second_time_is_not_proven_and_the_principal_is_the_same() -> None:
    on = Stage(scopes=frozenset({"a"}))
    first = (await on.gate.admit(asks())).principal
    assert await on.proofs(asks()) == 0
    assert (await on.gate.admit(asks())).principal == first


async def test_any_commit_makes_the_next_request_prove_again() -> None:
    on = Stage()
    assert await on.proofs(asks()) == 1
    on.version = 2
    assert await on.proofs(asks()) == 1
    assert await on.proofs(asks()) == 0


async def test_a_commit_while_it_is_proven_is_not_missed() -> None:
    on = Stage()
    prove = on.jwt.prove

    async def and_commit(shown: str):  # type: ignore[no-untyped-def]
        proof = await prove(shown)
        on.version = 2
        return proof

    on.jwt.prove = and_commit  # type: ignore[method-assign]
    await on.gate.admit(asks())
    assert await on.proofs(asks()) == 1


async def test_where_no_version_is_told_nothing_is_remembered() -> None:
    on = Stage()
    on.version = None
    assert [await on.proofs(asks()) for _ in range(3)] == [1, 1, 1]


async def test_it_is_forgotten_after_two_seconds_or_at_its_own_end() -> None:
    on = Stage()
    await on.gate.admit(asks())
    on.now += remembered.SECONDS
    assert await on.proofs(asks()) == 1
    on.now += remembered.SECONDS - 0.01
    assert await on.proofs(asks()) == 0


@pytest.mark.parametrize(
    "other",
    [
        asks(method="POST"),
        asks(address="192.0.2.2"),
        request(headers=shows("jwt"), scheme="http", address="127.0.0.1"),
        request(headers=[*shows("jwt"), (b"origin", b"https://a.example")]),
        request(headers=shows("jwt", session="good")),
    ],
)
async def test_another_request_is_proven_by_itself(other: Request) -> None:
    on = Stage()
    await on.gate.admit(asks())
    assert await on.proofs(other) == 1


async def test_another_route_is_proven_by_itself() -> None:
    on = Stage()
    await on.gate.admit(asks(), ROUTE)
    assert await on.proofs(asks(), replace(ROUTE, audience="https://other.example")) == 1
    assert await on.proofs(asks(), replace(ROUTE)) == 1


async def test_what_was_refused_is_refused_again() -> None:
    on = Stage()
    for _ in range(2):
        with pytest.raises(Refused):
            await on.gate.admit(request(headers=shows(jwt="bad")))
    assert on.jwt.log.count("prove jwt") == 2


async def test_rates_csrf_and_scopes_are_asked_every_time() -> None:
    on = Stage()
    await on.gate.admit(asks("session"))
    with pytest.raises(Refused) as caught:
        await on.gate.admit(asks("session", "POST"))
    assert caught.value.why is Why.CROSS_SITE
    with pytest.raises(Refused) as caught:
        await on.gate.admit(asks("session"), replace(ROUTE, scopes=frozenset({"x"})))
    assert caught.value.why is Why.LACKS_SCOPE
    with pytest.raises(Refused) as caught:
        await on.gate.admit(asks("session"))
    assert caught.value.why is Why.RATE_LIMITED


async def test_signatures_and_one_time_proofs_are_never_remembered() -> None:
    on = Stage(once=None)
    assert [await on.proofs(asks("hmac")) for _ in range(2)] == [1, 1]
    on = Stage(once=OneUse(b"k", NOW + 60, NOW))
    await on.gate.admit(asks())
    with pytest.raises(Refused) as caught:
        await on.gate.admit(asks())
    assert caught.value.why is Why.REPLAYED


async def test_a_field_sent_twice_is_still_refused() -> None:
    on = Stage()
    await on.gate.admit(asks())
    with pytest.raises(Refused) as caught:
        await on.gate.admit(request(headers=[*shows("jwt"), *shows("jwt")]))
    assert caught.value.why is Why.SHOWN_TWICE


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 10)
    on = Stage()
    for number in range(50):
        on.meter = MeterInMemory()
        on.gate.meter = on.meter
        await on.gate.admit(asks(address=f"192.0.2.{number}"))
    assert on.gate._remembered is not None
    assert len(on.gate._remembered._known) == 10


TEXT = st.binary(max_size=6)
JWT = Route(path="/**", allow=parse("jwt"))


def shown(*fields: tuple[bytes, bytes]) -> Request:
    return Request("GET", "/", "", Headers(list(fields)), "https", "h", None, None, has_body=False)


@given(st.tuples(TEXT, TEXT), st.tuples(TEXT, TEXT))
def test_no_two_requests_share_a_mark(one: tuple[bytes, bytes], two: tuple[bytes, bytes]) -> None:
    memory = Remembered((Shows("jwt", fields=(b"a", b"b"), repeatable=True),), lambda: 1, b"k" * 32)
    first, second = (memory.mark(shown((b"a", values[0]), (b"b", values[1])), JWT) for values in (one, two))
    assert (first == second) == (one == two or not (b"".join(one) or b"".join(two)))


def test_no_secret_is_kept() -> None:
    memory = Remembered((Shows("jwt", fields=(b"a",), repeatable=True),), lambda: 1, b"k" * 32)
    assert "SECRET" not in repr(memory.mark(shown((b"a", b"SECRET")), JWT))


async def test_two_origins_are_no_error_and_nothing_to_remember() -> None:
    on = Stage()
    for _ in range(2):
        assert await on.proofs(request(headers=[*shows("jwt"), (b"origin", b"https://a"), (b"origin", b"https://b")])) == 1


def test_an_empty_field_is_not_an_absent_one() -> None:
    memory = Remembered((Shows("jwt", fields=(b"a", b"b"), repeatable=True),), lambda: 1, b"k" * 32)
    assert memory.mark(shown((b"a", b"x")), JWT) != memory.mark(shown((b"a", b"x"), (b"b", b"")), JWT)
