"""What is the same on every request: an API key, a name and password, a token that somebody else keeps fresh."""

from base64 import b64encode
from collections.abc import Generator

import httpx

from doorward.client import given
from doorward.client.safe import check_way, is_field_value
from doorward.core.secret import Secret

Flow = Generator[httpx.Request, httpx.Response, None]


class _Fixed(httpx.Auth):
    """One field, the same each time. Raises ValueError for what no field can hold: httpx would show it in its error."""

    def __init__(self, field: str, value: Secret, *, insecure_http: bool) -> None:
        if not is_field_value(value.reveal()):
            raise ValueError(f"what is sent in {field} holds a blank at its end, a line's end or no ASCII: was it read from a file?")
        self._field, self._value, self._insecure = field, value, insecure_http

    def auth_flow(self, request: httpx.Request) -> Flow:
        check_way(request.url, insecure_http=self._insecure)
        request.headers[self._field] = self._value.reveal()
        yield request


class ApiKey(_Fixed):
    """In Authorization as Bearer, which httpx takes away where it is redirected to another origin; `field` for one of its own
    (X-API-Key), which it does not."""

    def __init__(self, key: Secret | str, *, field: str | None = None, insecure_http: bool = False) -> None:
        shown = given.secret(key, "the API key")
        if field is None:
            field, shown = "Authorization", Secret(f"Bearer {shown.reveal()}")
        super().__init__(given.text(field, "the field"), shown, insecure_http=insecure_http)


class Bearer(_Fixed):
    """RFC 6750 section 2.1."""

    def __init__(self, token: Secret | str, *, insecure_http: bool = False) -> None:
        shown = given.secret(token, "the token")
        super().__init__("Authorization", Secret(f"Bearer {shown.reveal()}"), insecure_http=insecure_http)


class Basic(_Fixed):
    """RFC 7617, in UTF-8 (section 2.1). Raises ValueError for a name with a colon, which the scheme cannot carry. A password may be
    empty: some APIs take a key as the name, and nothing else."""

    def __init__(self, name: str, password: Secret | str, *, insecure_http: bool = False) -> None:
        if ":" in given.text(name, "the name"):
            raise ValueError("a name with a colon cannot be sent by HTTP Basic (RFC 7617 section 2)")
        pair = f"{name}:{given.secret(password, 'the password', may_be_empty=True).reveal()}"
        super().__init__("Authorization", Secret(f"Basic {b64encode(pair.encode()).decode()}"), insecure_http=insecure_http)
