"""methods/dpop.py at a real gate over a real store: a token counts only with a proof of its key, for this request, once."""

import asyncio
import os
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import authlib.deprecate  # noqa: F401 - it turns its own warnings on, so before they are turned off
import jwt as pyjwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from doorward.core.case import Case
from doorward.core.errors import Refused, Why
from doorward.core.gate import Gate, GateOptions
from doorward.core.policy import parse
from doorward.core.request import Headers, Request
from doorward.core.revoked import Revoked
from doorward.core.route import Route, Routes
from doorward.crypto import dpop_proof
from doorward.crypto.dpop_nonce import DpopNonces
from doorward.crypto.jose import sign_jwt
from doorward.crypto.keyring import Keyring, new_signing_key
from doorward.crypto.seal import Sealer
from doorward.methods.dpop import Dpop, DpopOptions
from doorward.methods.jwt import Jwt
from tests.methods.dpop_client import DpopClient, ath_of
from tests.methods.place import NOW, Place, a_place

ISSUER = "https://door.example"
URI = "https://api.example/pets"
SEALER = Sealer({"a": b"a" * 32}, "a", os.urandom)
KEY = new_signing_key("ES256", SEALER, os.urandom, NOW - 100, NOW - 100)
BOUND = Route(path="/**", allow=parse("oauth bound by dpop"))
EITHER = Route(path="/**", allow=parse("jwt or api_key"))
CLIENT = DpopClient()
OTHER = DpopClient(key=ECKey.generate_key("P-256"))
Fields = list[tuple[str, str]]


@dataclass
class Door:
    place: Place
    options: DpopOptions = field(default_factory=DpopOptions)

    def __post_init__(self) -> None:
        self.keyring, self.revoked, clock = Keyring(), Revoked(), self.place.clock
        self.keyring.load([KEY], SEALER, NOW)
        self.nonces = DpopNonces(self.place.peppers, clock, self.options.nonce_life)
        self.dpop = Dpop(nonces=self.nonces, clock=clock, options=self.options)
        jwt = Jwt(keyring=self.keyring, revoked=self.revoked, clock=clock, issuer=ISSUER)
        store = self.place.store
        self.gate = Gate([jwt, self.place.api_key()], Routes([]), store.once, store.meter, clock, GateOptions(), dpop=self.dpop)

    def token(self, client: DpopClient | None = CLIENT, **more: object) -> str:
        claims: dict[str, object] = {"iss": ISSUER, "sub": "ada", "aud": ISSUER, "exp": NOW + 900, "iat": NOW, "jti": os.urandom(6).hex()}
        claims |= {"cnf": {"jkt": client.jkt}} if client is not None else {}
        return sign_jwt(claims | more, self.keyring.active(NOW), "at+jwt")

    async def admit(self, fields: Fields, route: Route = BOUND, **asked: Any) -> Case:
        return await self.gate.admit(request(fields, **asked), route)

    async def why(self, fields: Fields, route: Route = BOUND, **asked: Any) -> Refused:
        with pytest.raises(Refused) as caught:
            await self.admit(fields, route, **asked)
        return caught.value


def request(
    fields: Fields, method: str = "GET", path: str = "/pets", scheme: str | None = "https", host: str | None = "api.example", **more: Any
) -> Request:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in fields]
    return Request(method, path, more.get("query", ""), Headers(raw), scheme, host, "192.0.2.1", None, False, told_by="192.0.2.9")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path) as made:
        yield made


@pytest.fixture
async def door(place: Place) -> Door:
    return Door(place)


@pytest.mark.rfc("9449", "7.1")
@pytest.mark.parametrize("route", [BOUND, EITHER])
async def test_a_bound_token_with_a_proof_of_its_key_is_admitted(door: Door, route: Route) -> None:
    token = door.token()
    case = await door.admit(CLIENT.fields("GET", URI, token), route)
    assert case.principal is not None
    assert (case.principal.subject, case.principal.methods) == ("ada", ("jwt", "dpop"))
    assert case.proofs["dpop"].keys == {f"jkt:{CLIENT.jkt}"}


@pytest.mark.rfc("9449", "4.3")
@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ({}, {"query": "a=1"}),
        ({"htu": URI + "?a=1#b"}, {}),
        ({"htu": "HTTPS://API.EXAMPLE:443/%70ets"}, {}),
        ({"htu": "https://api.example/x/../pets"}, {}),
        ({}, {"host": "API.example:443"}),
        ({"iat": NOW - 60}, {}),
        ({"iat": NOW + 15}, {}),
        ({"iat": NOW - 0.5}, {}),
        ({"nonce": "of another server"}, {}),
        ({"more": "claims"}, {}),
        ({"header": {"typ": "application/DPoP+JWT", "kid": "1"}}, {}),
        ({"htu": "https://[2001:DB8::1]/pets"}, {"host": "[2001:db8::1]"}),
    ],
)
async def test_what_is_equivalent_or_in_time_is_taken(door: Door, said: dict[str, Any], asked: dict[str, Any]) -> None:
    token = door.token()
    assert (await door.admit(CLIENT.fields("GET", URI, token, **said), **asked)).principal is not None


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], Why]] = {
    "another method": ({"htm": "POST"}, {}, Why.BAD_DPOP),
    "another method's case": ({"htm": "get"}, {}, Why.BAD_DPOP),
    "HEAD is not GET": ({}, {"method": "HEAD"}, Why.BAD_DPOP),
    "another path": ({"htu": URI + "/1"}, {}, Why.BAD_DPOP),
    "a slash at the end": ({"htu": URI + "/"}, {}, Why.BAD_DPOP),
    "another case of the path": ({"htu": "https://api.example/Pets"}, {}, Why.BAD_DPOP),
    "another scheme": ({"htu": "http://api.example/pets"}, {}, Why.BAD_DPOP),
    "another host": ({"htu": "https://evil.example/pets"}, {}, Why.BAD_DPOP),
    "a host that begins alike": ({"htu": "https://api.example.evil.example/pets"}, {}, Why.BAD_DPOP),
    "another port": ({"htu": "https://api.example:8443/pets"}, {}, Why.BAD_DPOP),
    "userinfo": ({"htu": "https://api.example@evil.example/pets"}, {}, Why.BAD_DPOP),
    "userinfo of ours": ({"htu": "https://u:p@api.example/pets"}, {}, Why.BAD_DPOP),
    "a backslash": ({"htu": "https://api.example\\pets"}, {}, Why.BAD_DPOP),
    "no scheme": ({"htu": "//api.example/pets"}, {}, Why.BAD_DPOP),
    "a path alone": ({"htu": "/pets"}, {}, Why.BAD_DPOP),
    "an escaped slash": ({"htu": "https://api.example%2Fpets"}, {}, Why.BAD_DPOP),
    "nobody told the host": ({}, {"host": None}, Why.BAD_DPOP),
    "nobody told the scheme": ({}, {"scheme": None}, Why.BAD_DPOP),
    "too old": ({"iat": NOW - 61}, {}, Why.STALE),
    "from the future": ({"iat": NOW + 16}, {}, Why.STALE),
    "no ath": ({"ath": None}, {}, Why.BAD_DPOP),
    "the ath of another token": ({"ath": ath_of("another")}, {}, Why.BAD_DPOP),
    "a padded ath": ({"ath": ath_of("another") + "="}, {}, Why.BAD_DPOP),
    "no jti": ({"jti": None}, {}, Why.BAD_DPOP),
    "a jti too long": ({"jti": "j" * 257}, {}, Why.BAD_DPOP),
    "a surrogate for a jti of another's": ({"jti": "\ud800", "htm": "PUT"}, {}, Why.BAD_DPOP),
    "another typ": ({"header": {"typ": "JWT"}}, {}, Why.BAD_DPOP),
    "a private key": ({"header": {"jwk": CLIENT.key.as_dict(private=True)}}, {}, Why.BAD_DPOP),
    "another's key": ({"header": {"jwk": OTHER.jwk}}, {}, Why.BAD_DPOP),
    "jku": ({"header": {"jku": "https://evil.example"}}, {}, Why.BAD_DPOP),
}


@pytest.mark.rfc("9449", "4.3")
@pytest.mark.parametrize("name", REFUSED)
async def test_a_proof_that_is_not_for_this_request_is_refused(door: Door, name: str) -> None:
    said, asked, why = REFUSED[name]
    refused = await door.why(CLIENT.fields("GET", URI, door.token(), **said), **asked)
    assert refused.why is why
    assert refused.fields == ()


async def test_what_stood_in_the_query_of_htu_is_not_noted(door: Door) -> None:
    refused = await door.why(CLIENT.fields("GET", URI, door.token(), htu="https://evil.example/?api_key=sk_live_secret#secret"))
    assert refused.note is not None
    assert "evil.example" in refused.note
    assert "secret" not in refused.note


async def test_a_jti_that_is_no_unicode_counts_once_and_is_no_error(door: Door) -> None:
    token = door.token()
    fields = CLIENT.fields("GET", URI, token, jti="\ud800")
    await door.admit(fields)
    assert (await door.why(fields)).why is Why.REPLAYED


@pytest.mark.rfc("9449", "7.2")
@pytest.mark.parametrize("route", [BOUND, EITHER])
async def test_a_bound_token_as_bearer_is_refused_with_and_without_a_proof(door: Door, route: Route) -> None:
    token = door.token()
    assert (await door.why([("Authorization", f"Bearer {token}")], route)).why is Why.NO_PROOF_OF_KEY
    assert (await door.why([("Authorization", f"Bearer {token}"), ("DPoP", CLIENT.proof("GET", URI, token))], route)).why is Why.BAD_DPOP


@pytest.mark.rfc("9449", "7.1")
@pytest.mark.parametrize("route", [BOUND, EITHER])
async def test_a_bound_token_without_a_proof_or_with_two_is_refused(door: Door, route: Route) -> None:
    token = door.token()
    (shown, proof), again = CLIENT.fields("GET", URI, token), ("DPoP", CLIENT.proof("GET", URI, token))
    assert (await door.why([shown], route)).why is Why.NO_PROOF_OF_KEY
    assert (await door.why([shown, proof, again], route)).why is Why.BAD_DPOP
    assert (await door.why([shown, proof, proof], route)).why is Why.BAD_DPOP
    assert (await door.why([shown, ("DPoP", "")], route)).why is Why.BAD_DPOP


@pytest.mark.rfc("9449", "4.3")
@pytest.mark.parametrize("route", [BOUND, EITHER])
async def test_a_stolen_token_with_a_proof_of_the_thiefs_key_is_refused(door: Door, route: Route) -> None:
    assert (await door.why(OTHER.fields("GET", URI, door.token()), route)).why is Why.NO_PROOF_OF_KEY


@pytest.mark.rfc("9449", "7.1")
async def test_a_token_that_is_bound_to_no_key_gains_nothing_from_a_proof(door: Door) -> None:
    token = door.token(None)
    assert (await door.why(CLIENT.fields("GET", URI, token))).why is Why.NO_PROOF_OF_KEY
    assert (await door.why([("Authorization", f"Bearer {token}")])).why is Why.NO_PROOF_OF_KEY
    assert (await door.why(CLIENT.fields("GET", URI, token), EITHER)).why is Why.BAD_DPOP
    assert (await door.why([("Authorization", f"Bearer {token}"), ("DPoP", CLIENT.proof("GET", URI, token))], EITHER)).why is Why.BAD_DPOP
    assert (await door.admit([("Authorization", f"Bearer {token}")], EITHER)).principal is not None


async def test_a_proof_beside_another_credential_is_no_matter(door: Door) -> None:
    key = await door.place.key()
    assert (await door.admit([("X-API-Key", key.key.reveal()), ("DPoP", "garbage")], EITHER)).principal is not None


async def test_the_routes_origin_counts_before_what_the_host_field_says(door: Door) -> None:
    route = Route(path="/**", allow=parse("oauth bound by dpop"), origin="https://public.example")
    token = door.token()
    assert (await door.admit(CLIENT.fields("GET", "https://public.example/pets", token), route, host="inner:8080")).principal
    assert (await door.admit(CLIENT.fields("GET", "https://public.example/pets", token), route, host=None, scheme=None)).principal
    assert (await door.why(CLIENT.fields("GET", "https://evil.example/pets", token), route, host="evil.example")).why is Why.BAD_DPOP


@pytest.mark.rfc("9449", "11.1")
async def test_of_many_at_once_one_wins(door: Door) -> None:
    token = door.token()
    fields = CLIENT.fields("GET", URI, token)

    async def one() -> bool:
        try:
            await door.admit(fields)
        except Refused as reason:
            assert reason.why is Why.REPLAYED
            return False
        return True

    assert sum(await asyncio.gather(*(one() for _ in range(40)))) == 1


@pytest.mark.rfc("9449", "11.1")
async def test_a_jti_counts_once_for_its_key_at_whatever_uri_and_time(door: Door) -> None:
    token = door.token()
    await door.admit(CLIENT.fields("GET", URI, token, jti="one"))
    assert (await door.why(CLIENT.fields("POST", URI + "/1", token, jti="one"), method="POST", path="/pets/1")).why is Why.REPLAYED
    await door.admit(OTHER.fields("GET", URI, door.token(OTHER), jti="one"))
    door.place.now += 60
    assert (await door.why(CLIENT.fields("GET", URI, token, jti="one"))).why is Why.REPLAYED  # signed at NOW: still in the window
    door.place.now += 1
    assert (await door.why(CLIENT.fields("GET", URI, token, jti="one"))).why is Why.STALE


async def test_a_refused_request_does_not_use_its_proof_up(door: Door) -> None:
    route = Route(path="/**", allow=parse("oauth bound by dpop"), scopes=frozenset({"write:pets"}))
    token = door.token(scope="read:pets")
    fields = CLIENT.fields("GET", URI, token)
    assert (await door.why(fields, route)).why is Why.LACKS_SCOPE
    assert (await door.admit(fields)).principal is not None


async def test_one_signature_is_verified_for_each_proof_and_none_for_what_is_refused_before(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    real = dpop_proof.DpopProof.verify

    def counted(proof: dpop_proof.DpopProof) -> None:
        verified.append(proof.jti)
        real(proof)

    monkeypatch.setattr(dpop_proof.DpopProof, "verify", counted)
    token = door.token()
    for said in ({"htm": "PUT"}, {"htu": "https://evil.example/"}, {"iat": 1}):
        await door.why(CLIENT.fields("GET", URI, token, **said))
    assert verified == []
    await door.admit(CLIENT.fields("GET", URI, token, jti="one"))
    await door.why(CLIENT.fields("GET", URI, token, jti="two", ath=None))
    assert verified == ["one", "two"]


@pytest.mark.rfc("9449", "9")
@pytest.mark.rfc("9449", "8.2")
async def test_a_required_nonce_is_given_taken_and_renewed(place: Place) -> None:
    door = Door(place, DpopOptions(nonce="required"))
    token = door.token()
    refused = await door.why(CLIENT.fields("GET", URI, token))
    assert refused.why is Why.NEEDS_NONCE
    (field,) = refused.fields
    assert field[0] == b"dpop-nonce"
    nonce = field[1].decode()
    case = await door.admit(CLIENT.fields("GET", URI, token, nonce=nonce))
    assert case.proofs["dpop"].tells == ()
    place.now += 60
    case = await door.admit(CLIENT.fields("GET", URI, token, nonce=nonce, at=place.now))
    ((name, newer),) = case.proofs["dpop"].tells
    assert (name, newer == nonce.encode()) == (b"dpop-nonce", False)
    place.now += 180
    assert (await door.why(CLIENT.fields("GET", URI, token, nonce=nonce, at=place.now))).why is Why.NEEDS_NONCE
    assert (await door.why(CLIENT.fields("GET", URI, token, nonce="garbage", at=place.now))).why is Why.NEEDS_NONCE
    assert (await door.why(CLIENT.fields("GET", URI, token, nonce=newer.decode(), at=place.now - 100))).why is Why.NEEDS_NONCE
    stale = await door.why(CLIENT.fields("GET", URI, token, nonce=door.nonces.current(), at=place.now - 100))
    assert stale.why is Why.STALE


@pytest.mark.parametrize("library", ["authlib", "pyjwt"])
@pytest.mark.rfc("9449", "4.2")
async def test_proofs_that_other_libraries_made_are_taken(door: Door, library: str) -> None:
    token = door.token()
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": CLIENT.jwk}
    claims = CLIENT.claims("GET", URI, token)
    if library == "pyjwt":
        proof = pyjwt.encode(claims, CLIENT.key.as_pem(private=True), "ES256", header)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from authlib.jose import JsonWebKey, JsonWebToken

            key = JsonWebKey.import_key(CLIENT.key.as_dict(private=True))
            proof = JsonWebToken(["ES256"]).encode(header, claims, key, check=False).decode()
    assert (await door.admit([("Authorization", f"DPoP {token}"), ("DPoP", proof)])).principal is not None


def test_options_that_make_no_sense_are_refused() -> None:
    for wrong in ({"window": 0.0}, {"window": 601.0}, {"leeway": 61.0}, {"nonce": "maybe"}, {"nonce_life": 1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            DpopOptions(**wrong)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(alphabet=st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=200), st.text(max_size=40))
async def test_any_field_and_any_htu_are_refused_and_never_an_error(door: Door, text: str, htu: str) -> None:
    token = door.token()
    shown = ("Authorization", f"DPoP {token}")
    assert (await door.why([shown, ("DPoP", text)])).why is Why.BAD_DPOP
    assert (await door.why([shown, ("DPoP", CLIENT.proof("GET", URI, token, htu=htu or "?"))])).why is Why.BAD_DPOP
