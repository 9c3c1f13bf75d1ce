"""API keys: `sk_live_<id><secret><check>`. The id is public; the secret is shown once.

On the wire  X-API-Key, or Authorization: Bearer (RFC 6750 section 2.1); `?api_key=` where the route allows it
In the store lookup = id, verifier = HMAC-SHA-256(pepper, the whole key); imported keys of foreign shape as
             `crypto.imported_key` says
Refused      SHOWN_TWICE, MALFORMED, UNKNOWN (no such key, or wrong secret); of genuine keys REVOKED, EXPIRED, NOT_YET,
             WRONG_ADDRESS, WRONG_ORIGIN, WRONG_METHOD
"""

import contextlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import unquote_plus

from doorward.core import key_text
from doorward.core.clock import Clock
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.key_text import KeyText
from doorward.core.proof import KEY_IN_QUERY, NO_CLAIMS, Proof
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.core.secret import Secret, same
from doorward.core.store import Credentials, Tx, Unavailable
from doorward.crypto import imported_key
from doorward.crypto.digest import Peppers
from doorward.crypto.password import HashingPool, WrongPassword

_FOREIGN: Final = re.compile(r"[\x21-\x7e]{4,512}")
_NO_VERIFIER: Final = bytes(32)

Upgrade = Callable[[Callable[[Tx], Awaitable[bool]]], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyOptions:
    """`foreign_prefixes`: beginnings of imported keys that are taken as Bearer too."""

    foreign_prefixes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(len(prefix) < 2 or prefix.startswith(("ey", "oat")) or "oat_".startswith(prefix) for prefix in self.foreign_prefixes):
            raise ValueError("foreign_prefixes: 2 letters or more, and none with which a JWT or an opaque access token begins")


class ShownKey(NamedTuple):
    """`key` is None where the text is not of our own shape: perhaps an imported key."""

    text: Secret
    key: KeyText | None
    in_query: bool
    request: Request

    def __repr__(self) -> str:
        return f"ShownKey({self.key})"  # the request's query may hold the key


class ApiKey:
    name: Final = "api_key"
    challenge: Final = "Bearer"
    ambient: Final = False
    guessable: Final = False
    fields: Final = (b"x-api-key", b"authorization")
    repeatable: Final = True

    def __init__(
        self,
        *,
        credentials: Credentials,
        peppers: Peppers,
        clock: Clock,
        pool: HashingPool,
        write: Upgrade,
        options: ApiKeyOptions | None = None,
    ) -> None:
        self._credentials, self._peppers, self._clock = credentials, peppers, clock
        self._pool, self._write, self._options = pool, write, options or ApiKeyOptions()
        self._slow_seen: bytes | None = None

    def find(self, request: Request, route: Route) -> ShownKey | None:
        texts = []
        if (header := request.header(b"x-api-key")) is not None:
            texts.append(header.strip(" "))
        if (bearer := request.authorization("bearer")) is not None and self._is_mine(bearer):
            texts.append(bearer)
        in_query = False
        if route.allow_query_key and (queried := _from_query(request.query)):
            texts += queried
            in_query = True
        if not texts:
            return None
        if len(texts) > 1:
            raise Refused(Why.SHOWN_TWICE, "Send the API key once: in X-API-Key or as a Bearer token.")
        return self._parse(texts[0], in_query, request)

    def _is_mine(self, bearer: str) -> bool:
        """A Bearer token may be another method's; an imported key is taken for one only if its prefix is registered."""
        if bearer.startswith(self._options.foreign_prefixes):
            return True
        if not key_text.begins_like_a_key(bearer):
            return False
        if not key_text.has_key_shape(bearer):
            raise Refused(Why.MALFORMED, "This API key is cut or has letters that no key has.", note="begins like a key")
        return True

    def _parse(self, text: str, in_query: bool, request: Request) -> ShownKey:
        key = key_text.parse_ours(text)
        if key is not None:
            return ShownKey(key.whole, key, in_query, request)
        if not _FOREIGN.fullmatch(text):
            raise Refused(Why.MALFORMED, "This is not an API key.", note="not printable ASCII, too short or too long")
        return ShownKey(Secret(text), None, in_query, request)

    async def prove(self, shown: ShownKey) -> Proof:
        credential = await (self._prove_ours(shown.key) if shown.key is not None else self._prove_imported(shown.text))
        now = self._clock()
        credential.check_live(now)
        request, limits = shown.request, credential.limits
        if limits.networks or limits.origins or limits.methods:
            limits.check(request.method, request.address, request.header(b"origin"))
        return Proof(
            method=self.name,
            subject=credential.owner,
            credential_id=credential.id,
            owner_kind=credential.owner_kind,
            scopes=credential.scopes if credential.scopes is not None else frozenset(),
            env=credential.env,
            claims={KEY_IN_QUERY: True} if shown.in_query else NO_CLAIMS,
            rate=limits.rate,
            authenticated_at=now,
            expires_at=credential.expires_at,
        )

    async def _prove_ours(self, key: KeyText) -> Credential:
        credential = await self._credentials.find(self.name, key.id)
        expected, pepper = (credential.verifier, credential.key_id) if credential is not None else (_NO_VERIFIER, None)
        # Compared even when there is none: an unknown id costs what a wrong secret costs. The MAC is over the whole
        # key, so that a test key relabelled as a live one does not pass (DECISIONS 16).
        matches = same(self._peppers.mac(key.whole.reveal().encode(), pepper), expected)
        if credential is None or not matches:
            raise Refused(Why.UNKNOWN, note="no such key id" if credential is None else f"wrong secret for key {credential.id}")
        return credential

    async def _prove_imported(self, text: Secret) -> Credential:
        for lookup, verifier in imported_key.lookups(text, self._peppers):
            credential = await self._credentials.find(self.name, lookup)
            if credential is not None and same(credential.verifier, verifier):
                return credential
        return await self._prove_by_start(text)

    async def _prove_by_start(self, text: Secret) -> Credential:
        """Salted and slow ones. Whoever is refused here has paid for at least one slow check, once this process has
        seen that there are any: an unknown start must not be cheaper than a wrong key."""
        whole, slow = text.reveal(), []
        for length in range(imported_key.SHORTEST_START, min(imported_key.LONGEST_START, len(whole)) + 1):
            for credential in await self._credentials.find_by_start(self.name, whole[:length]):
                if not imported_key.is_found_by_start(credential.lookup):
                    continue
                if not imported_key.is_slow(credential.verifier):
                    if imported_key.matches_fast(text, credential.verifier, credential.key_id, self._peppers):
                        return credential
                    continue
                slow.append(credential)
        for credential in slow:  # after all the fast ones: a key that was upgraded does not pay for its siblings
            self._slow_seen = credential.verifier
            if await self._is_slowly_right(text, credential.verifier):
                await self._upgrade(credential, text)
                return credential
        if not slow and self._slow_seen is not None:
            await self._is_slowly_right(text, self._slow_seen)
        raise Refused(Why.UNKNOWN, note="no imported key has this hash or start")

    async def _is_slowly_right(self, text: Secret, verifier: bytes) -> bool:
        try:
            await self._pool.run(imported_key.check_slow, text, verifier)
        except WrongPassword:
            return False
        return True

    async def _upgrade(self, credential: Credential, text: Secret) -> None:
        verifier, key_id = imported_key.upgraded(text, self._peppers), self._peppers.current

        async def upgrade(tx: Tx) -> bool:
            return await tx.change_verifier(credential.id, credential.verifier, verifier, key_id)

        with contextlib.suppress(Unavailable):  # the key is right all the same; the next use tries again
            await self._write(upgrade)


def _from_query(query: str) -> list[str]:
    """Every `api_key` of the query (application/x-www-form-urlencoded), decoded."""
    if "=" not in query:
        return []
    pairs = (part.partition("=") for part in query.split("&"))
    return [unquote_plus(value, "latin-1") for name, _, value in pairs if unquote_plus(name) == "api_key"]
