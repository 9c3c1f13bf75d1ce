"""Who is the client? The same for every endpoint of the authorization server that a client calls (RFC 6749 section 2.3).

In the store the client is an account (`core.client`), each secret a credential: lookup = id "~" number, HMAC-SHA-256(pepper, secret)
Refused      invalid_request: two ways at once; invalid_client: all else, one answer, whatever it was. An unknown client costs
             what a wrong secret costs: one account and two secrets are read, and two MACs compared, for either
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from doorward.core.client import SECRET, Client, client_of, secret_lookup
from doorward.core.clock import Clock
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.remembered import Version
from doorward.core.request import Request
from doorward.core.secret import same
from doorward.core.store import Accounts, Credentials
from doorward.crypto.digest import Peppers
from doorward.oauth.client_assertion import AssertionCheck, read_assertion
from doorward.oauth.client_certificate import CertificateCheck
from doorward.oauth.errors import invalid_client
from doorward.oauth.shown_client import ShownSecret, ShownText, find

SECONDS: Final = 2.0
MOST: Final = 4096
_NO_VERIFIER: Final = bytes(32)


class _Known(NamedTuple):
    """A pair of id and secret that was proven while the store was of this version."""

    version: object
    until: float
    client: Client
    credential: Credential


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStore:
    """What proving a client asks of the installation. `version` as in `core.remembered`: nothing of another one counts."""

    accounts: Accounts
    credentials: Credentials
    peppers: Peppers
    clock: Clock
    version: Version


class ClientAuth:
    """`key`: 32 random bytes of this process."""

    def __init__(self, store: ClientStore, key: bytes, assertions: AssertionCheck, certificates: CertificateCheck) -> None:
        self._store, self._key, self._assertions, self._certificates = store, key, assertions, certificates
        self._known: dict[bytes, _Known] = {}

    async def authenticate(self, form: Mapping[str, str], request: Request) -> Client:
        """`form`: each parameter once. Raises OAuthError, Unavailable."""
        mark = self._mark(form, request)
        if mark is not None and (client := self._recall(mark)) is not None:
            return client
        shown = find(form, request)
        if isinstance(shown, ShownSecret):
            return await self._by_secret(shown, mark)
        if isinstance(shown, ShownText):
            assertion = read_assertion(shown.assertion, shown.id)
            client = await self._living(assertion.client)
            await self._assertions.check(client, assertion)
            return client
        client = await self._living(shown.id)
        if request.certificate is None:
            raise invalid_client("The client proves nothing: no secret, no assertion, no certificate.", why=Why.MISSING)
        await self._certificates.check(client, request.certificate)
        return client

    async def _living(self, id: str) -> Client:
        account = await self._store.accounts.find(id)
        client = client_of(account) if account is not None else None
        if client is None or client.ended_at is not None:
            raise invalid_client(why=Why.UNKNOWN if client is None else Why.REVOKED)
        return client

    def _recall(self, mark: bytes) -> Client | None:
        """The client that has proven itself by the same a moment ago. None: it is to be proven."""
        known = self._known.get(mark)
        if known is None:
            return None
        now, version, ends = self._store.clock(), self._store.version(), known.credential.expires_at
        if version is None or known.version != version or now >= known.until or (ends is not None and now >= ends):
            return None
        return known.client

    async def _by_secret(self, shown: ShownSecret, mark: bytes | None) -> Client:
        """`mark`: by which it is remembered."""
        now, version = self._store.clock(), self._store.version()
        known = await self._prove(shown, version, now)
        try:
            known.credential.check_live(now)
        except Refused as reason:
            raise invalid_client(why=reason.why) from None
        if shown.way not in known.client.auth:
            raise invalid_client("The client is registered for another way to authenticate.")
        if mark is not None and version is not None:
            self._remember(mark, known)
        return known.client

    async def _prove(self, shown: ShownSecret, version: object, now: float) -> _Known:
        account = await self._store.accounts.find(shown.id)
        client = client_of(account) if account is not None else None
        latest = client.secrets if client is not None else 0
        proven: Credential | None = None
        for number in (latest, latest - 1):  # the one before lives through the overlap of a rotation
            credential = await self._matching(shown, number)
            if credential is not None:
                proven = credential
                break
        if client is None or proven is None:
            raise invalid_client(why=Why.UNKNOWN)
        if client.ended_at is not None:
            raise invalid_client(why=Why.REVOKED)
        return _Known(version, now + SECONDS, client, proven)

    async def _matching(self, shown: ShownSecret, number: int) -> Credential | None:
        credential = await self._store.credentials.find(SECRET, secret_lookup(shown.id, number))
        expected, pepper = (credential.verifier, credential.key_id) if credential is not None else (_NO_VERIFIER, None)
        matches = same(self._store.peppers.mac(shown.secret.reveal().encode(), pepper), expected)
        return credential if matches else None

    def _mark(self, form: Mapping[str, str], request: Request) -> bytes | None:
        """Of what is shown, as it was sent: in one place alone. None: it is not to be remembered."""
        header, id, secret = request.headers.raw.get(b"authorization"), form.get("client_id"), form.get("client_secret")
        if "client_assertion" in form or "client_assertion_type" in form:
            return None
        if type(header) is bytes and id is None and secret is None:
            shown = b"header:" + header
        elif header is None and id is not None and secret is not None:
            shown = f"form:{len(id)}:{id}{secret}".encode(errors="surrogatepass")
        else:
            return None
        return hashlib.blake2b(shown, digest_size=32, key=self._key).digest()

    def _remember(self, mark: bytes, known: _Known) -> None:
        self._known.pop(mark, None)
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[mark] = known
