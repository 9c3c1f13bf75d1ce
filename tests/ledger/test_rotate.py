import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.core.event import Kind, Topic
from doorward.core.proof import Proof
from doorward.core.secret import Secret
from doorward.core.store import Tx
from doorward.crypto.digest import Peppers
from doorward.crypto.jose import parse_jwt
from doorward.ledger.mint import Issued, TokenOptions
from tests.ledger.desk import ADA, Desk, a_desk, refresh_of
from tests.methods.place import NOW

GRACE = 10.0


def stamp(issued: Issued | Why) -> tuple[object, ...]:
    assert isinstance(issued, Issued), issued
    claims = parse_jwt(issued.access_token.reveal()).claims
    return claims["jti"], claims["iat"], claims["exp"], claims["gid"]


async def test_a_refresh_spends_the_token_and_gives_the_next_with_a_new_access_token(desk: Desk) -> None:
    first = await desk.mint.sign_in(ADA, NOW)
    desk.now += 100
    second = await desk.refresh(refresh_of(first))
    assert refresh_of(second) != refresh_of(first)
    assert stamp(second)[0] != stamp(first)[0]
    assert stamp(second)[1:3] == (int(NOW) + 100, int(NOW) + 1000)
    assert isinstance(second, Issued)
    proof = await desk.prove(second.access_token)
    assert isinstance(proof, Proof)
    assert proof.authenticated_at == int(NOW)  # a refresh is no sign-in
    assert await desk.events() == [Kind.SIGNED_IN, Kind.TOKEN_REFRESHED]


@pytest.mark.rfc("9700", "4.14.2")
async def test_the_last_token_again_inside_the_grace_gets_the_same_answer(desk: Desk) -> None:
    first = await desk.mint.sign_in(ADA, NOW)
    second = await desk.refresh(refresh_of(first))
    desk.now += GRACE - 0.01
    again = await desk.refresh(refresh_of(first))
    assert refresh_of(again) == refresh_of(second)
    assert stamp(again) == stamp(second)
    assert isinstance(again, Issued)
    assert again.expires_in == 900 - 9  # told in whole seconds of the clock
    assert (await desk.events()).count(Kind.TOKEN_REFRESHED) == 1


@pytest.mark.rfc("9700", "4.14.2")
@pytest.mark.parametrize("how", ["late", "successor used", "much older"])
async def test_any_older_token_is_theft_and_ends_the_grant_with_all_under_it(desk: Desk, how: str) -> None:
    first = await desk.mint.sign_in(ADA, NOW)
    last = await desk.refresh(refresh_of(first))
    if how == "late":
        desk.now += GRACE
    else:
        for _ in range(1 if how == "successor used" else 3):
            last = await desk.refresh(refresh_of(last))
    assert await desk.refresh(refresh_of(first)) is Why.REVOKED
    assert isinstance(last, Issued)
    assert await desk.prove(last.access_token) is Why.REVOKED
    assert await desk.prove(first.access_token) is Why.REVOKED
    assert await desk.refresh(refresh_of(last)) is Why.REVOKED
    events = await desk.events()
    assert events[-2:] == [Kind.REFRESH_REUSED, Kind.GRANT_REVOKED]
    changes = await desk.store.changes.since(0)
    assert [(change.topic, change.id) for change in changes] == [(Topic.GRANT, first.grant_id)]


async def test_theft_in_one_sign_in_does_not_touch_another(desk: Desk) -> None:
    stolen, other = await desk.mint.sign_in(ADA, NOW), await desk.mint.sign_in(ADA, NOW)
    await desk.refresh(refresh_of(await desk.refresh(refresh_of(stolen))))
    assert await desk.refresh(refresh_of(stolen)) is Why.REVOKED
    assert isinstance(await desk.refresh(refresh_of(other)), Issued)


async def test_with_a_grace_of_nought_every_repeat_is_theft(desk: Desk) -> None:
    desk.options = TokenOptions(refresh_grace=0)
    first = await desk.mint.sign_in(ADA, NOW)
    assert isinstance(await desk.refresh(refresh_of(first)), Issued)
    assert await desk.refresh(refresh_of(first)) is Why.REVOKED
    assert Kind.REFRESH_REUSED in await desk.events()


async def test_another_holder_gets_nothing_and_harms_nobody(desk: Desk) -> None:
    first = await desk.mint.sign_in(ADA, NOW)
    assert await desk.refresh(refresh_of(first), "another client") is Why.UNKNOWN
    second = await desk.refresh(refresh_of(first))
    assert await desk.refresh(refresh_of(first), "another client") is Why.UNKNOWN
    assert isinstance(await desk.refresh(refresh_of(second)), Issued)


@pytest.mark.parametrize(
    "text", ["", "rt_", "rt_" + "a" * 42, "rt_" + "a" * 44, "rt_" + "é" * 43, "sk_" + "a" * 43, "rt_" + "a" * 43 + "\n"]
)
async def test_a_text_of_another_shape_is_malformed(desk: Desk, text: str) -> None:
    assert await desk.refresh(Secret(text)) is Why.MALFORMED


async def test_a_token_that_never_was_is_unknown(desk: Desk) -> None:
    assert await desk.refresh(Secret("rt_" + "a" * 43)) is Why.UNKNOWN


async def test_a_refresh_token_ends_after_seven_days_unused_and_the_grant_after_its_longest_life(desk: Desk) -> None:
    desk.options = TokenOptions(longest_grant=8 * 86400.0)
    first = await desk.mint.sign_in(ADA, NOW)
    desk.now = NOW + 7 * 86400 - 1
    second = await desk.refresh(refresh_of(first))
    assert isinstance(second, Issued)
    desk.now = NOW + 8 * 86400 - 1
    third = await desk.refresh(refresh_of(second))
    desk.now = NOW + 8 * 86400
    assert await desk.refresh(refresh_of(third)) is Why.EXPIRED
    assert Kind.REFRESH_REUSED not in await desk.events()


async def test_what_the_account_may_do_today_bounds_the_refreshed_token(desk: Desk) -> None:
    first = await desk.mint.sign_in(ADA, NOW)
    less = replace(ADA, scopes=frozenset({"read:pets", "admin:all"}), roles=frozenset())

    async def work(tx: Tx) -> None:
        await tx.change_account(less)

    await desk.store.write(work)
    second = await desk.refresh(refresh_of(first))
    assert isinstance(second, Issued)
    assert second.scopes == {"read:pets"}
    assert "roles" not in parse_jwt(second.access_token.reveal()).claims


async def test_a_new_pepper_logs_nobody_out_also_between_a_refresh_and_its_repeat(desk: Desk) -> None:
    first = await desk.mint.sign_in(ADA, NOW)
    second = await desk.refresh(refresh_of(first))
    desk.peppers = Peppers({"p1": b"1" * 32, "p2": b"2" * 32}, "p2")
    again = await desk.refresh(refresh_of(first))
    assert refresh_of(again) == refresh_of(second)
    third = await desk.refresh(refresh_of(second))
    desk.peppers = Peppers({"p2": b"2" * 32}, "p2")
    assert isinstance(await desk.refresh(refresh_of(third)), Issued)


async def test_an_old_token_does_not_tell_its_successor_without_our_key(desk: Desk) -> None:
    first = await desk.mint.sign_in(ADA, NOW)
    second = await desk.refresh(refresh_of(first))
    stranger = Desk(desk.store, peppers=Peppers({"p1": b"x" * 32}, "p1"))
    assert await stranger.refresh(refresh_of(first)) is Why.UNKNOWN
    assert isinstance(await desk.refresh(refresh_of(second)), Issued)


async def test_signing_out_with_a_refresh_token_ends_its_grant(desk: Desk) -> None:
    first = await desk.mint.sign_in(ADA, NOW)
    second = await desk.refresh(refresh_of(first))
    await desk.rotate.sign_out(refresh_of(second), "login")
    assert await desk.refresh(refresh_of(second)) is Why.REVOKED
    assert await desk.prove(first.access_token) is Why.REVOKED
    for token, why in ((Secret("rt_x"), Why.MALFORMED), (Secret("rt_" + "a" * 43), Why.UNKNOWN)):
        with pytest.raises(Refused) as caught:
            await desk.rotate.sign_out(token, "login")
        assert caught.value.why is why


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from([0.0, 0.0, 3.0, GRACE - 0.5, GRACE])) | st.just(("two at once", 0.0)),
        max_size=10,
    )
)
@settings(max_examples=60, deadline=None)
async def test_whatever_the_order_only_the_last_token_lives_and_theft_is_never_missed(steps: list[tuple[int | str, float]]) -> None:
    """`back`: how many tokens before the last one is shown. The model is this test's own."""
    with TemporaryDirectory() as folder:
        async with a_desk(Path(folder)) as desk:
            issued = await desk.mint.sign_in(ADA, NOW)
            chain, stamps, spent_at, dead = [refresh_of(issued)], [stamp(issued)], list[float](), False
            for back, wait in steps:
                desk.now += wait
                if back == "two at once":
                    answers = await asyncio.gather(*(desk.refresh(chain[-1]) for _ in range(2)))
                    assert not dead or set(answers) == {Why.REVOKED}
                    if not dead:
                        assert len({refresh_of(each).reveal() for each in answers}) == len({stamp(each) for each in answers}) == 1
                        chain, stamps, spent_at = [*chain, refresh_of(answers[0])], [*stamps, stamp(answers[0])], [*spent_at, desk.now]
                    continue
                place = max(0, len(chain) - 1 - int(back))
                answer = await desk.refresh(chain[place])
                if dead:
                    assert answer is Why.REVOKED
                elif place == len(chain) - 1:
                    chain, stamps, spent_at = [*chain, refresh_of(answer)], [*stamps, stamp(answer)], [*spent_at, desk.now]
                elif place == len(chain) - 2 and desk.now < spent_at[place] + GRACE:
                    assert (refresh_of(answer), stamp(answer)) == (chain[-1], stamps[-1])
                else:
                    assert answer is Why.REVOKED
                    dead = True
            assert len({token.reveal() for token in chain}) == len(chain)
            assert (Kind.REFRESH_REUSED in await desk.events()) == dead


async def test_fifty_at_once_get_one_and_the_same_answer(desk: Desk) -> None:
    first = await desk.mint.sign_in(ADA, NOW)
    answers = await asyncio.gather(*(desk.refresh(refresh_of(first)) for _ in range(50)))
    assert len({refresh_of(answer).reveal() for answer in answers}) == 1
    assert len({stamp(answer) for answer in answers}) == 1
    assert (await desk.events()).count(Kind.TOKEN_REFRESHED) == 1


async def test_fifty_at_once_without_a_grace_are_one_winner_and_a_theft(desk: Desk) -> None:
    desk.options = TokenOptions(refresh_grace=0)
    first = await desk.mint.sign_in(ADA, NOW)
    answers = await asyncio.gather(*(desk.refresh(refresh_of(first)) for _ in range(50)))
    (winner,) = [answer for answer in answers if isinstance(answer, Issued)]
    assert [answer for answer in answers if answer is not winner] == [Why.REVOKED] * 49
    assert await desk.prove(winner.access_token) is Why.REVOKED
    assert (await desk.events()).count(Kind.REFRESH_REUSED) == 1


async def test_a_revocation_in_the_midst_leaves_nothing_alive(desk: Desk) -> None:
    first = await desk.mint.sign_in(ADA, NOW)
    answers = await asyncio.gather(
        *(desk.refresh(refresh_of(first)) for _ in range(5)),
        desk.revoke.grant(first.grant_id, actor="ada", now=NOW),
        *(desk.refresh(refresh_of(first)) for _ in range(5)),
    )
    for answer in answers:
        if isinstance(answer, Issued):
            assert await desk.prove(answer.access_token) is Why.REVOKED
            assert await desk.refresh(refresh_of(answer)) is Why.REVOKED


async def test_four_processes_get_one_and_the_same_answer(desk: Desk, tmp_path: Path) -> None:
    first = await desk.mint.sign_in(ADA, NOW)
    workers = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.ledger.refresh_worker", str(tmp_path), "5"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"ready\n"
    told = await asyncio.gather(*(worker.communicate(refresh_of(first).reveal().encode() + b"\n") for worker in workers))
    lines = [line for out, _ in told for line in out.decode().splitlines()]
    assert len(lines) == 20
    assert len(set(lines)) == 1, set(lines)
    assert (await desk.events()).count(Kind.TOKEN_REFRESHED) == 1
