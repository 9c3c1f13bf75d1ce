import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.proof import Principal, Proof
from doorward.web.behind import Behind, BehindOptions
from doorward.web.identity import TYP, IdentityTokens
from doorward.web.key_set import KeySet
from tests.web.door import NOW, Told, call, clock
from tests.web.keys import TestKey
from tests.web.test_guard import Behind as Application

KEY = TestKey()
ISSUER = "https://door.test"


def service(largest: int = 1024) -> tuple[Behind, Application]:
    application = Application()
    keys = KeySet(KEY.jwks, clock)
    options = BehindOptions(largest_body=largest)
    return Behind(application, keys=keys, issuer=ISSUER, audience="orders", clock=clock, options=options), application


def token(typ: str = TYP, **changed: object) -> str:
    claims: dict[str, object] = {"iss": ISSUER, "aud": "orders", "sub": "ann", "exp": NOW + 30, "scope": "a b", "methods": ["hmac"]}
    return KEY.sign({name: value for name, value in {**claims, **changed}.items() if value is not None}, typ)


async def ask(text: str | None, body: bytes = b"", **more: Any) -> tuple[Told, Application]:
    guard, application = service()
    headers = [("Content-Length", str(len(body))), *([("X-Auth-Identity", text)] if text is not None else []), *more.pop("headers", [])]
    return await call(guard, headers=headers, body=body, method=more.pop("method", "POST"), **more), application


async def test_the_token_says_who_calls_and_no_other_field_does() -> None:
    told, application = await ask(token(client_id="shop", roles=["vet"]), b"hello", headers=[("X-Auth-Subject", "root")])
    assert told.body == b"hello"
    principal = application.scope["principal"]
    assert (principal.subject, principal.client) == ("ann", "shop")
    assert (principal.scopes, principal.roles) == ({"a", "b"}, {"vet"})
    assert [name for name, _ in application.scope["headers"]] == [b"content-length"]


async def test_what_identity_tokens_makes_is_believed() -> None:
    made = IdentityTokens(issuer=ISSUER, sign=KEY.sign, clock=clock)
    proof = Proof(method="hmac", subject="ann", credential_id="c", claims={"content_sha256": hashlib.sha256(b"paid").hexdigest()})
    text = made(Principal(subject="ann", proofs=(proof,)), "orders").decode()
    assert (await ask(text, b"paid"))[0].status == 200
    assert (await ask(text, b"PAID"))[0].code == "invalid_credential"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "missing_credential"),
        ("", "missing_credential"),
        ("garbage", "invalid_credential"),
        (token("at+jwt"), "invalid_credential"),
        (token("JWT"), "invalid_credential"),
        (token(aud="bills"), "invalid_credential"),
        (token(aud=["orders"]), "invalid_credential"),
        (token(iss="https://evil.test"), "invalid_credential"),
        (token(exp=NOW - 2), "expired_credential"),
        (token(exp=None), "expired_credential"),
        (token(exp="never"), "expired_credential"),
        (token(sub=None), "invalid_credential"),
        (token(scope=["a"]), "invalid_credential"),
        (token(roles="vet"), "invalid_credential"),
        (token(client_id=7), "invalid_credential"),
        (token(content_sha256=7), "invalid_credential"),
        (TestKey().sign({"iss": ISSUER, "aud": "orders", "sub": "ann", "exp": NOW + 30}, TYP), "invalid_credential"),
        (token()[:-6] + "AAAAAA", "invalid_credential"),
    ],
)
async def test_anything_else_is_refused(text: str | None, code: str) -> None:
    told, application = await ask(text)
    assert (told.status, told.code) == (401, code)
    assert application.scope == {}


async def test_two_tokens_are_refused() -> None:
    told, _ = await ask(token(), headers=[("X-Auth-Identity", token())])
    assert (told.status, told.code) == (401, "invalid_credential")


async def test_another_spelling_of_our_fields_is_refused() -> None:
    told, _ = await ask(token(), headers=[("X_Auth_Identity", "a")])
    assert (told.status, told.code) == (400, "bad_request")


@pytest.mark.parametrize("body", [b"", b"changed", b"a" * 2000])
async def test_a_signed_body_that_was_changed_is_refused(body: bytes) -> None:
    told, application = await ask(token(content_sha256=hashlib.sha256(b"hello").hexdigest()), body)
    assert told.status in (401, 413)
    assert application.scope == {}


@pytest.mark.parametrize(("claim", "hashed"), [("content_sha256", hashlib.sha256), ("content_sha512", hashlib.sha512)])
async def test_every_digest_that_was_signed_is_compared(claim: str, hashed: Any) -> None:
    right = {"content_sha256": hashlib.sha256(b"paid").hexdigest(), "content_sha512": hashlib.sha512(b"paid").hexdigest()}
    for told in ({claim: right[claim]}, right):
        assert (await ask(token(**told), b"paid"))[0].status == 200
        assert (await ask(token(**{**told, claim: hashed(b"other").hexdigest()}), b"paid"))[0].status == 401
        assert (await ask(token(**told), b"other"))[0].status == 401


async def test_a_body_slipped_into_a_request_that_was_signed_without_one_is_refused() -> None:
    text = token(content_sha256=hashlib.sha256(b"").hexdigest())
    assert (await ask(text, b""))[0].status == 200
    assert (await ask(text, b"slipped in"))[0].status == 401


async def test_a_token_that_was_proven_before_still_expires() -> None:
    now = NOW
    guard, _ = service()
    guard._clock = lambda: now
    text = token()
    assert (await call(guard, headers=[("X-Auth-Identity", text)])).status == 200
    now = NOW + 32
    assert (await call(guard, headers=[("X-Auth-Identity", text)])).code == "expired_credential"


async def test_sockets_lifespan_and_unknown_scopes() -> None:
    assert (await ask(token(), kind="websocket"))[0].accepted
    told, _ = await ask(None, kind="websocket")
    assert (told.accepted, told.closed) == (False, 1008)
    guard, application = service()

    async def nothing(*_: Any) -> Any:
        return {}

    await guard({"type": "lifespan"}, nothing, nothing)
    assert application.scope["type"] == "lifespan"
    with pytest.raises(RuntimeError):
        await guard({"type": "pigeon"}, nothing, nothing)


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=120))
async def test_any_token_is_refused_with_an_answer(text: str) -> None:
    assert (await ask(text))[0].status == 401
