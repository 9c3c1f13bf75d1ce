"""A JWT that was seen before, in process: remembered, and still asked for expiry, revocation, audience and key."""

from functools import partial

from bench import tokens as making
from bench.jwt_first_sight import GOALS, calls, method
from bench.peers import with_pyjwt
from bench.rounds import Effort, Run, rates
from bench.row import Goal, Row, compared
from bench.tokens import Tokens
from doorward.methods.jwt import Jwt

SEEN = 1000
"""Different tokens in turn: a busy worker's, not one that stays in the processor's nearest cache."""


async def measure(effort: Effort) -> list[Row]:
    rows = []
    for alg in GOALS:
        tokens = making.make(alg, min(SEEN, effort.batch))
        jwt, verify = method(tokens), with_pyjwt(tokens)
        await seen(jwt, tokens, 1)()
        found = await rates(
            {
                "ours": partial(seen, jwt, tokens, 10),
                "PyJWT": partial(calls, verify, tokens.texts),
            },
            effort.rounds,
        )
        rows.append(
            compared(f"jwt-seen-{alg}", f"JWT verify, seen before, {alg}", "/s", found["ours"], "PyJWT", found["PyJWT"], Goal(number=20))
        )
    return rows


def seen(jwt: Jwt, tokens: Tokens, times: int) -> Run:
    requests = [request for _ in range(times) for request in making.requests(tokens.texts)]
    return making.proving(jwt, requests)
