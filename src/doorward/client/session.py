"""A session cookie without a browser: signed in when needed, with the CSRF token on unsafe requests."""

import time
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final

import httpx

from doorward.client import given
from doorward.client.renewing import Held, Obtaining, Renewing
from doorward.client.safe import Unsafe, origin_of
from doorward.client.tokens import TokenError
from doorward.core.clock import Clock
from doorward.core.request import SAFE_METHODS
from doorward.core.secret import Secret

_CSRF: Final = "X-CSRF-Token"


class Session(Renewing):
    """`base` is where doorward answers. The cookie goes with every request that this is the auth of, to that origin only."""

    def __init__(
        self, base: str, username: str, password: Secret | str, *, insecure_http: bool = False, clock: Clock = time.monotonic
    ) -> None:
        url = httpx.URL(given.whole_url(base, "base").rstrip("/"))
        source = _SignIn(url, given.text(username, "the name"), given.secret(password, "the password"))
        super().__init__(source, insecure_http=insecure_http, clock=clock)


@dataclass(frozen=True, slots=True)
class _HeldSession:
    origin: str
    cookie: Secret
    csrf: Secret
    until: float | None

    def show(self, request: httpx.Request) -> None:
        """Raises Unsafe: a session is for the origin that began it (RFC 6265 section 5.4)."""
        if origin_of(request.url) != self.origin:
            raise Unsafe(f"the session of {self.origin} is not sent to {origin_of(request.url)}")
        others = [pair for pair in request.headers.get("cookie", "").split("; ") if pair and not pair.startswith(_name_of(self.cookie))]
        request.headers["Cookie"] = "; ".join([*others, self.cookie.reveal()])
        if request.method not in SAFE_METHODS:
            request.headers[_CSRF] = self.csrf.reveal()


def _name_of(cookie: Secret) -> str:
    return cookie.reveal().partition("=")[0] + "="


class _SignIn:
    def __init__(self, base: httpx.URL, username: str, password: Secret) -> None:
        self._base, self._username, self._password = base, username, password

    def obtain(self, before: Held | None, now: float) -> Obtaining:
        form = {"username": self._username, "password": self._password.reveal(), "transport": "session"}
        response = yield httpx.Request("POST", f"{self._base}/auth/login", json=form)
        try:
            told = response.json()
        except (ValueError, RecursionError):
            told = None
        told = told if isinstance(told, dict) else {}
        if response.status_code != httpx.codes.OK:
            raise TokenError(
                str(told.get("code", f"status_{response.status_code}"))[:64], str(told.get("detail", ""))[:512], response.status_code
            )
        cookie, csrf, life = _cookie(response), told.get("csrf_token"), told.get("expires_in")
        if cookie is None or not isinstance(csrf, str) or not isinstance(life, int | float):
            raise TokenError("invalid_answer", "the answer holds no session cookie, csrf_token or expires_in", response.status_code)
        return _HeldSession(origin_of(self._base), cookie, Secret(csrf), now + life)


def _cookie(response: httpx.Response) -> Secret | None:
    """The one cookie that was set (RFC 6265 section 4.1)."""
    lines = response.headers.get_list("set-cookie")
    try:
        jar = SimpleCookie(lines[0]) if len(lines) == 1 else SimpleCookie()
    except CookieError:
        return None
    pairs = [f"{name}={morsel.coded_value}" for name, morsel in jar.items()]
    return Secret(pairs[0]) if len(pairs) == 1 else None
