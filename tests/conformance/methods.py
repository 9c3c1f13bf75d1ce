"""One suite that every method passes. A method brings a `Kit`: how its credential is made, shown, forged and ended."""

import logging
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doorward.core.account import PERSON
from doorward.core.errors import Refused, Why
from doorward.core.method import Method
from doorward.core.proof import Proof
from doorward.core.request import Body, Headers, Request
from doorward.core.route import Route

Fields = Sequence[tuple[str, str]]
Act = Callable[[], Awaitable[None]]

WORK = frozenset(
    {"find", "find_by_email", "find_by_start", "get", "run", "mac", "hmac_digest", "compare_digest", "verify_password", "open", "verify"}
)
"""Calls that cost, by name: look-ups, MACs, comparisons, hashes, seals. Timing is tested as counted work (DECISIONS 33)."""


WRONG = (Why.UNKNOWN, Why.WRONG_SIGNATURE, Why.BAD_WEBHOOK, Why.BAD_CERTIFICATE)
"""The reasons of what is not genuine."""


@dataclass(kw_only=True)
class Kit:
    """`forged` is of a known credential, with another secret; `unknown` of none. Both are of the right form.

    `expire` moves the clock. `names` are the header fields that the method reads; `secrets` must be seen nowhere.
    """

    method: Method[Any]
    route: Route
    genuine: Callable[[], Fields]
    forged: Fields
    unknown: Fields
    twice: Fields
    secrets: Sequence[str]
    subject: str
    names: Sequence[str]
    revoke: Act
    end_owner: Act | None
    expire: Act | None
    owner_kind: str = PERSON
    body: Body | None = None


MakeKit = Callable[[Path], AbstractAsyncContextManager[Kit]]


def asked(fields: Fields, method: str = "GET", body: Body | None = None) -> Request:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in fields]
    return Request(method, "/pets", "", Headers(raw), "https", "api.example", "192.0.2.1", body, body is not None)


async def proof_of(kit: Kit, fields: Fields) -> Proof:
    shown = kit.method.find(asked(fields, body=kit.body), kit.route)
    assert shown is not None
    return await kit.method.prove(shown)


async def refusal_of(kit: Kit, fields: Fields) -> Refused:
    with pytest.raises(Refused) as caught:
        await proof_of(kit, fields)
    return caught.value


async def work_of(kit: Kit, fields: Fields) -> Counter[str]:
    """How often each costly call was made on this thread until the refusal."""
    counted: Counter[str] = Counter()

    def count(frame: FrameType, event: str, arg: object) -> None:
        name = frame.f_code.co_name if event == "call" else getattr(arg, "__name__", "") if event == "c_call" else ""
        if name in WORK:
            counted[name] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        await refusal_of(kit, fields)
    finally:
        sys.setprofile(before)
    return counted


class MethodSuite:
    """Subclassed once for each method, with a fixture `kit`."""

    async def test_what_is_not_sent_is_not_mine(self, kit: Kit) -> None:
        for fields in ([], [("Accept", "*/*")], [("Authorization", "Negotiate YII=")], [("Cookie", "theme=dark")]):
            assert kit.method.find(asked(fields), kit.route) is None

    async def test_a_genuine_credential_is_admitted(self, kit: Kit) -> None:
        proof = await proof_of(kit, kit.genuine())
        assert (proof.method, proof.subject) == (kit.method.name, kit.subject)
        assert proof.credential_id

    async def test_a_credential_shown_twice_is_refused(self, kit: Kit) -> None:
        assert (await refusal_of(kit, kit.twice)).why is Why.SHOWN_TWICE

    async def test_a_forged_and_an_unknown_credential_are_unknown(self, kit: Kit) -> None:
        answers = {(await refusal_of(kit, fields)).code for fields in (kit.forged, kit.unknown)}
        assert len(answers) == 1
        assert (await refusal_of(kit, kit.forged)).why in WRONG
        assert (await refusal_of(kit, kit.unknown)).why in WRONG

    async def test_an_unknown_credential_costs_the_same_work_as_a_wrong_one(self, kit: Kit) -> None:
        await refusal_of(kit, kit.forged)  # once before, so that what is opened once is open
        await refusal_of(kit, kit.unknown)
        assert await work_of(kit, kit.unknown) == await work_of(kit, kit.forged) != Counter()

    async def test_a_revoked_credential_is_refused_at_once_and_told_only_to_its_holder(self, kit: Kit) -> None:
        await proof_of(kit, kit.genuine())
        await kit.revoke()
        assert (await refusal_of(kit, kit.genuine())).why is Why.REVOKED
        assert (await refusal_of(kit, kit.forged)).why in WRONG

    async def test_an_expired_credential_is_told_only_to_its_holder(self, kit: Kit) -> None:
        if kit.expire is None:
            pytest.skip("a credential of this method has no end of its own")
        await proof_of(kit, kit.genuine())
        await kit.expire()
        assert (await refusal_of(kit, kit.genuine())).why is Why.EXPIRED
        assert (await refusal_of(kit, kit.forged)).why in WRONG

    async def test_a_credential_dies_with_its_owner(self, kit: Kit) -> None:
        assert kit.end_owner is not None
        assert (await proof_of(kit, kit.genuine())).owner_kind == kit.owner_kind
        await kit.end_owner()
        assert (await refusal_of(kit, kit.genuine())).why is Why.REVOKED

    async def test_no_secret_is_seen_in_what_is_printed_or_logged(self, kit: Kit, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        shown = kit.method.find(asked(kit.genuine(), body=kit.body), kit.route)
        seen = [repr(shown), str(shown), f"{shown}", repr(await kit.method.prove(shown)), repr(kit.method)]
        for fields in (kit.forged, kit.unknown, kit.twice):
            refused = await refusal_of(kit, fields)
            seen += [repr(refused), str(refused), refused.detail or "", refused.note or ""]
        for secret in kit.secrets:
            assert secret not in "\n".join(seen)
            assert secret not in caplog.text

    async def test_garbage_is_refused_or_not_mine_and_never_anything_else(self, kit: Kit) -> None:
        @given(fields=_garbage(kit))
        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        def hold(fields: list[tuple[bytes, bytes]]) -> None:
            try:
                request = Request("GET", "/pets", "", Headers(fields), "https", "api.example", "192.0.2.1", None, False)
                kit.method.find(request, kit.route)
            except Refused as refused:
                assert refused.why in (Why.MALFORMED, Why.SHOWN_TWICE, Why.HEADER_TOO_LARGE)

        hold()

    async def test_a_changed_letter_anywhere_is_refused(self, kit: Kit) -> None:
        genuine = list(kit.genuine())
        for at, (name, value) in enumerate(genuine):
            for place in range(0, len(value), max(1, len(value) // 8)):
                changed = value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :]
                fields = [*genuine[:at], (name, changed), *genuine[at + 1 :]]
                if changed.lower() == value.lower():
                    continue
                try:
                    shown = kit.method.find(asked(fields, body=kit.body), kit.route)
                    assert shown is None or (await kit.method.prove(shown)) is None
                except Refused as refused:
                    assert refused.why not in (Why.REVOKED, Why.EXPIRED)


def _garbage(kit: Kit) -> st.SearchStrategy[list[tuple[bytes, bytes]]]:
    """Bytes in the fields that the method reads, also cut and mixed from a genuine request."""
    genuine = [value.encode("latin-1") for _, value in kit.genuine()]
    parts = st.one_of(
        st.binary(max_size=200),
        st.sampled_from(genuine),
        st.builds(lambda value, cut: value[:cut], st.sampled_from(genuine), st.integers(0, 200)),
        st.builds(
            lambda value, tail: value + tail,
            st.sampled_from([b"Bearer ", b"Basic ", b"sk_live_", b"eyJ", b"__Host-doorward="]),
            st.binary(max_size=90),
        ),
    )
    names = st.sampled_from([name.lower().encode() for name in kit.names])
    return st.lists(st.tuples(names, parts), max_size=6)


Kits = AsyncIterator[Kit]
