"""Signing in, refreshing, signing out: what `/auth/login`, `/auth/refresh`, `/auth/logout` and `/auth/csrf` answer.

bearer   both tokens in the answer; bound to the key of a DPoP proof, if one was sent (RFC 9449 section 5)
hybrid   the refresh token in a cookie, the access token in the answer
cookie   both in cookies
session  a session in a cookie

Whatever a cookie does asks for the CSRF token that the sign-in told, or for the browser's word that the page is of this origin.
"""

from contextlib import suppress
from typing import Final

from doorward.core.case import Case
from doorward.core.cookie_name import only_cookie
from doorward.core.csrf import check_same_site
from doorward.core.errors import Code, Refused, Why
from doorward.core.grant import Grant
from doorward.core.policy import parse
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.core.secret import Secret
from doorward.ledger.carried import BEARER, COOKIE, HYBRID, Carried
from doorward.ledger.dpop_key import DpopKey
from doorward.ledger.mint import LOGIN, Issued
from doorward.ledger.rotate import Check
from doorward.login.password import SignedIn
from doorward.methods.dpop import FIELD
from doorward.methods.session import SESSION, SessionOptions, cookie_names
from doorward.web.asgi import Answer, Fields
from doorward.web.auth_answers import KNOWN, OPEN, AuthParts, answer, nothing, only_proof
from doorward.web.cookie import access_places, clear_cookies, clear_tokens, refresh_places, set_access, set_cookie, set_refresh
from doorward.web.json_form import WrongType, read_form, text

BROWSER: Final = Route(path="/auth/**", allow=parse("session or jwt"), name="/auth")
_TRANSPORTS: Final = (BEARER, COOKIE, HYBRID, SESSION)
_DEAD: Final = (Code.INVALID_CREDENTIAL, Code.EXPIRED_CREDENTIAL, Code.REVOKED_CREDENTIAL)
_SET_COOKIE: Final = b"set-cookie"


async def login(parts: AuthParts, case: Case) -> Answer:
    request, form = case.request, await read_form(case.request)
    transport = form.get("transport", BEARER)
    if not isinstance(transport, str) or transport not in _TRANSPORTS:
        raise Refused(Why.BAD_REQUEST, f'"transport" is one of: {", ".join(_TRANSPORTS)}.')
    if transport != BEARER:
        _check_not_cross_site(request)
    if transport in (SESSION, COOKIE) and FIELD in request.headers:
        raise Refused(Why.BAD_REQUEST, "No page can prove a key for what is in a cookie; use bearer or hybrid with DPoP.")
    key = await parts.dpop_keys.prove(request)
    signed_in = await parts.passwords.check(text(form, "username"), text(form, "password"), request)
    if key is not None:
        await parts.dpop_keys.spend(key)
    if transport == SESSION:
        return await _start_session(parts, request, signed_in)
    issued = await parts.mint.sign_in(
        signed_in.account,
        signed_in.at,
        proven=signed_in.proven,
        audience=text(form, "audience") if "audience" in form else None,
        carried=Carried(transport, key.jkt if key is not None else None),
    )
    if transport != BEARER:
        await _end_what_was(parts, request)
    return _tokens(parts, request, issued, key)


async def _start_session(parts: AuthParts, request: Request, signed_in: SignedIn) -> Answer:
    before = _session_shown(request, parts.session_options)
    started = await parts.sessions.start(signed_in.account, signed_in.at, request, proven=signed_in.proven, replaces=before)
    cookie = (_SET_COOKIE, set_cookie(started.secret, request, parts.session_options))
    told = {"session": started.credential.id, "csrf_token": started.csrf, "expires_in": int(parts.session_options.absolute)}
    return answer(told, extra=[cookie])


async def refresh(parts: AuthParts, case: Case) -> Answer:
    """Of the body, else of the cookie: an explicit credential beats an ambient one."""
    request, form = case.request, await read_form(case.request)
    kept = _kept(request, parts) if "refresh_token" not in form else None
    token = Secret(kept if kept is not None else text(form, "refresh_token"))
    key = await parts.dpop_keys.of(request)
    check = _check(parts, request, in_cookie=kept is not None, key=key)
    try:
        issued = await parts.rotate.refresh(token, LOGIN, check)
    except Refused as reason:
        if kept is not None and reason.code in _DEAD and reason.why is not Why.NO_PROOF_OF_KEY:
            reason.fields += tuple(_cleared(request, parts))  # it will never do again
        raise
    return _tokens(parts, request, issued, key)


def logout_route(request: Request, options: SessionOptions) -> Route:
    """Whoever shows a credential must prove it; without one a refresh token in the body or the cookie says what to end."""
    places = (*cookie_names(request, options), *access_places(request, options))
    return KNOWN if b"authorization" in request.headers or any(map(request.has_cookie, places)) else OPEN


async def logs_out_anyway(request: Request, refused: Refused, options: SessionOptions) -> bool:
    """The access token is refused, often since it has expired meanwhile; but a refresh token says what to end."""
    if refused.code not in _DEAD:
        return False
    if any(map(request.has_cookie, refresh_places(request, options))):
        return True
    if b"authorization" not in request.headers:
        return False
    try:
        return "refresh_token" in await read_form(request)
    except (Refused, WrongType):
        return False


async def logout(parts: AuthParts, case: Case) -> Answer:
    request = case.request
    if case.principal is None:
        return await _end_by_refresh_token(parts, request)
    proof = only_proof(case)
    subject, now, grant = proof.subject, parts.gate.clock(), proof.claims.get("gid")
    if proof.method == SESSION:
        await parts.sessions.end(proof.credential_id, subject, why="signed out")
        return nothing([(_SET_COOKIE, cookie) for cookie in clear_cookies(request, parts.session_options)])
    if isinstance(grant, str):
        await parts.revoke.grant(grant, actor=subject, now=now, why="signed out")
    else:
        await parts.revoke.token(proof.credential_id, expires_at=proof.expires_at or now, actor=subject, now=now, why="signed out")
    return nothing(_cleared(request, parts))


async def _end_by_refresh_token(parts: AuthParts, request: Request) -> Answer:
    form = await read_form(request)
    kept = _kept(request, parts) if "refresh_token" not in form else None
    if kept is not None:
        await parts.rotate.sign_out(Secret(kept), LOGIN, _from_our_page(parts, request))
        return nothing(_cleared(request, parts))
    if "refresh_token" not in form:
        raise Refused(Why.MISSING, "Send the access token, the session cookie or a refresh_token.")
    await parts.rotate.sign_out(Secret(text(form, "refresh_token")), LOGIN)
    return nothing()


async def csrf(_: AuthParts, case: Case) -> Answer:
    token = only_proof(case).csrf
    if not token:
        raise Refused(Why.MALFORMED, note="what is sent in Authorization needs no CSRF token")
    return answer({"csrf_token": token})


def _check(parts: AuthParts, request: Request, *, in_cookie: bool, key: DpopKey | None) -> Check:
    """May this refresh token be used so? Nothing is spent where it may not."""
    jkt = key.jkt if key is not None else None

    def check(grant: Grant) -> None:
        carried = Carried.of(grant)
        if in_cookie is (carried.transport == BEARER):
            raise Refused(Why.UNKNOWN, note=f"a refresh token of the transport {carried.transport} in another place")
        if in_cookie:
            check_same_site(request, parts.csrf.of(grant.id))
        if carried.jkt is not None and carried.jkt != jkt:  # RFC 9449 section 5: public clients' are bound
            raise Refused(Why.NO_PROOF_OF_KEY, "The refresh token is bound to a key: send a DPoP proof of that one.")
        if carried.jkt is None and jkt is not None:
            raise Refused(Why.BAD_DPOP, "The refresh token is bound to no key; sign in with a DPoP proof.")

    return check


def _from_our_page(parts: AuthParts, request: Request) -> Check:
    return lambda grant: check_same_site(request, parts.csrf.of(grant.id))


def _tokens(parts: AuthParts, request: Request, issued: Issued, key: DpopKey | None) -> Answer:
    """RFC 6749 section 5.1, as far as the tokens travel in the answer."""
    transport, options = issued.carried.transport, parts.session_options
    extra: Fields = list(key.tells) if key is not None else []
    told: dict[str, object] = {"expires_in": issued.expires_in, "scope": " ".join(sorted(issued.scopes))}
    if transport == COOKIE:
        extra.append((_SET_COOKIE, set_access(issued.access_token, issued.expires_in, request, options)))
    else:
        kind = "Bearer" if issued.carried.jkt is None else "DPoP"
        told = {"access_token": issued.access_token.reveal(), "token_type": kind, **told}
    if transport != BEARER:
        told["csrf_token"] = parts.csrf.of(issued.grant_id)
    if issued.refresh_token is not None and transport == BEARER:
        told["refresh_token"] = issued.refresh_token.reveal()
    elif issued.refresh_token is not None:
        life = int(parts.mint.options.refresh_life)
        extra.append((_SET_COOKIE, set_refresh(issued.refresh_token, life, request, options)))
    return answer(told, extra=extra)


async def _end_what_was(parts: AuthParts, request: Request) -> None:
    """The sign-in that this browser had, whoever's it was: a new one takes its place (as for sessions)."""
    with suppress(Refused):
        if (kept := _kept(request, parts)) is not None:
            await parts.rotate.sign_out(Secret(kept), LOGIN)


def _kept(request: Request, parts: AuthParts) -> str | None:
    """The refresh token in this browser's cookie. Raises Refused(SHOWN_TWICE)."""
    return only_cookie(request, refresh_places(request, parts.session_options))


def _cleared(request: Request, parts: AuthParts) -> list[tuple[bytes, bytes]]:
    return [(_SET_COOKIE, cookie) for cookie in clear_tokens(request, parts.session_options)]


def _session_shown(request: Request, options: SessionOptions) -> Secret | None:
    """The session that this browser had, if any. A mess of cookies must not keep anybody from signing in."""
    with suppress(Refused):
        shown = only_cookie(request, cookie_names(request, options))
        return Secret(shown) if shown is not None else None
    return None


def _check_not_cross_site(request: Request) -> None:
    """Nobody may sign a browser in as somebody else from another site. Who bears no mark of a browser is let through. Raises
    Refused(CROSS_SITE)."""
    site, origin = request.header(b"sec-fetch-site"), request.header(b"origin")
    ours = site in ("same-origin", "none") if site is not None else origin is None or origin.lower() == request.origin
    if not ours:
        raise Refused(Why.CROSS_SITE, "Sign in from a page of this origin.")
