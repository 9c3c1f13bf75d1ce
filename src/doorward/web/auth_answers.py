"""What `/auth/…` is made of, how it answers, and a person's own sessions: each reads its form, calls, renders. No decision
is made here. Signing in and out: `sign_in.py`."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from doorward.core.case import Case
from doorward.core.clock import moment
from doorward.core.credential import Credential
from doorward.core.errors import Refused
from doorward.core.gate import Gate
from doorward.core.policy import parse
from doorward.core.proof import Proof
from doorward.core.route import Route
from doorward.crypto.token_csrf import TokenCsrf
from doorward.ledger.dpop_key import DpopKeys
from doorward.ledger.mint import Mint
from doorward.ledger.revoke import Revoke
from doorward.ledger.rotate import Rotate
from doorward.login.password import PasswordSignIn
from doorward.login.session import Sessions
from doorward.methods.session import SESSION, SessionOptions
from doorward.web.asgi import Answer, Fields
from doorward.web.json_form import read_form

OPEN: Final = Route(path="/auth/**", allow=None, name="/auth")
KNOWN: Final = Route(path="/auth/**", allow=parse("jwt or session"), name="/auth")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthParts:
    """What the answers call. `csrf`: what pages repeat where a token is in a cookie.
    `observers` hear of what is refused after the gate: a wrong password, a reused token."""

    gate: Gate
    passwords: PasswordSignIn
    mint: Mint
    rotate: Rotate
    revoke: Revoke
    sessions: Sessions
    session_options: SessionOptions
    dpop_keys: DpopKeys
    csrf: TokenCsrf
    observers: Sequence[Callable[[Case, Refused | None], None]] = ()


Handle = Callable[[AuthParts, Case], Awaitable[Answer]]


async def list_sessions(parts: AuthParts, case: Case) -> Answer:
    proof = only_proof(case)
    sessions = await parts.sessions.live(proof.subject)
    return answer({"sessions": [_told(session, proof.credential_id) for session in sessions]})


async def end_session(parts: AuthParts, case: Case) -> Answer:
    id = case.path.rpartition("/")[2]
    if not await parts.sessions.end(id, only_proof(case).subject):
        return problem(404, "not_found", "You have no session of this id.", case.request.id)
    return nothing()


async def end_sessions(parts: AuthParts, case: Case) -> Answer:
    """{"keep_this": true} spares the session that asks."""
    proof, form = only_proof(case), await read_form(case.request)
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


def only_proof(case: Case) -> Proof:
    assert case.principal is not None, "the route asks for one credential"  # noqa: S101
    return case.principal.proofs[0]
