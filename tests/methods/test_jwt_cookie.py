"""An access token in a cookie at a gate that remembers what was proven: nobody is taken for another, nothing is left out."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from doorward.core.errors import Refused, Why
from doorward.core.event import Change, Topic
from doorward.core.gate import Gate, GateOptions
from doorward.core.policy import parse
from doorward.core.remembered import Remembered
from doorward.core.revoked import Revoked
from doorward.core.route import Route, Routes
from doorward.crypto.jose import sign_jwt
from doorward.crypto.keyring import Keyring, new_signing_key
from doorward.crypto.seal import Sealer
from doorward.methods.jwt import InCookie, Jwt
from tests.methods.place import NOW, Place, a_place, request

ISSUER, COOKIE = "https://door.example", "__Host-doorward-access"
SEALER = Sealer({"a": b"a" * 32}, "a", os.urandom)
KEY = new_signing_key("ES256", SEALER, os.urandom, NOW - 100, NOW - 100)
ROUTE = Route(path="/**", allow=parse("jwt or api_key"))


class Door:
    def __init__(self, place: Place) -> None:
        self.place, self.keyring, self.revoked, self.proven = place, Keyring(), Revoked(), 0
        self.keyring.load([KEY], SEALER, NOW)
        self.jwt = Jwt(
            keyring=self.keyring,
            revoked=self.revoked,
            clock=place.clock,
            issuer=ISSUER,
            cookie="doorward-access",
            csrf=lambda grant: f"csrf of {grant}",
        )
        methods: list[Any] = [self.jwt, place.api_key()]
        memory = Remembered(methods, lambda: self.revoked_so_far, b"k" * 32)
        self.revoked_so_far = 0
        store = place.store
        self.gate = Gate(methods, Routes([ROUTE]), store.once, store.meter, place.clock, GateOptions(), (), memory)

    def token(self, sub: str = "ada", **more: object) -> str:
        claims = {"iss": ISSUER, "sub": sub, "aud": ISSUER, "exp": NOW + 900, "iat": NOW, "jti": f"t-{sub}", "gid": f"g-{sub}"}
        return sign_jwt(claims | more, self.keyring.active(NOW), "at+jwt")

    async def who(self, *fields: tuple[str, str], method: str = "GET") -> str:
        case = await self.gate.admit(request(fields, method=method))
        assert case.principal is not None
        return f"{case.principal.subject} by {case.principal.methods[0]}"

    async def why(self, *fields: tuple[str, str], method: str = "GET") -> Why:
        with pytest.raises(Refused) as caught:
            await self.gate.admit(request(fields, method=method))
        return caught.value.why


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with a_place(tmp_path) as place:
        yield Door(place)


async def test_two_cookies_are_two_people_and_a_header_beats_either(door: Door) -> None:
    ada, bob = ("Cookie", f"{COOKIE}={door.token()}"), ("Cookie", f"a=b; {COOKIE}={door.token('bob')}")
    for _ in range(2):
        assert await door.who(ada) == "ada by jwt"
        assert await door.who(bob) == "bob by jwt"
        assert await door.who(bob, ("Authorization", f"Bearer {door.token()}")) == "ada by jwt"
    assert await door.why(("Cookie", "a=b")) is Why.MISSING
    assert await door.why(("Cookie", f"{COOKIE}=")) is Why.MISSING


async def test_what_is_remembered_is_asked_for_its_csrf_token_each_time(door: Door) -> None:
    ada = ("Cookie", f"{COOKIE}={door.token()}")
    good, wrong = ("X-CSRF-Token", "csrf of g-ada"), ("X-CSRF-Token", "csrf of g-bob")
    for _ in range(2):
        assert await door.who(ada, good, method="POST") == "ada by jwt"
        assert await door.why(ada, method="POST") is Why.CROSS_SITE
        assert await door.why(ada, wrong, method="POST") is Why.CROSS_SITE
        assert await door.who(ada) == "ada by jwt"
    assert await door.who(("Authorization", f"Bearer {door.token()}"), method="POST") == "ada by jwt"


async def test_a_revocation_reaches_what_was_remembered(door: Door) -> None:
    ada = ("Cookie", f"{COOKIE}={door.token()}")
    assert await door.who(ada) == "ada by jwt"
    door.revoked.apply(Change(topic=Topic.GRANT, id="g-ada", at=NOW, until=NOW + 900, seq=1))
    door.revoked_so_far += 1
    assert await door.why(ada) is Why.REVOKED


async def test_the_cookies_of_a_browser_are_read_when_they_are_proven(door: Door) -> None:
    shown = door.jwt.find(request([("Cookie", f"{COOKIE}=garbage; {COOKIE}=twice")]), ROUTE)
    assert isinstance(shown, InCookie)
    with pytest.raises(Refused) as caught:
        await door.jwt.prove(shown)
    assert caught.value.why is Why.SHOWN_TWICE
    key = (await door.place.key()).key.reveal()
    assert await door.who(("Cookie", f"{COOKIE}=garbage"), ("X-API-Key", key), method="POST") == "shop by api_key"


async def test_an_id_token_or_one_of_another_audience_is_no_access_token_in_a_cookie_either(door: Door) -> None:
    identity = sign_jwt({"iss": ISSUER, "sub": "ada"}, door.keyring.active(NOW), "JWT")
    assert await door.why(("Cookie", f"{COOKIE}={identity}")) is Why.WRONG_TYPE
    assert await door.why(("Cookie", f"{COOKIE}={door.token(aud='https://other.example')}")) is Why.WRONG_AUDIENCE
    bound = door.token(cnf={"jkt": "k"})
    assert await door.why(("Cookie", f"{COOKIE}={bound}")) is Why.NO_PROOF_OF_KEY


def test_without_a_name_no_cookie_is_read() -> None:
    jwt = Jwt(keyring=Keyring(), revoked=Revoked(), clock=lambda: NOW, issuer=ISSUER)
    assert jwt.fields == (b"authorization",)
    assert jwt.find(request([("Cookie", f"{COOKIE}=eyJ.eyJ.x")]), ROUTE) is None
