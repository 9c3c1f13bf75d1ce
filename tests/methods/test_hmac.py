import asyncio
import hashlib
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.admin import keys
from doorward.admin.keys import KeyOrder, NewKey
from doorward.core.errors import Refused, Why
from doorward.core.gate import Gate, GateOptions
from doorward.core.policy import By
from doorward.core.proof import Proof
from doorward.core.request import Request
from doorward.core.route import Route, Routes
from doorward.core.store import Unavailable
from doorward.crypto.hmac_signing import signed_headers
from doorward.crypto.seal import Sealer
from doorward.methods.hmac import CONTENT_SHA256, Hmac
from tests.methods.place import Place, request

ROUTE = Route(path="/**", allow=By("hmac"))
BODY = b'{"name": "Rex"}'
DIGEST = hashlib.sha256(BODY).hexdigest()


def signed(place: Place, new: NewKey, **changed: object) -> list[tuple[str, str]]:
    told: dict[str, object] = {"method": "GET", "target": "/pets", "body": b"", "timestamp": int(place.now), "nonce": None, **changed}
    return list(signed_headers(new.id, new.key, **told).items())  # type: ignore[arg-type]


async def body() -> bytes:
    return BODY


async def prove(method: Hmac, asked: Request) -> Proof:
    shown = method.find(asked, ROUTE)
    assert shown is not None
    return await method.prove(shown)


async def refusal(method: Hmac, asked: Request) -> Refused:
    with pytest.raises(Refused) as caught:
        await prove(method, asked)
    return caught.value


@pytest.fixture
async def new(place: Place) -> NewKey:
    return await place.key(KeyOrder(name="till", owner="shop", scopes=frozenset({"read:pets"})), method=keys.HMAC)


async def test_the_secret_is_sealed_at_rest(place: Place, new: NewKey) -> None:
    stored = await place.store.credentials.get(new.id)
    assert stored is not None
    assert new.key.reveal().encode() not in stored.verifier
    assert place.sealer.open(stored.verifier, stored.key_id, "hmac", new.id).decode() == new.key.reveal()


async def test_the_query_is_signed_too(place: Place, new: NewKey) -> None:
    fields = signed(place, new, target="/pets?kind=dog")
    assert (await prove(place.hmac(), request(fields, query="kind=dog"))).subject == "shop"
    assert (await refusal(place.hmac(), request(fields, query="kind=cat"))).why is Why.UNKNOWN
    assert (await refusal(place.hmac(), request(fields))).why is Why.UNKNOWN


async def test_the_method_the_path_the_time_and_the_nonce_are_signed(place: Place, new: NewKey) -> None:
    fields = dict(signed(place, new, nonce="n-1"))
    assert (await prove(place.hmac(), request(fields.items()))).credential_id == new.id
    for asked in (
        request(fields.items(), method="DELETE"),
        request(fields.items(), path="/pets/1"),
        request({**fields, "X-Timestamp": str(int(place.now) + 1)}.items()),
        request({**fields, "X-Nonce": "n-2"}.items()),
    ):
        assert (await refusal(place.hmac(), asked)).why is Why.UNKNOWN


async def test_the_window_is_300_seconds_either_way_and_told_to_the_genuine_only(place: Place, new: NewKey) -> None:
    method, start = place.hmac(), int(place.now)
    for off, passes in ((-301, False), (-300, True), (300, True), (301, False)):
        asked = request(signed(place, new, timestamp=start + off))
        if passes:
            assert (await prove(method, asked)).subject == "shop"
        else:
            assert (await refusal(method, asked)).why is Why.STALE
    forged = {**dict(signed(place, new, timestamp=start - 999)), "X-Signature": "0" * 64}
    assert (await refusal(method, request(forged.items()))).why is Why.UNKNOWN


async def test_a_signature_is_spent_once_however_its_hex_is_written(place: Place, new: NewKey) -> None:
    method = place.hmac()
    fields = dict(signed(place, new))
    one = (await prove(method, request(fields.items()))).once
    other = (await prove(method, request({**fields, "X-Signature": fields["X-Signature"].upper()}.items()))).once
    assert one is not None
    assert other is not None
    assert one.key == other.key
    assert one.signed_at == int(place.now)
    assert one.until > place.now + 300  # at the very end of the window it is accepted still, so it is remembered still


async def test_the_gate_refuses_a_replay_and_takes_the_same_request_signed_anew(place: Place, new: NewKey) -> None:
    gate = Gate([place.hmac()], Routes([ROUTE]), place.store.once, place.store.meter, place.clock, GateOptions())
    fields = signed(place, new, nonce=os.urandom(8).hex())
    answers = await asyncio.gather(*(gate.admit(request(fields)) for _ in range(5)), return_exceptions=True)
    refused = [each for each in answers if isinstance(each, Refused)]
    assert [each.why for each in refused] == [Why.REPLAYED] * 4
    assert (await gate.admit(request(signed(place, new, nonce="another")))).principal is not None


async def test_a_seen_body_is_hashed_and_a_changed_one_is_unknown(place: Place, new: NewKey) -> None:
    async def other() -> bytes:
        return b"{}"

    fields = signed(place, new, method="POST", body=BODY, tell_digest=False)
    good = request(fields, method="POST", body=body, has_body=True)
    assert CONTENT_SHA256 not in (await prove(place.hmac(), good)).claims
    assert (await refusal(place.hmac(), request(fields, method="POST", body=other, has_body=True))).why is Why.UNKNOWN


async def test_a_told_digest_must_be_that_of_the_seen_body(place: Place, new: NewKey) -> None:
    fields = [*signed(place, new, method="POST", body=BODY, tell_digest=False), ("X-Content-SHA256", "0" * 64)]
    assert (await refusal(place.hmac(), request(fields, method="POST", body=body, has_body=True))).why is Why.BODY_NOT_SIGNED


async def test_behind_a_proxy_a_body_needs_its_digest_which_is_handed_on(place: Place, new: NewKey) -> None:
    method = place.hmac()
    told = signed(place, new, method="POST", body=BODY)
    assert (await prove(method, request(told, method="POST", has_body=True))).claims == {CONTENT_SHA256: DIGEST}
    assert (await prove(method, request(signed(place, new)))).claims == {}
    untold = signed(place, new, method="POST", body=BODY, tell_digest=False)
    assert (await refusal(method, request(untold, method="POST", has_body=True))).why is Why.BODY_NOT_SIGNED
    swapped = [*untold, ("X-Content-SHA256", "0" * 64)]
    assert (await refusal(method, request(swapped, method="POST", has_body=True))).why is Why.UNKNOWN


async def test_a_body_that_the_door_says_is_not_there_does_not_pass_by_its_digest(place: Place, new: NewKey) -> None:
    """The digest field alone must not change what is signed when there is no body."""
    fields = signed(place, new, method="POST", body=BODY)
    assert (await refusal(place.hmac(), request(fields, method="POST", has_body=False))).why is Why.UNKNOWN


@pytest.mark.parametrize("missing", ["X-Key-Id", "X-Timestamp", "X-Signature"])
async def test_a_missing_field_is_named(place: Place, new: NewKey, missing: str) -> None:
    fields = [field for field in signed(place, new) if field[0] != missing]
    refused = await refusal(place.hmac(), request(fields))
    assert refused.why is Why.MALFORMED
    assert missing in (refused.detail or "")


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_a_timestamp_is_whole_seconds_or_malformed(text: str) -> None:
    method = Hmac.__new__(Hmac)
    asked = request([("X-Key-Id", "k"), ("X-Signature", "0" * 64), ("X-Timestamp", text)])
    try:
        shown = method.find(asked, ROUTE)
    except Refused as refused:
        assert refused.why is Why.MALFORMED
    else:
        assert shown is not None
        assert str(int(shown.timestamp)) == text


async def test_what_explain_may_tell_hides_keys_in_the_query(place: Place, new: NewKey) -> None:
    refused = await refusal(place.hmac(), request(signed(place, new), query="api_key=sk_live_hidden&a=1&client_secret=hidden"))
    text = str(refused.facts["signing_text"])
    assert "/pets?api_key=…(14)&a=…(1)&client_secret=…(6)\n" in text
    assert "hidden" not in text


async def test_what_is_late_and_wrongly_signed_is_explained_as_both(place: Place, new: NewKey) -> None:
    fields = signed(place, new)
    place.now += 400
    refused = await refusal(place.hmac(), request(fields, query="another=1"))
    assert (refused.why, refused.facts["clock_skew"], refused.facts["window"]) == (Why.UNKNOWN, -400, 300)
    assert "another=…(1)" in str(refused.facts["signing_text"])
    place.now -= 400
    assert "clock_skew" not in (await refusal(place.hmac(), request(fields, query="another=1"))).facts


async def test_a_hostile_query_is_redacted_in_no_time(place: Place, new: NewKey) -> None:
    began = time.perf_counter()
    await refusal(place.hmac(), request(signed(place, new), query="?" * 3000 + "token" * 1000))
    assert time.perf_counter() - began < 0.1


async def test_a_secret_that_does_not_open_is_a_fault_of_ours_not_of_the_caller(place: Place, new: NewKey) -> None:
    method = place.hmac()
    method._sealer = Sealer({"s1": bytes(32)}, "s1", os.urandom)
    with pytest.raises(Unavailable, match="s1"):
        await prove(method, request(signed(place, new)))
