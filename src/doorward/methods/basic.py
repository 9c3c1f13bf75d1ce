"""HTTP Basic (RFC 7617): people by name or e-mail and password, services by id and generated secret.

On the wire  Authorization: Basic base64(user-id ":" password), UTF-8 (RFC 7617 section 2.1)
In the store people: see `password_check`. Services, method "service": lookup = `svc_…`, verifier = HMAC-SHA-256(pepper, secret)
Refused      MALFORMED, UNKNOWN, TOO_MANY_FAILURES, BUSY; of genuine ones REVOKED, EXPIRED, NOT_YET, WRONG_ADDRESS, WRONG_METHOD
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final

from doorward.core import key_text
from doorward.core.address import failures_key
from doorward.core.clock import Clock, Entropy
from doorward.core.errors import Refused, Why
from doorward.core.proof import Proof
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.core.secret import Secret, same
from doorward.core.store import Accounts, Credentials
from doorward.crypto.digest import Peppers
from doorward.methods.password_check import LONGEST_NAME, PasswordCheck, ShownPassword, prepared

SERVICE_ID: Final = re.compile(r"svc_[0-9A-Za-z]{12}")
SERVICE: Final = "service"
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{4,8192}={0,2}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NO_VERIFIER: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class ShownPair:
    name: str
    password: Secret
    request: Request = field(repr=False)


def new_service_id(entropy: Entropy) -> str:
    return f"svc_{key_text.new_id(entropy)}"


class Basic:
    name: Final = "basic"
    challenge: Final = "Basic"
    ambient: Final = False
    guessable: Final = True
    fields: Final = (b"authorization",)
    repeatable: Final = True

    def __init__(self, *, credentials: Credentials, accounts: Accounts, peppers: Peppers, passwords: PasswordCheck, clock: Clock) -> None:
        self._credentials, self._accounts, self._peppers = credentials, accounts, peppers
        self._passwords, self._clock = passwords, clock

    def find(self, request: Request, route: Route) -> ShownPair | None:
        text = request.authorization("basic")
        if text is None:
            return None
        try:
            if not _BASE64.fullmatch(text):
                raise ValueError("not base64 of a name and a password")
            name, mark, password = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8").partition(":")
            if not mark:
                raise ValueError("no colon between name and password")
            if not name or len(name.encode()) > LONGEST_NAME or _CONTROL.search(name):  # RFC 7617 section 2
                raise ValueError("the name is empty, too long or holds control characters")
            return ShownPair(name, prepared(password), request)
        except UnicodeDecodeError:
            raise Refused(Why.MALFORMED, "Send name and password in UTF-8.", note="not UTF-8") from None
        except (ValueError, binascii.Error) as reason:
            raise Refused(Why.MALFORMED, "Basic credentials are base64 of name:password.", note=str(reason)) from None

    async def prove(self, shown: ShownPair) -> Proof:
        if SERVICE_ID.fullmatch(shown.name):
            return await self._prove_service(shown)
        proven = await self._passwords.check(ShownPassword(shown.name, shown.password, failures_key(shown.request.counted)))
        account = proven.account
        return Proof(
            method=self.name,
            subject=account.name,
            credential_id=proven.credential.id,
            owner_kind=account.kind,
            scopes=account.scopes,
            roles=account.roles,
            authenticated_at=self._clock(),
        )

    async def _prove_service(self, shown: ShownPair) -> Proof:
        """A generated secret never pays for a password hash (DECISIONS 18), whether its id is known or not."""
        credential = await self._credentials.find(SERVICE, shown.name)
        expected, pepper = (credential.verifier, credential.key_id) if credential is not None else (_NO_VERIFIER, None)
        matches = same(self._peppers.mac(shown.password.reveal().encode(), pepper), expected)
        if credential is None or not matches:
            raise Refused(Why.UNKNOWN, note="no such service id" if credential is None else "wrong service secret")
        now = self._clock()
        credential.check_live(now)
        credential.limits.check(shown.request.method, shown.request.address, shown.request.header(b"origin"))
        account = await self._accounts.find(credential.owner)
        if account is None:
            raise Refused(Why.REVOKED, note="its service is gone")
        return Proof(
            method=self.name,
            subject=account.name,
            credential_id=credential.id,
            owner_kind=account.kind,
            scopes=account.scopes,
            roles=account.roles,
            rate=credential.limits.rate,
            authenticated_at=now,
            expires_at=credential.expires_at,
        )
