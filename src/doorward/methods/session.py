"""Sessions of people: a cookie of 256 random bits, stored hashed.

On the wire  Cookie: __Host-doorward=…; on plain http from this machine also doorward=… (DECISIONS 22)
In the store lookup = SHA-256 of the secret, verifier = another digest of it, `expires_at` the absolute end, `seen_at`
             the last use, data["authenticated_at"] when the person proved who they are
Refused      SHOWN_TWICE, MALFORMED, UNKNOWN, REVOKED (also by the owner's epoch), EXPIRED (idle or absolute)
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from doorward.core import key_text
from doorward.core.clock import Clock, Entropy
from doorward.core.cookie_name import cookie_places
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.proof import Proof
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.core.secret import Secret, same
from doorward.core.store import Accounts, Credentials, Tx, Unavailable
from doorward.crypto.digest import mac, sha256

SESSION: Final = "session"
_SHAPE: Final = re.compile(r"[0-9A-Za-z]{43}")
_NO_VERIFIER: Final = bytes(32)

Touch = Callable[[Callable[[Tx], Awaitable[None]]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """`idle`, `absolute`, `touch_every` in seconds. `cookie` is the name behind `__Host-`, and the start of the names of the
    token cookies: several issuers on one host need a name each. `same_site` is Lax or Strict."""

    cookie: str = "doorward"
    idle: float = 7200.0
    absolute: float = 86400.0
    touch_every: float = 60.0
    same_site: str = "Lax"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.cookie):
            raise ValueError("cookie: a cookie's name has 1 to 64 letters, digits, dashes and underscores")
        if self.same_site not in ("Lax", "Strict"):
            raise ValueError("same_site: write Lax or Strict")
        if not 0 < self.idle <= self.absolute:
            raise ValueError("idle: longer than nought, and at most as long as absolute")


@dataclass(frozen=True, slots=True)
class ShownSession:
    secret: Secret


def new_secret(entropy: Entropy) -> Secret:
    return Secret(key_text.new_secret(entropy))


def lookup_of(secret: Secret) -> str:
    return sha256(secret.reveal().encode()).hex()


def verifier_of(secret: Secret) -> bytes:
    return mac(secret.reveal().encode(), b"doorward session verifier")


def csrf_of(secret: Secret) -> str:
    """What pages of this session repeat in X-CSRF-Token; the cookie cannot be told from it."""
    return mac(secret.reveal().encode(), b"doorward session csrf").hex()


class Session:
    name: Final = SESSION
    challenge: Final = None
    ambient: Final = True
    guessable: Final = False
    fields: Final = (b"cookie",)
    repeatable: Final = True

    def __init__(
        self,
        *,
        credentials: Credentials,
        accounts: Accounts,
        clock: Clock,
        write: Touch,
        options: SessionOptions | None = None,
        plain: bool = False,
    ) -> None:
        """`plain`: this is an installation on plain http on this machine, where the cookie has its plain name (DECISIONS 22)."""
        self._credentials, self._accounts, self._clock, self._write = credentials, accounts, clock, write
        self._options, self._plain = options or SessionOptions(), plain
        self._touched: dict[str, float] = {}
        self._running: set[asyncio.Task[None]] = set()

    def find(self, request: Request, route: Route) -> ShownSession | None:
        found = [request.cookie(name) for name in cookie_names(request, self._options, plain=self._plain)]
        shown = [text for text in found if text is not None]
        if not shown:
            return None
        if len(shown) > 1:
            raise Refused(Why.SHOWN_TWICE, "Two session cookies were sent; clear this site's cookies.")
        if not _SHAPE.fullmatch(shown[0]):
            raise Refused(Why.MALFORMED, "The session cookie is not one of ours; sign in again.")
        return ShownSession(Secret(shown[0]))

    async def prove(self, shown: ShownSession) -> Proof:
        credential = await self._credentials.find(self.name, lookup_of(shown.secret))
        matches = same(verifier_of(shown.secret), credential.verifier if credential is not None else _NO_VERIFIER)
        if credential is None or not matches:
            raise Refused(Why.UNKNOWN, note="no such session")
        now = self._clock()
        self._check_live(credential, now)
        account = await self._accounts.find(credential.owner)
        if account is None or account.ended_at is not None:
            raise Refused(Why.REVOKED, note="its account is gone")
        self._touch(credential, now)
        idle_end = now + self._options.idle
        return Proof(
            method=self.name,
            subject=account.name,
            credential_id=credential.id,
            owner_kind=account.kind,
            scopes=account.scopes if credential.scopes is None else account.scopes & credential.scopes,
            roles=account.roles,
            authenticated_at=float(credential.data.get("authenticated_at", credential.created_at)),
            expires_at=min(idle_end, credential.expires_at or idle_end),
            csrf=csrf_of(shown.secret),
        )

    def _check_live(self, credential: Credential, now: float) -> None:
        credential.check_live(now)
        if credential.owner_epoch is not None and credential.created_at <= credential.owner_epoch:
            raise Refused(Why.REVOKED, note="all sessions of its owner were ended")
        seen_at = max(credential.created_at, credential.seen_at or 0.0, self._touched.get(credential.id, 0.0))
        if now >= seen_at + self._options.idle:
            raise Refused(Why.EXPIRED, note="idle for too long")

    def _touch(self, credential: Credential, now: float) -> None:
        """Told to the store at most once a minute (DECISIONS 33), after the answer; lost without harm if it cannot."""
        last = max(credential.created_at, credential.seen_at or 0.0, self._touched.get(credential.id, 0.0))
        if now - last < self._options.touch_every:
            return
        if len(self._touched) >= 10_000:
            self._touched.clear()
        self._touched[credential.id] = now
        task = asyncio.get_running_loop().create_task(self._tell(credential.id, now))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _tell(self, id: str, now: float) -> None:
        async def touch(tx: Tx) -> None:
            await tx.touch_credential(id, now, None)

        with contextlib.suppress(Unavailable):
            await self._write(touch)

    async def settle(self) -> None:
        """Waits for what is still being told to the store: before it closes."""
        await asyncio.gather(*self._running)


def cookie_names(request: Request, options: SessionOptions, *, plain: bool = False) -> tuple[str, ...]:
    """Where a session may be found; the first is the one to set."""
    return cookie_places(request, options.cookie, plain=plain)
