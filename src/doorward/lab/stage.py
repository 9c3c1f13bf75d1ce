"""What the demo plays on: two servers over one data directory, a client, and the tally of what was seen.

`doorward serve` (sign-in, tokens) and the pet store, which has doorward as a library in front of it, share nothing but the
folder. Whatever is revoked in one process must be refused in the other within a second.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from doorward.client import mutual_tls
from doorward.lab import stranger
from doorward.lab.place import Place, free_port
from doorward.lab.routes import ANY, HOOK, PARTNER, ROUTES
from doorward.lab.tally import Tally

PASSWORD: Final = "correct horse: battery stäple"  # noqa: S105 - the demo's own, gone with its folder
WITHIN: Final = 1.0
"""Seconds in which a revocation must be known everywhere."""


class Demo:
    """The servers, a client, and what was handed out."""

    def __init__(self, place: Place, tally: Tally) -> None:
        self.place, self.tally = place, tally
        self.door, self.shop = free_port(), free_port()
        place.make_certificate()
        self.http = httpx.Client(verify=place.trust(), timeout=20)
        self._by: dict[Path, httpx.Client] = {}
        self.partner, self._partner_port = Place(self.folder("partner")), free_port()

    def url(self, path: str) -> str:
        return f"https://localhost:{self.shop}{path}"

    @property
    def door_url(self) -> str:
        return f"https://localhost:{self.door}"

    def now(self) -> float:
        return time.time()

    def folder(self, name: str) -> Path:
        made = self.place.folder / name
        made.mkdir(exist_ok=True)
        return made

    def begin(self) -> None:
        place = self.place
        place.command("init")
        hooks = "\n".join(HOOK.format(form=form) for form in ("standard", "github", "stripe", "slack"))
        written = ROUTES.format(port=self.door, partner=self._partner_port, ca=place.certificate, any=ANY, hooks=hooks)
        (place.data / "doorward.toml").write_text(written)
        place.command("account", "create", "ada", "--email", "ada@example.org", "--password-stdin",
                      "--scopes", "read:pets write:pets", stdin=PASSWORD + "\n")  # fmt: skip
        place.command("cert", "ca")
        self._begin_partner()
        place.serve(self.door)
        place.serve_pets(self.shop)

    def _begin_partner(self) -> None:
        """Another installation, with its own keys: all that we know of it is its address."""
        self.partner.certificate.write_bytes(self.place.certificate.read_bytes())
        self.partner.private_key.touch(mode=0o600)
        self.partner.private_key.write_bytes(self.place.private_key.read_bytes())
        self.partner.command("init")
        (self.partner.data / "doorward.toml").write_text(PARTNER.format(port=self._partner_port))
        self.partner.serve(self._partner_port)

    def end(self) -> None:
        self.partner.stop()
        for client in (self.http, *self._by.values()):
            client.close()

    def by(self, folder: Path | None) -> httpx.Client:
        """A client that shows the certificate in this folder; without one, none."""
        if folder is None:
            return self.http
        if folder not in self._by:
            context = mutual_tls(folder / "cert.pem", folder / "key.pem", ca=self.place.certificate)
            self._by[folder] = httpx.Client(verify=context, timeout=20)
        return self._by[folder]

    def expect(
        self, row: str, column: str, what: str, headers: dict[str, str], *, status: int = 200, code: str = "",
        path: str = "/pets", method: str = "GET", body: bytes = b"", by: Path | None = None,
    ) -> None:  # fmt: skip
        response = self.by(by).request(method, self.url(path), headers=headers, content=body or None)
        self.check(row, column, what, response, status=status, code=code)

    def check(self, row: str, column: str, what: str, response: httpx.Response, *, status: int = 200, code: str = "") -> None:
        seen = _code(response)
        passed = response.status_code == status and (not code or seen == code)
        self.tally.note(
            row, column, f"{what} -> {status}{f' {code}' if code else ''}", passed=passed, seen=f"{response.status_code} {seen}"
        )

    def expect_soon(
        self, row: str, what: str, headers: Callable[[], dict[str, str]], code: str, *,
        path: str = "/pets", method: str = "GET", body: bytes = b"", by: Path | None = None,
    ) -> None:  # fmt: skip
        """Refused everywhere within WITHIN seconds of the command's end."""
        begin = time.monotonic()
        while True:
            response = self.by(by).request(method, self.url(path), headers=headers(), content=body or None)
            took = time.monotonic() - begin
            if response.status_code == 401 or took > WITHIN:
                break
            time.sleep(0.02)
        passed = response.status_code == 401 and _code(response) == code
        seen = f"{response.status_code} {_code(response)}"
        self.tally.note(row, "revoked", f"{what} -> 401 {code} after {took * 1000:.0f} ms", passed=passed, seen=seen)

    def sign_in(self, transport: str = "bearer") -> httpx.Response:
        login = {"username": "ada", "password": PASSWORD, "transport": transport}
        return self.http.post(f"{self.door_url}/auth/login", json=login)

    def post(self, path: str, **words: str) -> httpx.Response:
        return self.http.post(f"{self.door_url}{path}", json=words)

    def signed(self, auth: httpx.Auth, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """The fields that this Auth adds, to be sent as they are, or elsewhere."""
        request = httpx.Request(method, self.url(path), content=body or None)
        before = set(request.headers)
        next(auth.sync_auth_flow(request))
        return {name: value for name, value in request.headers.items() if name not in before}

    def client(self, name: str, *words: str) -> dict[str, str]:
        return self.place.command("client", "create", name, "--grant", "client_credentials", "--scopes", "read:pets", *words)

    def ask(
        self, what: str, client: dict[str, str], *, by: Path | None = None, headers: dict[str, str] | None = None, **form: str
    ) -> httpx.Response:
        """One of the endpoints under /oauth, as this client: by its secret, or else by the certificate in `by`."""
        secret = client.get("client_secret")
        shown = stranger.basic(client["client_id"], secret) if secret else {}
        form = form if secret else {**form, "client_id": client["client_id"]}
        return self.by(by).post(f"{self.door_url}/oauth/{what}", data=form, headers=shown | (headers or {}))

    def token(self, client: dict[str, str]) -> str:
        return str(self.ask("token", client, grant_type="client_credentials").json()["access_token"])

    def foreign_token(self) -> str:
        """A token of the other issuer, for our API."""
        words = ("token", "issue", "bob", "--audience", "api://pets", "--scopes", "read:pets")
        return str(self.partner.command(*words)["access_token"])

    def certificate(self, folder: str, name: str) -> Path:
        """The folder with cert.pem and key.pem, fresh from the local authority."""
        where = self.folder(folder)
        made = self.place.command("cert", "issue", "--name", name, "--out", str(where), "--scopes", "read:pets")
        (where / "serial").write_text(str(made["serial"]))
        return where

    def serial(self, folder: Path) -> str:
        return (folder / "serial").read_text()


def _code(response: httpx.Response) -> str:
    try:
        told = response.json()
        return str(told.get("code") or told.get("error") or "")
    except (ValueError, AttributeError):
        return ""
