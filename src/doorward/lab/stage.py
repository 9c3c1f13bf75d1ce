"""What the demo plays on: two servers over one data directory, a client, and the tally of what was seen.

`doorward serve` (sign-in, tokens) and the pet store, which has doorward as a library in front of it, share nothing but the
folder. Whatever is revoked in one process must be refused in the other within a second.
"""

import time
from collections.abc import Callable
from typing import Final

import httpx

from doorward.lab.place import Place, free_port
from doorward.lab.tally import Tally

PASSWORD: Final = "correct horse: battery stäple"  # noqa: S105 - the demo's own, gone with its folder
WITHIN: Final = 1.0
"""Seconds in which a revocation must be known everywhere."""

ROUTES: Final = """
[server]
issuer = "https://localhost:{port}"

[[route]]
path = "/pets/**"
methods = ["GET"]
allow = "api_key or basic or jwt or session or hmac"
scopes = ["read:pets"]

[[route]]
path = "/pets/**"
methods = ["POST"]
allow = "api_key or basic or jwt or session or hmac"
scopes = ["write:pets"]

[[route]]
path = "/app-and-user"
allow = "api_key and jwt bound by app_and_user"

[[route]]
path = "/same-person"
allow = "basic and jwt bound by same_subject"

[[route]]
path = "/both"
allow = "api_key and hmac bound by independent"

[[route]]
path = "/limited"
allow = "api_key"
rate = "3/m"

[[route]]
path = "/fresh"
allow = "jwt"
fresh_within = "5m"

[[route]]
path = "/open"
allow = "open_to_anyone"
"""


class Demo:
    """The two servers, a client, and what was handed out."""

    def __init__(self, place: Place, tally: Tally) -> None:
        self.place, self.tally = place, tally
        self.door, self.shop = free_port(), free_port()
        place.make_certificate()
        self.http = httpx.Client(verify=place.trust(), timeout=20)

    def url(self, path: str) -> str:
        return f"https://localhost:{self.shop}{path}"

    def begin(self) -> None:
        place = self.place
        place.command("init")
        (place.data / "doorward.toml").write_text(ROUTES.format(port=self.door))
        place.command("account", "create", "ada", "--email", "ada@example.org", "--password-stdin",
                      "--scopes", "read:pets write:pets", stdin=PASSWORD + "\n")  # fmt: skip
        place.serve(self.door)
        place.serve_app("doorward.lab.pets:app", self.shop)

    def expect(
        self, row: str, column: str, what: str, headers: dict[str, str], *, status: int = 200, code: str = "",
        path: str = "/pets", method: str = "GET", body: bytes = b"",
    ) -> None:  # fmt: skip
        response = self.http.request(method, self.url(path), headers=headers, content=body or None)
        self.check(row, column, what, response, status=status, code=code)

    def check(self, row: str, column: str, what: str, response: httpx.Response, *, status: int = 200, code: str = "") -> None:
        seen = _code(response)
        passed = response.status_code == status and (not code or seen == code)
        self.tally.note(
            row, column, f"{what} -> {status}{f' {code}' if code else ''}", passed=passed, seen=f"{response.status_code} {seen}"
        )

    def expect_soon(self, row: str, what: str, headers: Callable[[], dict[str, str]], code: str) -> None:
        """Refused everywhere within WITHIN seconds of the command's end."""
        begin = time.monotonic()
        while True:
            response = self.http.get(self.url("/pets"), headers=headers())
            took = time.monotonic() - begin
            if response.status_code == 401 or took > WITHIN:
                break
            time.sleep(0.02)
        passed = response.status_code == 401 and _code(response) == code
        self.tally.note(row, "revoked", f"{what} -> 401 {code} after {took * 1000:.0f} ms", passed=passed, seen=str(response.status_code))

    def sign_in(self, transport: str = "bearer") -> httpx.Response:
        login = {"username": "ada", "password": PASSWORD, "transport": transport}
        return self.http.post(f"https://localhost:{self.door}/auth/login", json=login)

    def post(self, path: str, **words: str) -> httpx.Response:
        return self.http.post(f"https://localhost:{self.door}{path}", json=words)


def _code(response: httpx.Response) -> str:
    try:
        return str(response.json().get("code", ""))
    except (ValueError, AttributeError):
        return ""
