import os
from dataclasses import replace

import pytest

from doorward.admin import accounts, sessions
from doorward.admin.actor import LOCAL
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.gate import Gate, GateOptions
from doorward.core.policy import By
from doorward.core.proof import Proof
from doorward.core.request import Request
from doorward.core.route import Route, Routes
from doorward.core.secret import Secret
from doorward.core.store import Tx
from doorward.methods.session import Session, SessionOptions, csrf_of, lookup_of, new_secret, verifier_of
from tests.methods.place import NOW, Place, request

ROUTE = Route(path="/**", allow=By("session"))


async def start(place: Place, id: str = "ses_1", owner: str = "alice") -> Secret:
    secret = new_secret(os.urandom)
    session = Credential(
        id=id,
        method="session",
        lookup=lookup_of(secret),
        verifier=verifier_of(secret),
        owner=owner,
        created_at=place.now,
        expires_at=place.now + 86400,
        data={"authenticated_at": repr(place.now - 5)},
    )

    async def work(tx: Tx) -> None:
        await tx.add_credential(session)

    await place.store.write(work)
    return secret


def with_cookie(secret: Secret, *more: tuple[str, str], method: str = "GET", name: str = "__Host-doorward") -> Request:
    return request([("Cookie", f"theme=dark; {name}={secret.reveal()}"), *more], method=method)


async def prove(method: Session, asked: Request) -> Proof:
    shown = method.find(asked, ROUTE)
    assert shown is not None
    return await method.prove(shown)


async def refusal(method: Session, asked: Request) -> Why:
    with pytest.raises(Refused) as caught:
        await prove(method, asked)
    return caught.value.why


@pytest.fixture
async def secret(place: Place) -> Secret:
    await place.account()
    return await start(place)


async def test_scopes_and_roles_are_those_that_the_account_has_now(place: Place, secret: Secret) -> None:
    method = place.session()
    proof = await prove(method, with_cookie(secret))
    assert (proof.subject, proof.scopes, proof.roles) == ("alice", frozenset({"read:pets"}), frozenset({"keeper"}))
    assert proof.authenticated_at == place.now - 5
    await accounts.change("alice", store=place.store, actor=LOCAL, now=place.now, scopes=frozenset(), roles=frozenset())
    proof = await prove(method, with_cookie(secret))
    assert (proof.scopes, proof.roles) == (frozenset(), frozenset())


async def test_the_clear_secret_is_not_stored(place: Place, secret: Secret) -> None:
    stored = await place.store.credentials.get("ses_1")
    assert secret.reveal() not in repr(stored)


async def test_an_idle_session_ends_and_a_used_one_lives_on_until_its_absolute_end(place: Place, secret: Secret) -> None:
    method = place.session()
    for _ in range(12):
        place.now += 7199
        assert (await prove(method, with_cookie(secret))).subject == "alice"
        await method.settle()
    place.now = NOW + 86400
    assert await refusal(method, with_cookie(secret)) is Why.EXPIRED


async def test_an_idle_session_is_expired_also_for_another_worker(place: Place, secret: Secret) -> None:
    one, other = place.session(), place.session()
    place.now += 7000
    await prove(one, with_cookie(secret))
    await one.settle()
    place.now += 7199
    assert (await prove(other, with_cookie(secret))).subject == "alice"
    await other.settle()
    place.now += 7200
    assert await refusal(one, with_cookie(secret)) is Why.EXPIRED


async def test_the_last_use_is_written_at_most_once_a_minute(place: Place, secret: Secret) -> None:
    method, written = place.session(), list[float]()
    write = method._write

    async def counting(work: object) -> None:
        written.append(place.now)
        await write(work)  # type: ignore[arg-type]

    method._write = counting
    for _ in range(121):
        place.now += 1
        await prove(method, with_cookie(secret))
        await method.settle()
    assert written == [NOW + 60, NOW + 120]
    stored = await place.store.credentials.get("ses_1")
    assert stored is not None
    assert (stored.seen_at, stored.expires_at) == (NOW + 120, NOW + 86400)


async def test_ending_all_sessions_of_a_person_leaves_a_later_sign_in(place: Place, secret: Secret) -> None:
    method = place.session()
    await sessions.revoke_all("alice", store=place.store, actor=LOCAL, now=place.now)
    assert await refusal(method, with_cookie(secret)) is Why.REVOKED
    place.now += 0.001
    later = await start(place, "ses_2")
    assert (await prove(method, with_cookie(later))).credential_id == "ses_2"


async def test_a_session_whose_owner_is_no_account_is_refused(place: Place) -> None:
    assert await refusal(place.session(), with_cookie(await start(place, owner="nobody"))) is Why.REVOKED


async def test_an_unsafe_request_needs_the_csrf_token_or_a_same_origin_mark(place: Place, secret: Secret) -> None:
    gate = Gate([place.session()], Routes([ROUTE]), place.store.once, place.store.meter, place.clock, GateOptions())
    token = csrf_of(secret)
    assert secret.reveal() not in token
    for more in ([("X-CSRF-Token", token)], [("Sec-Fetch-Site", "same-origin")], [("Origin", "https://api.example")]):
        assert (await gate.admit(with_cookie(secret, *more, method="POST"))).principal is not None
    for more in ([], [("X-CSRF-Token", "0" * 64)], [("Sec-Fetch-Site", "same-site")], [("Origin", "https://evil.example")]):
        with pytest.raises(Refused) as caught:
            await gate.admit(with_cookie(secret, *more, method="POST"))
        assert caught.value.why is Why.CROSS_SITE


def test_the_plain_cookie_is_taken_on_loopback_http_only(place: Place) -> None:
    method, field = place.session(), [("Cookie", f"doorward={'0' * 43}")]
    assert method.find(request(field), ROUTE) is None
    assert method.find(request(field, scheme="http"), ROUTE) is None
    assert method.find(request(field, scheme="http", address="127.0.0.1"), ROUTE) is not None
    both = [("Cookie", f"doorward={'0' * 43}; __Host-doorward={'1' * 43}")]
    with pytest.raises(Refused):
        method.find(request(both, scheme="http", address="127.0.0.1"), ROUTE)


def test_another_issuer_on_this_host_has_a_cookie_of_its_own(place: Place) -> None:
    method = place.session(SessionOptions(cookie="shop"))
    assert method.find(request([("Cookie", f"__Host-doorward={'0' * 43}")]), ROUTE) is None
    assert method.find(request([("Cookie", f"__Host-shop={'0' * 43}")]), ROUTE) is not None


def test_wrong_options_are_refused() -> None:
    good = SessionOptions()
    for changed in ({"cookie": "a=b"}, {"same_site": "None"}, {"idle": 0.0}, {"idle": 90000.0}):
        with pytest.raises(ValueError, match=next(iter(changed))):
            replace(good, **changed)
