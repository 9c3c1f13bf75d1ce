"""Is this the password of that account? One check for HTTP Basic and for signing in, bounded against floods.

In the store Credential of the method "password": lookup = account name, verifier = a password hash
Cost         one hash for a wrong password and for an unknown name; none for a pair that was proven just before
Refused      MALFORMED, UNKNOWN (no such name, or wrong password), TOO_MANY_FAILURES, BUSY; of a right password REVOKED, EXPIRED
"""

import contextlib
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from doorward.core.account import Account
from doorward.core.clock import Clock, Entropy
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.event import Change, Event, Kind, Topic
from doorward.core.limit import Rate
from doorward.core.secret import Secret
from doorward.core.store import Accounts, Credentials, Meter, Tx, Unavailable
from doorward.crypto.digest import mac
from doorward.crypto.password import LONGEST_PASSWORD, HashingPool, Params, WrongPassword, hash_password, outdated, verify_password

PASSWORD: Final = "password"  # noqa: S105 - the name of a method
LONGEST_NAME: Final = 254
_REMEMBERED_AT_MOST: Final = 10_000
_LONGEST_MEMO: Final = 60.0

Upgrade = Callable[[Callable[[Tx], Awaitable[bool]]], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicOptions:
    """`memo` in seconds: how long a proven pair is remembered, at most 60; 0 turns it off."""

    memo: float = _LONGEST_MEMO

    def __post_init__(self) -> None:
        if not 0 <= self.memo <= _LONGEST_MEMO:
            raise ValueError("memo: a proven password is remembered for 0s to 60s")


@dataclass(frozen=True, slots=True)
class ShownPassword:
    """`failures` is the meter of the address it came from, if that is known (`core.gate.failures_key`)."""

    name: str
    password: Secret
    failures: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Proven:
    account: Account
    credential: Credential


def prepared(password: str) -> Secret:
    """As it is hashed: NFC, as RFC 8265 section 4.2 says. Raises ValueError with a sentence for people."""
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in password):
        raise ValueError("a password may not hold control characters")
    text = password if password.isascii() else unicodedata.normalize("NFC", password)
    if not text or len(text.encode()) > LONGEST_PASSWORD:
        raise ValueError(f"a password has 1 to {LONGEST_PASSWORD} bytes of UTF-8")
    return Secret(text)


class PasswordCheck:
    def __init__(
        self,
        *,
        credentials: Credentials,
        accounts: Accounts,
        pool: HashingPool,
        params: Params,
        meter: Meter,
        failures: Rate | None,
        clock: Clock,
        entropy: Entropy,
        write: Upgrade,
        options: BasicOptions | None = None,
    ) -> None:
        self._credentials, self._accounts, self._pool, self._params = credentials, accounts, pool, params
        self._meter, self._failures, self._clock, self._entropy, self._write = meter, failures, clock, entropy, write
        self._memo_for = (options or BasicOptions()).memo
        self._memo_key = entropy(32)
        self._memo: dict[bytes, float] = {}
        self._nobody = hash_password(Secret(entropy(32).hex()), params, entropy)

    async def check(self, shown: ShownPassword) -> Proven:
        """Raises Refused, Unavailable."""
        by_email = "@" in shown.name
        account = await (self._accounts.find_by_email(shown.name) if by_email else self._accounts.find(shown.name))
        credential = await self._credentials.find(PASSWORD, account.name if account is not None else shown.name)
        known = account is not None and credential is not None
        verifier = credential.verifier if credential is not None and known else self._nobody
        memo = self._mark(shown, verifier)
        if not self._remembers(memo):
            # An unknown name is compared with nobody's hash: it costs what a wrong password costs.
            await self._limited(shown, account, verifier)
        if account is None or credential is None:
            raise Refused(Why.UNKNOWN, note="no such account, or it has no password")
        credential.check_live(self._clock())
        self._remember(memo)
        if outdated(verifier, self._params):
            await self._upgrade(credential, shown.password)
        return Proven(account, credential)

    async def _limited(self, shown: ShownPassword, account: Account | None, verifier: bytes) -> None:
        """A try is taken before the work, so that tries at once count too, and given back unless it was a wrong guess."""
        taken = await self._take(shown, account.name if account is not None else shown.name)
        wrong = False
        try:
            await self._pool.run(verify_password, shown.password, verifier)
            wrong = account is None
        except WrongPassword:
            wrong = True
            raise Refused(Why.UNKNOWN, note="wrong password or unknown name") from None
        finally:
            if not wrong:
                await self._give_back(taken)

    async def _take(self, shown: ShownPassword, name: str) -> list[str]:
        if self._failures is None:
            return []
        taken: list[str] = []
        folded = unicodedata.normalize("NFKC", name).casefold()
        for key in (shown.failures, f"failures:account:{folded}"):
            if key is None:
                continue
            said = await self._meter.take(key, self._failures, self._clock())
            if not said.allowed:
                await self._give_back(taken)
                raise Refused(Why.TOO_MANY_FAILURES, "Too many failed tries; wait.", retry_after=said.retry_after)
            taken.append(key)
        return taken

    async def _give_back(self, taken: list[str]) -> None:
        if self._failures is not None:
            for key in taken:
                await self._meter.give_back(key, self._failures, self._clock())

    def _mark(self, shown: ShownPassword, verifier: bytes) -> bytes:
        """Holds the current verifier, so a changed password is forgotten at once (DECISIONS 20)."""
        parts = (shown.name.encode(), shown.password.reveal().encode(), verifier)
        return mac(self._memo_key, b"".join(len(part).to_bytes(4, "big") + part for part in parts))

    def _remembers(self, memo: bytes) -> bool:
        return self._memo.get(memo, 0.0) > self._clock()

    def _remember(self, memo: bytes) -> None:
        if not self._memo_for or (memo in self._memo and self._remembers(memo)):
            return
        self._memo.pop(memo, None)
        if len(self._memo) >= _REMEMBERED_AT_MOST:
            self._memo.pop(next(iter(self._memo)))
        self._memo[memo] = self._clock() + self._memo_for

    async def _upgrade(self, credential: Credential, password: Secret) -> None:
        """To the parameters of today, by compare and set. If it cannot be done now, the next success tries again."""
        with contextlib.suppress(Refused, Unavailable):
            verifier = await self._pool.run(hash_password, password, self._params, self._entropy)
            now = self._clock()

            async def upgrade(tx: Tx) -> bool:
                if not await tx.change_verifier(credential.id, credential.verifier, verifier, ""):
                    return False
                await tx.record(Event(kind=Kind.PASSWORD_UPGRADED, subject=credential.owner, at=now))
                await tx.announce(Change(topic=Topic.CREDENTIAL, id=credential.id, at=now, until=now + 86400))
                return True

            await self._write(upgrade)
