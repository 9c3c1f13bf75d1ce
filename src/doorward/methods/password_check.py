"""Is this the password of that account? One check for HTTP Basic and for signing in, bounded against floods.

In the store Credential of the method "password": lookup = account name, verifier = a password hash
Cost         one hash for a wrong password and for an unknown name; none for a pair that was proven just before
Refused      MALFORMED, UNKNOWN (no such name, or wrong password), TOO_MANY_FAILURES, BUSY; of a right password REVOKED, EXPIRED
"""

import asyncio
import contextlib
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
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
from doorward.methods.tries import Tries

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
    """`failures` is the meter of the address it came from, if that is known (`core.address.failures_key`)."""

    name: str
    password: Secret
    failures: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Proven:
    account: Account
    credential: Credential


def prepared(password: str) -> Secret:
    """As it is hashed: NFC, as RFC 8265 section 4.2 says. Raises ValueError with a sentence for people."""
    if len(password) > LONGEST_PASSWORD:  # before any work on it
        raise ValueError(f"a password has 1 to {LONGEST_PASSWORD} bytes of UTF-8")
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
        self._clock, self._entropy, self._write = clock, entropy, write
        self._tries = Tries(meter, failures, clock)
        self._under_way: dict[bytes, asyncio.Task[None]] = {}
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
            await self._prove(shown, account, verifier, memo)
        if account is None or credential is None:
            raise Refused(Why.UNKNOWN, note="no such account, or it has no password")
        credential.check_live(self._clock())
        self._remember(memo)
        if outdated(verifier, self._params):
            credential = await self._upgrade(credential, shown.password)
        return Proven(account, credential)

    async def _prove(self, shown: ShownPassword, account: Account | None, verifier: bytes, memo: bytes) -> None:
        """A pair that is being proven already is not proven twice at once, if it is right; wrong ones are paid for each. An
        unknown name is compared with nobody's hash: it costs what a wrong password costs."""
        task = self._under_way.get(memo)
        if task is not None:
            with contextlib.suppress(Refused):
                await asyncio.shield(task)
                return
            await self._limited(shown, account, verifier)
            return
        task = self._under_way[memo] = asyncio.get_running_loop().create_task(self._limited(shown, account, verifier))
        task.add_done_callback(lambda done: self._finished(memo, done))
        await asyncio.shield(task)  # whoever gives up does not take the others with him

    def _finished(self, memo: bytes, task: "asyncio.Task[None]") -> None:
        self._under_way.pop(memo, None)
        if not task.cancelled():
            task.exception()  # heard, also if all who waited have left

    async def _limited(self, shown: ShownPassword, account: Account | None, verifier: bytes) -> None:
        folded = unicodedata.normalize("NFKC", account.name if account is not None else shown.name).casefold()
        keys = [key for key in (shown.failures, f"failures:account:{folded}") if key is not None]
        await self._tries.take(keys)
        wrong = False
        try:
            await self._pool.run(verify_password, shown.password, verifier)
            wrong = account is None
        except WrongPassword:
            wrong = True
            raise Refused(Why.UNKNOWN, note="wrong password or unknown name") from None
        finally:
            await self._tries.settle(keys, wrong=wrong)

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

    async def _upgrade(self, credential: Credential, password: Secret) -> Credential:
        """To the parameters of today, by compare and set. If it cannot be done now, the next success tries again.
        Gives the credential as it is then."""
        with contextlib.suppress(Refused, Unavailable):
            verifier = await self._pool.run(hash_password, password, self._params, self._entropy)
            now = self._clock()

            async def upgrade(tx: Tx) -> bool:
                if not await tx.change_verifier(credential.id, credential.verifier, verifier, ""):
                    return False
                await tx.record(Event(kind=Kind.PASSWORD_UPGRADED, subject=credential.owner, at=now))
                await tx.announce(Change(topic=Topic.CREDENTIAL, id=credential.id, at=now, until=now + 86400))
                return True

            if await self._write(upgrade):
                return replace(credential, verifier=verifier)
        return credential
