"""Signing in by name or e-mail and password: the same check, the same limits as HTTP Basic."""

from dataclasses import dataclass
from typing import Final

from doorward.core.account import PERSON, Account
from doorward.core.address import failures_key
from doorward.core.clock import Clock
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.request import Request
from doorward.core.secret import Secret
from doorward.methods.password_check import LONGEST_NAME, PasswordCheck, ShownPassword, prepared

_SPACE: Final = 0x20
_DELETE: Final = 0x7F


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`at` is when the check began: whatever ends this person's sessions after it ends what is made of this, too. `proven`
    is the password that was right."""

    account: Account
    at: float
    proven: Credential


class PasswordSignIn:
    def __init__(self, passwords: PasswordCheck, clock: Clock) -> None:
        self._passwords, self._clock = passwords, clock

    async def check(self, name: str, password: str, request: Request) -> SignedIn:
        """Raises Refused: MALFORMED, UNKNOWN, TOO_MANY_FAILURES, BUSY; REVOKED, EXPIRED of a right password. Unavailable."""
        at = self._clock()
        shown = ShownPassword(_name(name), _prepared(password), failures_key(request.counted))
        proven = await self._passwords.check(shown)
        account = proven.account
        if account.ended_at is not None:
            raise Refused(Why.REVOKED, note="the account has ended")
        if account.kind != PERSON:
            raise Refused(Why.UNKNOWN, note=f"a {account.kind} does not sign in")
        return SignedIn(account, at, proven.credential)


def _name(text: str) -> str:
    name = text.strip(" ")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise Refused(Why.MALFORMED, note="the name is not Unicode") from None
    if not 0 < size <= LONGEST_NAME or any(ord(letter) < _SPACE or ord(letter) == _DELETE for letter in name):
        raise Refused(Why.MALFORMED, note="the name is empty, too long or holds control characters")
    return name


def _prepared(text: str) -> Secret:
    try:
        return prepared(text)
    except ValueError as reason:
        raise Refused(Why.MALFORMED, note=str(reason)) from None
