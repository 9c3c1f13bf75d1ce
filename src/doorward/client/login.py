"""First-party sign-in (`/auth/login`): an access token, and a refresh token that is spent once each time."""

import time

import httpx

from doorward.client import given
from doorward.client.credentials import HeldToken
from doorward.client.renewing import Held, Obtaining, Renewing
from doorward.client.tokens import TokenError, read_token
from doorward.core.clock import Clock
from doorward.core.secret import Secret

_GONE = (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED)


class Login(Renewing):
    """`base` is where doorward answers. The password is kept, for the day when the refresh token has ended too."""

    def __init__(
        self, base: str, username: str, password: Secret | str, *, insecure_http: bool = False, clock: Clock = time.monotonic
    ) -> None:
        source = _SignIn(
            given.whole_url(base, "base").rstrip("/"), given.text(username, "the name"), given.secret(password, "the password")
        )
        super().__init__(source, insecure_http=insecure_http, clock=clock)


class _SignIn:
    def __init__(self, base: str, username: str, password: Secret) -> None:
        self._base, self._username, self._password = base, username, password

    def obtain(self, before: Held | None, now: float) -> Obtaining:
        if isinstance(before, HeldToken) and before.token.refresh is not None:
            response = yield self._post("refresh", {"refresh_token": before.token.refresh.reveal()})
            try:
                return HeldToken(read_token(response, now))
            except TokenError as reason:
                if reason.status not in _GONE:
                    raise
        response = yield self._post("login", {"username": self._username, "password": self._password.reveal()})
        return HeldToken(read_token(response, now))

    def _post(self, what: str, form: dict[str, str]) -> httpx.Request:
        return httpx.Request("POST", f"{self._base}/auth/{what}", json=form)
