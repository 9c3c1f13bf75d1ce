"""A JWT seen for the first time, in process: ours as the gate calls it, beside `cryptography` alone and the libraries."""

import time
from collections.abc import Callable, Sequence
from functools import partial

from bench import tokens as making
from bench.peers import PEERS, bare
from bench.rounds import Effort, Prepare, Run, rates
from bench.row import Goal, Row, compared
from bench.tokens import ISSUER, Tokens
from doorward.core.event import Change, Topic
from doorward.core.revoked import Revoked
from doorward.crypto.jose import parse_jwt
from doorward.methods.jwt import Jwt

GOALS = {"RS256": 0.6, "ES256": 0.85, "EdDSA": 0.9}


async def measure(effort: Effort) -> list[Row]:
    rows = []
    for alg, floor in GOALS.items():
        tokens = making.make(alg, effort.batch)
        checks, texts = bare(tokens), tokens.texts
        subjects: dict[str, Prepare] = {
            "bare": partial(each_of, checks),
            "ours": partial(ours, tokens),
            "parsed": partial(parsed, tokens),
        }
        for name, peer in PEERS.items():
            subjects[name] = partial(calls, peer(tokens), texts)
        found = await rates(subjects, effort.rounds)
        rows += [
            compared(
                f"jwt-first-{alg}",
                f"JWT verify, first sight, {alg}",
                "/s",
                found["ours"],
                "cryptography alone",
                found["bare"],
                Goal(number=floor),
            ),
            compared(f"jwt-parse-{alg}", f"parse and signature only, {alg}", "/s", found["parsed"], "cryptography alone", found["bare"]),
            *(
                compared(
                    f"jwt-first-{alg}-{name}", f"JWT verify, first sight, {alg}", "/s", found["ours"], name, found[name], Goal(number=1.0)
                )
                for name in PEERS
            ),
        ]
    return rows


def method(tokens: Tokens) -> Jwt:
    """With a thousand revocations to ask, as a busy installation has."""
    revoked = Revoked()
    now = time.time()
    for number in range(1000):
        topic = (Topic.TOKEN, Topic.GRANT, Topic.SUBJECT)[number % 3]
        revoked.apply(Change(topic=topic, id=f"gone-{number}", at=now, until=now + 3600, seq=number + 1))
    return Jwt(keyring=tokens.keyring, revoked=revoked, clock=time.time, issuer=ISSUER)


def ours(tokens: Tokens) -> Run:
    jwt, requests = method(tokens), making.requests(tokens.texts)  # a new method remembers nothing
    return making.proving(jwt, requests)


def parsed(tokens: Tokens) -> Run:
    kid, texts = tokens.jwk["kid"], tokens.texts
    key = tokens.keyring.verifier(kid, time.time())
    assert key is not None
    verify = key.verify

    async def run() -> int:
        for text in texts:
            verify(parse_jwt(text))
        return len(texts)

    return run


def each_of(checks: Sequence[Callable[[], None]]) -> Run:
    async def run() -> int:
        for check in checks:
            check()
        return len(checks)

    return run


def calls(verify: Callable[[str], object], texts: Sequence[str]) -> Run:
    async def run() -> int:
        for text in texts:
            verify(text)
        return len(texts)

    return run
