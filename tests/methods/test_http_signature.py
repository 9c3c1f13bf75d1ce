"""Message signatures at the door: what must be covered, when, once, of which body and host, and every confusion refused."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from doorward.admin import keys
from doorward.admin.keys import KeyOrder, NewKey
from doorward.core.errors import Refused, Why
from doorward.core.gate import Gate, GateOptions
from doorward.core.policy import By, parse
from doorward.core.proof import Proof
from doorward.core.request import Headers, Request
from doorward.core.route import Route, Routes
from doorward.core.secret import Secret
from doorward.core.store import Tx, Unavailable
from doorward.crypto.content_digest import content_digest, read_digests
from doorward.crypto.message_signing import MessageKey, Wish, sign_request
from doorward.crypto.signature_algorithms import ALGORITHMS, HMAC, KEY_PAIRS, read_private
from doorward.crypto.signature_input import read_signatures
from doorward.crypto.structured_field import Item
from doorward.crypto.structured_text import write_dictionary
from doorward.methods.http_signature import HttpSignature, HttpSignatureOptions
from tests.methods.place import Place, request

ROUTE = Route(path="/**", allow=By("http_signature"))
BODY = b'{"name": "Rex"}'
P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of P-256."""

Fields = list[tuple[str, str]]


async def make(place: Place, alg: str = "ed25519", **order: object) -> NewKey:
    wanted = KeyOrder(name="till", owner="shop", scopes=frozenset({"read:pets"}), alg=alg)
    return await place.key(replace(wanted, **order), method=keys.HTTP_SIGNATURE)  # type: ignore[arg-type]


def signs(new: NewKey) -> MessageKey:
    alg = new.credential.kind
    return MessageKey.of(new.id, new.key if alg == HMAC else read_private(new.key), alg)


def signed(
    place: Place, new: NewKey, *, method: str = "GET", url: str = "https://api.example/pets", headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"", created: float | None = None, nonce: str | None = None, wish: Wish | None = None,
) -> Fields:  # fmt: skip
    at = int(place.now if created is None else created)
    return [*headers, *sign_request(method, url, headers, body, signs(new), created=at, nonce=nonce, wish=wish).items()]


async def prove(method: HttpSignature, asked: Request, route: Route = ROUTE) -> Proof:
    shown = method.find(asked, route)
    assert shown is not None
    return await method.prove(shown)


async def refusal(method: HttpSignature, asked: Request, route: Route = ROUTE) -> Refused:
    with pytest.raises(Refused) as caught:
        await prove(method, asked, route)
    return caught.value


def body_of(body: bytes) -> object:
    async def whole() -> bytes:
        return body

    return whole


def posted(fields: Fields, body: bytes = BODY, **words: object) -> Request:
    return request(fields, method="POST", body=body_of(body), has_body=bool(body), **words)  # type: ignore[arg-type]


@pytest.fixture
async def new(place: Place) -> NewKey:
    return await make(place)


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_a_signed_post_is_admitted_and_tells_its_key(place: Place, alg: str) -> None:
    new = await make(place, alg)
    proof = await prove(place.http_signature(), posted(signed(place, new, method="POST", body=BODY)))
    assert (proof.subject, proof.credential_id, proof.scopes, proof.env) == ("shop", new.id, frozenset({"read:pets"}), "live")
    assert proof.claims == {}
    assert len(proof.keys) == (0 if alg == HMAC else 1)
    assert all(key.startswith("jkt:") and len(key) == 47 for key in proof.keys)


async def test_the_store_holds_a_public_key_or_a_sealed_secret(place: Place) -> None:
    pair, shared = await make(place), await make(place, HMAC)
    stored = [await place.store.credentials.get(new.id) for new in (pair, shared)]
    assert all(each is not None for each in stored)
    assert b'"x"' in (stored[0].verifier if stored[0] else b"")
    assert b'"d"' not in (stored[0].verifier if stored[0] else b"")
    assert shared.key.reveal().encode() not in (stored[1].verifier if stored[1] else b"")


@pytest.mark.rfc("9421", "3.2")
async def test_every_covered_part_that_changes_is_another_request(place: Place, new: NewKey) -> None:
    method = place.http_signature()
    url, headers = "https://api.example/pets?kind=dog", [("Content-Type", "a/b"), ("X-A", "1"), ("X-A", "2")]
    wish = Wish(cover=("@method", "@target-uri", "content-type", "x-a"))
    fields = signed(place, new, url=url, headers=headers, wish=wish)
    assert (await prove(method, request(fields, query="kind=dog"))).subject == "shop"
    rest = fields[3:]
    changed = [
        request(fields, method="DELETE", query="kind=dog"),
        request(fields, path="/pets/1", query="kind=dog"),
        request(fields, query="kind=cat"),
        request(fields),
        request(fields, query="kind=dog", scheme="http"),
        request([("Content-Type", "a/c"), *fields[1:]], query="kind=dog"),
        request([fields[0], fields[2], fields[1], *rest], query="kind=dog"),
        request([*fields, ("X-A", "2")], query="kind=dog"),
        request([*fields[:2], *rest], query="kind=dog"),
    ]
    for asked in changed:
        assert (await refusal(method, asked)).why is Why.UNKNOWN
    assert (await refusal(method, request([*fields[:1], *rest], query="kind=dog"))).why is Why.MALFORMED, "a covered field is gone"


@pytest.mark.rfc("9421", "2")
async def test_a_route_says_what_must_be_covered(place: Place, new: NewKey) -> None:
    method = place.http_signature()
    parts = signed(place, new, wish=Wish(cover=("@method", "@authority", "@path", "@query")))
    assert (await prove(method, request(parts))).subject == "shop"
    for cover in (("@method",), ("@target-uri",), ("@method", "@path", "@query"), ("@method", "@authority", "@path")):
        found = await refusal(method, request(signed(place, new, wish=Wish(cover=cover))))
        assert found.why is Why.NOT_COVERED
        assert "@" in (found.detail or "")
    asking = replace(ROUTE, cover=("@method", "content-type", "nonce"))
    headers = [("Content-Type", "a/b")]
    wish = Wish(cover=("@method", "content-type"))
    enough = signed(place, new, headers=headers, wish=wish, nonce="n")
    assert (await prove(method, request(enough), asking)).subject == "shop"
    assert (await refusal(method, request(signed(place, new, headers=headers, wish=wish)), asking)).detail == (
        "The signature must also cover nonce."
    )


async def test_the_window_is_300_seconds_either_way_and_told_to_the_genuine_only(place: Place, new: NewKey) -> None:
    method, start = place.http_signature(), int(place.now)
    for off, passes in ((-301, False), (-300, True), (300, True), (301, False)):
        asked = request(signed(place, new, created=start + off))
        if passes:
            assert (await prove(method, asked)).subject == "shop"
        else:
            found = await refusal(method, asked)
            assert found.why is Why.STALE
            assert found.facts["clock_skew"] == off
    other = await make(place)
    stale = dict(signed(place, other, created=start - 999))
    stale["Signature-Input"] = stale["Signature-Input"].replace(other.id, new.id)
    forged = stale.items()
    assert (await refusal(method, request(forged))).why is Why.UNKNOWN
    narrow = place.http_signature(HttpSignatureOptions(window=10))
    assert (await refusal(narrow, request(signed(place, new, created=start - 11)))).why is Why.STALE


@pytest.mark.rfc("9421", "2.3")
async def test_an_expired_signature_is_stale(place: Place, new: NewKey) -> None:
    method = place.http_signature()
    fields = signed(place, new, wish=Wish(lifetime=30))
    assert (await prove(method, request(fields))).subject == "shop"
    place.now += 30
    assert (await refusal(method, request(fields))).why is Why.STALE


async def test_a_signature_without_created_is_refused(place: Place, new: NewKey) -> None:
    fields = dict(signed(place, new))
    inner = fields["Signature-Input"].replace(f";created={int(place.now)}", "")
    assert (await refusal(place.http_signature(), request([*{**fields, "Signature-Input": inner}.items()]))).why is Why.NOT_COVERED
    nameless = fields["Signature-Input"].partition(";keyid")[0]
    assert (await refusal(place.http_signature(), request([*{**fields, "Signature-Input": nameless}.items()]))).why is Why.MALFORMED


def spent(proof: Proof) -> bytes:
    assert proof.once is not None
    return proof.once.key


@pytest.mark.rfc("9421", "7.2.2")
@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_the_same_is_spent_once_however_it_is_signed(place: Place, alg: str) -> None:
    new, method = await make(place, alg), place.http_signature()
    one, again = (await prove(method, request(signed(place, new))), await prove(method, request(signed(place, new))))
    assert spent(one) == spent(again), "ECDSA and PSS sign anew each time, and the request is the same"
    nonces = [await prove(method, request(signed(place, new, nonce=nonce))) for nonce in ("a", "b")]
    assert len({spent(one), *map(spent, nonces)}) == 3
    elsewhere = await prove(method, request(signed(place, new, nonce="a", url="https://api.example/other"), path="/other"))
    assert spent(elsewhere) == spent(nonces[0]), "a nonce is used once, for whatever request"
    other = await make(place, alg)
    assert spent(await prove(method, request(signed(place, other, nonce="a")))) != spent(nonces[0])
    assert one.once is not None
    assert one.once.until > place.now + 300
    assert one.once.signed_at == int(place.now)


async def test_a_signature_turned_over_is_the_same_request(place: Place) -> None:
    """Of ECDSA (r, s) anyone can make (r, n - s), which verifies too."""
    new, method = await make(place, "ecdsa-p256-sha256"), place.http_signature()
    fields = dict(signed(place, new))
    [shown] = read_signatures([fields["Signature-Input"]], [fields["Signature"]])
    r, s = shown.signature[:32], int.from_bytes(shown.signature[32:], "big")
    turned = write_dictionary({"other": Item(r + (P256 - s).to_bytes(32, "big"))})
    inputs = fields["Signature-Input"].replace("sig=", "other=", 1)
    again = await prove(method, request([("Signature-Input", inputs), ("Signature", turned)]))
    assert spent(again) == spent(await prove(method, request(fields.items())))


async def test_a_der_signature_is_not_taken(place: Place) -> None:
    new = await make(place, "ecdsa-p256-sha256")
    fields = dict(signed(place, new))
    [shown] = read_signatures([fields["Signature-Input"]], [fields["Signature"]])
    der = encode_dss_signature(int.from_bytes(shown.signature[:32], "big"), int.from_bytes(shown.signature[32:], "big"))
    assert decode_dss_signature(der)
    fields["Signature"] = write_dictionary({"sig": Item(der)})
    assert (await refusal(place.http_signature(), request(fields.items()))).why is Why.UNKNOWN


async def test_the_gate_refuses_a_replay_in_many_tasks(place: Place, new: NewKey) -> None:
    gate = Gate([place.http_signature()], Routes([ROUTE]), place.store.once, place.store.meter, place.clock, GateOptions())
    for nonce in ("n-1", None):
        fields = signed(place, new, nonce=nonce)
        answers = await asyncio.gather(*(gate.admit(request(fields)) for _ in range(12)), return_exceptions=True)
        refused = [each for each in answers if isinstance(each, Refused)]
        assert [each.why for each in refused] == [Why.REPLAYED] * 11


@pytest.mark.rfc("9421", "7.3.6")
@pytest.mark.parametrize("alg", KEY_PAIRS)
async def test_the_algorithm_is_the_keys_whatever_the_message_says(place: Place, alg: str) -> None:
    new, method = await make(place, alg), place.http_signature()
    stored = await place.store.credentials.get(new.id)
    assert stored is not None
    for guess in (stored.verifier, new.key.reveal().encode()):
        confused = MessageKey.of(new.id, Secret(guess.decode()), HMAC)
        for tell in (True, False):
            fields = sign_request(
                "GET", "https://api.example/pets", [], b"", confused, created=int(place.now), nonce=None, wish=Wish(tell_alg=tell)
            )
            assert (await refusal(method, request(fields.items()))).why is Why.UNKNOWN
    told = dict(signed(place, new, wish=Wish(tell_alg=True)))
    assert (await prove(method, request(told.items()))).subject == "shop"
    for other in (*ALGORITHMS, "none", ""):
        if other != alg:
            lied = replace(signs(new), alg=other)
            fields = sign_request(
                "GET", "https://api.example/pets", [], b"", lied, created=int(place.now), nonce=None, wish=Wish(tell_alg=True)
            )
            assert (await refusal(method, request(fields.items()))).why is Why.UNKNOWN, other


@pytest.mark.rfc("9530", "2")
async def test_a_body_must_be_the_one_whose_digest_is_covered(place: Place, new: NewKey) -> None:
    method = place.http_signature()
    both = Wish(digest=("sha-256", "sha-512"))
    for wish in (Wish(), Wish(digest=("sha-512",)), both):
        fields = signed(place, new, method="POST", body=BODY, wish=wish)
        assert (await prove(method, posted(fields))).subject == "shop"
        assert (await refusal(method, posted(fields, b'{"name": "Max"}'))).why is Why.BODY_NOT_SIGNED
        assert (await refusal(method, posted(fields, b""))).why is Why.BODY_NOT_SIGNED
    swapped = [(name, content_digest(b"{}") if name == "Content-Digest" else value) for name, value in fields]
    assert (await refusal(method, posted(swapped, b"{}"))).why is Why.UNKNOWN
    half = content_digest(BODY) + ", " + content_digest(b"{}", ("sha-512",))
    wish = Wish(cover=("@method", "@target-uri", "content-digest"))
    right = [("Content-Digest", content_digest(BODY))]
    fields = signed(place, new, method="POST", headers=right, body=BODY, wish=wish)[1:]
    assert (await refusal(method, posted([("Content-Digest", half), *fields]))).why is Why.UNKNOWN


async def test_a_body_without_a_covered_digest_is_not_signed(place: Place, new: NewKey) -> None:
    method = place.http_signature()
    bare = signed(place, new)
    assert (await refusal(method, request(bare, body=body_of(BODY), has_body=True))).why is Why.BODY_NOT_SIGNED  # type: ignore[arg-type]
    beside = [*bare, ("Content-Digest", content_digest(BODY))]
    assert (await refusal(method, request(beside, body=body_of(BODY), has_body=True))).why is Why.BODY_NOT_SIGNED  # type: ignore[arg-type]
    assert (await refusal(method, request(bare, has_body=True))).why is Why.BODY_NOT_SIGNED


async def test_that_a_digest_is_missing_and_that_it_is_of_no_body_are_said(place: Place, new: NewKey) -> None:
    method, digest = place.http_signature(), "Content-Digest"
    whole = signed(place, new, method="POST", body=BODY)
    away = [field for field in whole if field[0] != digest]
    assert (await refusal(method, posted(away))).detail == "Content-Digest is missing, and the signature covers it."
    bare = (await refusal(method, posted(signed(place, new, method="GET")))).detail or ""
    assert bare == "Content-Digest is missing. The signature of a request with a body must cover content-digest."
    of_none = signed(place, new, method="POST", body=b"")
    assert (await refusal(method, posted(of_none))).detail == "Content-Digest is that of no body, and one was sent."
    assert (await refusal(method, posted(whole, b"{}"))).detail == "Content-Digest is not the digest of the body."


async def test_one_covered_member_of_the_digest_is_enough_and_the_others_count_for_nothing(place: Place, new: NewKey) -> None:
    method = place.http_signature()
    wish = Wish(cover=("@method", "@target-uri", '"content-digest";key="sha-256"'))
    headers = [("Content-Digest", content_digest(BODY))]
    fields = signed(place, new, method="POST", headers=headers, body=BODY, wish=wish)
    more = [("Content-Digest", content_digest(BODY) + ", " + content_digest(b"x", ("sha-512",))), *fields[1:]]
    for sent in (fields, more):
        assert (await prove(method, posted(sent))).subject == "shop"
    wish = Wish(cover=("@method", "@target-uri", '"content-digest";key="md5"'))
    old = [("Content-Digest", content_digest(BODY) + ", md5=:AAAA:")]
    unknown = signed(place, new, method="POST", headers=old, body=BODY, wish=wish)
    assert (await refusal(method, posted(unknown))).why is Why.MALFORMED


async def test_behind_a_proxy_the_covered_digests_are_handed_on(place: Place, new: NewKey) -> None:
    method = place.http_signature()
    fields = signed(place, new, method="POST", body=BODY, wish=Wish(digest=("sha-256", "sha-512")))
    digests = read_digests([dict(fields)["Content-Digest"]])
    expected = {"content_sha256": digests["sha-256"].hex(), "content_sha512": digests["sha-512"].hex()}
    for has_body in (True, False):
        assert (await prove(method, request(fields, method="POST", has_body=has_body))).claims == expected
    assert (await prove(method, request(signed(place, new)))).claims == {}


async def test_a_request_that_was_signed_for_another_host_is_refused(place: Place, new: NewKey) -> None:
    method = place.http_signature()
    fields = signed(place, new, url="https://other.example/pets")
    assert (await refusal(method, request(fields))).why is Why.UNKNOWN
    at_home = request(fields)._replace(host="other.example")
    assert (await prove(method, at_home)).subject == "shop"
    pinned = replace(ROUTE, origin="https://api.example")
    assert (await refusal(method, at_home, pinned)).why is Why.UNKNOWN, "the caller's own word for the host counts for nothing there"
    assert (await prove(method, request(signed(place, new), scheme="http")._replace(host="door.internal"), pinned)).subject == "shop"


async def test_a_proxy_that_does_not_tell_the_host_refuses_unless_the_route_does(place: Place, new: NewKey) -> None:
    method, fields = place.http_signature(), signed(place, new)
    for told in ({"host": None}, {"scheme": None}, {"host": None, "scheme": None}):
        silent = request(fields)._replace(**told)  # type: ignore[arg-type]
        found = await refusal(method, silent)
        assert found.why is Why.MALFORMED
        assert "origin" in (found.note or "")
        assert (await prove(method, silent, replace(ROUTE, origin="https://api.example"))).subject == "shop"
    assert (await prove(method, request(fields)._replace(host="API.example:443"))).subject == "shop"


@pytest.mark.rfc("9421", "4.3")
async def test_several_signatures_are_refused_unless_a_tag_says_which(place: Place, new: NewKey) -> None:
    other = await make(place)
    one = dict(signed(place, new, wish=Wish(tag="app")))
    two = dict(signed(place, other, wish=Wish(label="proxy", tag="edge")))
    both = [(name, f"{value}, {two[name]}") for name, value in one.items()]
    found = await refusal(place.http_signature(), request(both))
    assert (found.why, found.detail) == (Why.SHOWN_TWICE, "Sign a request once: several signatures were sent.")
    ours = place.http_signature(HttpSignatureOptions(tag="app"))
    assert (await prove(ours, request(both))).credential_id == new.id
    assert ours.find(request(two.items()), ROUTE) is None, "another's signature is not mine"
    twin = dict(signed(place, other, wish=Wish(label="twin", tag="app")))
    twins = [(name, f"{value}, {twin[name]}") for name, value in one.items()]
    assert (await refusal(ours, request(twins))).why is Why.SHOWN_TWICE
    lines = [*one.items(), *two.items()]
    assert (await prove(ours, request(lines))).credential_id == new.id, "a dictionary may come in several lines"


async def test_huge_fields_are_refused_before_any_work(place: Place, new: NewKey) -> None:
    method = place.http_signature()
    huge = [("signature-input", "sig=(" + '"x" ' * 1900 + ")"), ("signature", "sig=:AA==:")]
    assert (await refusal(method, request(huge))).why is Why.MALFORMED
    many = [("signature-input", "a" * 8000)] * 20 + [("signature", "sig=:AA==:")]
    assert (await refusal(method, request(many))).why is Why.MALFORMED
    with pytest.raises(Refused) as caught:
        request([("signature-input", "a" * 9000)])
    assert caught.value.why is Why.HEADER_TOO_LARGE


async def test_what_was_expected_is_explained_without_what_may_be_secret(place: Place, new: NewKey) -> None:
    headers = [("Authorization", "Bearer hush"), ("X-Token", "hush")]
    wish = Wish(cover=("@method", "@target-uri", "authorization", "x-token"))
    fields = signed(place, new, url="https://api.example/pets?api_key=hush", headers=headers, wish=wish)
    found = await refusal(place.http_signature(), request(fields, query="api_key=hush", method="PUT"))
    text = str(found.facts["signing_text"])
    assert "hush" not in text
    assert text.startswith('"@method": PUT\n"@target-uri": https://api.example/pets?api_key=…(4)\n"authorization": …\n')
    assert "hush" not in (found.note or "")
    assert "clock_skew" not in found.facts
    place.now += 400
    assert (await refusal(place.http_signature(), request(fields, query="api_key=hush", method="PUT"))).facts["clock_skew"] == -400


async def test_a_signature_that_proves_a_tokens_key_covers_the_token(place: Place) -> None:
    """As `ath` of DPoP does (RFC 9449 section 7): else another token of the same key could be put beside it."""
    new, method = await make(place), place.http_signature()
    route = Route(path="/**", allow=parse("http_signature and oauth bound by same_key or http_signature"))
    token = [("Authorization", "Bearer eyJ")]
    lacking, whole = signed(place, new, headers=token), Wish(cover=("@method", "@target-uri", "authorization"))
    found = await refusal(method, request(lacking), route)
    assert (found.why, found.detail) == (Why.NOT_COVERED, "The signature must also cover authorization.")
    for sent in (token, [*token, *token]):
        assert b'"@target-uri" "authorization"' in method.asks(route, request(sent))
    assert (await prove(method, request(signed(place, new, headers=token, wish=whole)), route)).subject == "shop"
    assert (await prove(method, request(signed(place, new)), route)).subject == "shop"  # without a token it stands for itself
    assert (await prove(method, request(lacking))).subject == "shop"


async def test_a_key_that_cannot_be_read_is_no_answer_of_ours(place: Place) -> None:
    for alg in ("ed25519", HMAC):
        new = await make(place, alg)

        async def damage(tx: Tx, new: NewKey = new) -> None:
            await tx.change_verifier(new.id, new.credential.verifier, b"damaged", new.credential.key_id)

        await place.store.write(damage)
        with pytest.raises(Unavailable):
            await prove(place.http_signature(), request(signed(place, new)))


async def test_limits_of_the_key_hold(place: Place) -> None:
    new = await make(place, methods=("GET",), networks=("192.0.2.0/24",))
    method = place.http_signature()
    assert (await prove(method, request(signed(place, new)))).subject == "shop"
    assert (await refusal(method, request(signed(place, new), address="198.51.100.1"))).why is Why.WRONG_ADDRESS
    assert (await refusal(method, posted(signed(place, new, method="POST", body=BODY)))).why is Why.WRONG_METHOD


@pytest.mark.parametrize("options", [{"window": 0.5}, {"window": 3601}, {"tag": "ü"}, {"tag": "x" * 65}])
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        HttpSignatureOptions(**options)  # type: ignore[arg-type]


LINE = st.text(st.sampled_from(list('sig=("@method" "x-a";sf;bs;key=1:,Aa==)?0-.created;keyid\t\xff')), max_size=120)


@given(fields=st.lists(st.tuples(st.sampled_from(["signature-input", "signature", "content-digest", "x-a"]), LINE), max_size=6))
def test_any_fields_are_not_mine_shown_or_refused(fields: list[tuple[str, str]]) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in fields]
    method = HttpSignature(credentials=None, sealer=None, clock=lambda: 0.0)  # type: ignore[arg-type]  # find asks neither
    try:
        method.find(Request("GET", "/", os.sep, Headers(raw), "https", "a.example", None, None, False), ROUTE)
    except Refused as reason:
        assert reason.why in (Why.MALFORMED, Why.SHOWN_TWICE)
