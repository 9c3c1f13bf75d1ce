"""What `/auth/…` answers: each reads its form, calls, renders. No decision is made here."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from doorward.core.case import Case
from doorward.core.clock import moment
from doorward.core.credential import Credential
from doorward.core.errors import Code, Refused, Why
from doorward.core.gate import Gate
from doorward.core.policy import parse
from doorward.core.proof import Proof
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.core.secret import Secret
from doorward.ledger.mint import LOGIN, Issued, Mint
from doorward.ledger.revoke import Revoke
from doorward.ledger.rotate import Rotate
from doorward.login.password import PasswordSignIn
from doorward.login.session import Sessions
from doorward.methods.session import SESSION, SessionOptions, cookie_names
from doorward.web.asgi import Answer, Fields
from doorward.web.cookie import clear_cookies, set_cookie
from doorward.web.json_form import WrongType, read_form, text

OPEN: Final = Route(path="/auth/**", allow=None, name="/auth")
KNOWN: Final = Route(path="/auth/**", allow=parse("jwt or session"), name="/auth")
BROWSER: Final = Route(path="/auth/**", allow=parse("session"), name="/auth")
_TRANSPORTS: Final = ("bearer", "session")
_DEAD: Final = (Code.INVALID_CREDENTIAL, Code.EXPIRED_CREDENTIAL, Code.REVOKED_CREDENTIAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthParts:
    """What the answers call. `observers` hear of what is refused after the gate: a wrong password, a reused token."""

    gate: Gate
    passwords: PasswordSignIn
    mint: Mint
    rotate: Rotate
    revoke: Revoke
    sessions: Sessions
    session_options: SessionOptions
    observers: Sequence[Callable[[Case, Refused | None], None]] = ()


Handle = Callable[[AuthParts, Case], Awaitable[Answer]]


async def login(parts: AuthParts, case: Case) -> Answer:
    form = await read_form(case.request)
    transport = form.get("transport", _TRANSPORTS[0])
    if transport not in _TRANSPORTS:
        raise Refused(Why.BAD_REQUEST, f'"transport" is one of: {", ".join(_TRANSPORTS)}.')
    if transport == "session":
        _check_not_cross_site(case.request)
    signed_in = await parts.passwords.check(text(form, "username"), text(form, "password"), case.request)
    if transport == "bearer":
        audience = text(form, "audience") if "audience" in form else None
        return _tokens(await parts.mint.sign_in(signed_in.account, signed_in.at, proven=signed_in.proven, audience=audience))
    before = _cookie_shown(case.request, parts.session_options)
    started = await parts.sessions.start(signed_in.account, signed_in.at, case.request, proven=signed_in.proven, replaces=before)
    cookie = (b"set-cookie", set_cookie(started.secret, case.request, parts.session_options))
    told = {"session": started.credential.id, "csrf_token": started.csrf, "expires_in": int(parts.session_options.absolute)}
    return answer(told, extra=[cookie])


async def refresh(parts: AuthParts, case: Case) -> Answer:
    form = await read_form(case.request)
    return _tokens(await parts.rotate.refresh(Secret(text(form, "refresh_token")), LOGIN))


def logout_route(request: Request, options: SessionOptions) -> Route:
    """Whoever shows a credential must prove it; without one a refresh token in the body says what to end."""
    shown = b"authorization" in request.headers or any(request.cookie(name) for name in cookie_names(request, options))
    return KNOWN if shown else OPEN


async def logs_out_anyway(request: Request, refused: Refused) -> bool:
    """The access token is refused, often since it has expired meanwhile; but a refresh token says what to end."""
    if b"authorization" not in request.headers or refused.code not in _DEAD:
        return False
    try:
        return "refresh_token" in await read_form(request)
    except (Refused, WrongType):
        return False


async def logout(parts: AuthParts, case: Case) -> Answer:
    if case.principal is None:
        form = await read_form(case.request)
        if "refresh_token" not in form:
            raise Refused(Why.MISSING, "Send the access token, the session cookie or a refresh_token.")
        await parts.rotate.sign_out(Secret(text(form, "refresh_token")), LOGIN)
        return nothing()
    proof = _only_proof(case)
    subject, now, grant = proof.subject, parts.gate.clock(), proof.claims.get("gid")
    if proof.method == SESSION:
        await parts.sessions.end(proof.credential_id, subject, why="signed out")
        return nothing([(b"set-cookie", cookie) for cookie in clear_cookies(case.request, parts.session_options)])
    if isinstance(grant, str):
        await parts.revoke.grant(grant, actor=subject, now=now, why="signed out")
    else:
        await parts.revoke.token(proof.credential_id, expires_at=proof.expires_at or now, actor=subject, now=now, why="signed out")
    return nothing()


async def csrf(_: AuthParts, case: Case) -> Answer:
    return answer({"csrf_token": _only_proof(case).csrf})


async def list_sessions(parts: AuthParts, case: Case) -> Answer:
    proof = _only_proof(case)
    sessions = await parts.sessions.live(proof.subject)
    return answer({"sessions": [_told(session, proof.credential_id) for session in sessions]})


async def end_session(parts: AuthParts, case: Case) -> Answer:
    id = case.path.rpartition("/")[2]
    if not await parts.sessions.end(id, _only_proof(case).subject):
        return problem(404, "not_found", "You have no session of this id.", case.request.id)
    return nothing()


async def end_sessions(parts: AuthParts, case: Case) -> Answer:
    """{"keep_this": true} spares the session that asks."""
    proof, form = _only_proof(case), await read_form(case.request)
    kept = proof.credential_id if proof.method == SESSION and form.get("keep_this") is True else None
    ended = await parts.sessions.end_all(proof.subject, but=kept)
    return answer({"ended": list(ended)})


def answer(told: dict[str, object], *, extra: Fields | None = None) -> Answer:
    body = json.dumps(told, separators=(",", ":")).encode()
    headers: Fields = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return Answer(200, [*headers, (b"cache-control", b"no-store"), *(extra or [])], body)  # RFC 6749 section 5.1


def nothing(extra: Fields | None = None) -> Answer:
    return Answer(204, [(b"cache-control", b"no-store"), *(extra or [])], b"")


def problem(status: int, code: str, detail: str, id: str, extra: Fields | None = None) -> Answer:
    """RFC 9457, for what is no refusal of a credential."""
    told = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code, "detail": detail, "instance": id}
    body = json.dumps(told, separators=(",", ":")).encode()
    headers: Fields = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    return Answer(status, [*headers, (b"cache-control", b"no-store"), (b"x-request-id", id.encode("latin-1")), *(extra or [])], body)


def _tokens(issued: Issued) -> Answer:
    """RFC 6749 section 5.1."""
    told: dict[str, object] = {
        "access_token": issued.access_token.reveal(),
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": " ".join(sorted(issued.scopes)),
    }
    if issued.refresh_token is not None:
        told["refresh_token"] = issued.refresh_token.reveal()
    return answer(told)


def _told(session: Credential, current: str) -> dict[str, object]:
    """Times in UTC by RFC 3339, as the command line tells them."""
    return {
        "id": session.id,
        "current": session.id == current,
        "created_at": moment(session.created_at),
        "seen_at": moment(session.seen_at or session.created_at),
        "expires_at": moment(session.expires_at),
        "device": session.data.get("device", ""),
        "address": session.data.get("address", ""),
    }


def _only_proof(case: Case) -> Proof:
    assert case.principal is not None, "the route asks for one credential"  # noqa: S101
    return case.principal.proofs[0]


def _cookie_shown(request: Request, options: SessionOptions) -> Secret | None:
    """The session that this browser had, if any. A mess of cookies must not keep anybody from signing in."""
    try:
        shown = [value for name in cookie_names(request, options) if (value := request.cookie(name))]
    except Refused:
        return None
    return Secret(shown[0]) if len(shown) == 1 else None


def _check_not_cross_site(request: Request) -> None:
    """Nobody may sign a browser in as somebody else from another site. Raises Refused(CROSS_SITE)."""
    if request.header(b"sec-fetch-site") not in (None, "same-origin", "none"):
        raise Refused(Why.CROSS_SITE, "Sign in from a page of this origin.")
