"""Opaque access tokens of our authorization server: `oat_<id><secret><check>`. The id is public; the secret is shown once.

On the wire  Authorization: Bearer oat_… (RFC 6750 section 2.1), DPoP if it is bound to a key (RFC 9449 section 7.1)
In the store lookup = id, verifier = HMAC-SHA-256(pepper, the whole token), owner = subject, data: `opaque_data`
Refused      SHOWN_TWICE, MALFORMED, UNKNOWN (no such token, or wrong secret); of genuine ones REVOKED (also by its grant,
             client, or all tokens of its subject), EXPIRED, WRONG_AUDIENCE
"""

import hashlib
import json
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Final, NamedTuple

from doorward.core import access_text
from doorward.core.access_text import AccessText
from doorward.core.clock import Clock
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.proof import NO_CLAIMS, Proof
from doorward.core.request import Request
from doorward.core.revoked import Revoked
from doorward.core.route import Route
from doorward.core.secret import same
from doorward.core.store import Credentials, Unavailable
from doorward.crypto import base64url
from doorward.crypto.digest import Peppers

_NO_VERIFIER: Final = bytes(32)


class ShownAccess(NamedTuple):
    """Unproven. `audience`: whom the token must be for."""

    text: AccessText
    audience: str


class AccessToken:
    name: Final = access_text.METHOD
    challenge: Final = "Bearer"
    ambient: Final = False
    guessable: Final = False
    fields: Final = (b"authorization",)
    repeatable: Final = True

    def __init__(
        self, *, credentials: Credentials, peppers: Peppers, revoked: Revoked, clock: Clock, issuer: str, fresh: Callable[[], bool]
    ) -> None:
        """`revoked`: what ended of clients and grants; `fresh`: whether it is up to date. While not, nothing is proven."""
        self._credentials, self._peppers, self._revoked = credentials, peppers, revoked
        self._clock, self._issuer, self._fresh = clock, issuer, fresh

    def find(self, request: Request, route: Route) -> ShownAccess | None:
        text = request.token
        if text is None or not text.startswith(access_text.PREFIX):
            return None
        return ShownAccess(access_text.parse(text), route.audience or self._issuer)

    async def prove(self, shown: ShownAccess) -> Proof:
        credential = await self.genuine(shown.text)
        self.check_live(credential, self._clock())
        if shown.audience not in audiences_of(credential):
            raise Refused(Why.WRONG_AUDIENCE, note=f"the route takes tokens for {shown.audience}")
        bound_to = bound_to_of(credential)
        told = credential.data.get("auth_time")
        return Proof(
            method=self.name,
            subject=credential.owner,
            credential_id=credential.id,
            client=credential.data.get("client"),
            owner_kind=credential.owner_kind,
            scopes=credential.scopes if credential.scopes is not None else frozenset(),
            claims={"gid": credential.grant_id} if credential.grant_id is not None else NO_CLAIMS,
            authenticated_at=float(told) if told else None,
            expires_at=credential.expires_at,
            bound_to=bound_to,
            ath=_ath(shown.text) if bound_to else None,
        )

    async def genuine(self, text: AccessText) -> Credential:
        """The record of a token whose secret is right, alive or not. Raises Refused(UNKNOWN)."""
        credential = await self._credentials.find(self.name, text.id)
        expected, pepper = (credential.verifier, credential.key_id) if credential is not None else (_NO_VERIFIER, None)
        # Compared even when there is none: an unknown id costs what a wrong secret costs.
        matches = same(self._peppers.mac(text.whole.reveal().encode(), pepper), expected)
        if credential is None or not matches:
            raise Refused(Why.UNKNOWN, note="no such token id" if credential is None else f"wrong secret for token {credential.id}")
        return credential

    def check_live(self, credential: Credential, now: float) -> None:
        """Raises Refused: REVOKED, EXPIRED; Unavailable."""
        credential.check_live(now)
        if credential.owner_epoch is not None and credential.created_at <= credential.owner_epoch:
            raise Refused(Why.REVOKED, note="all tokens of its subject were ended")
        if not self._fresh():
            raise Unavailable("what was revoked is not known up to date: the store does not answer")
        data = credential.data
        client, seq = data.get("client"), int(data.get("seq", "0"))
        if self._revoked.any_of(credential.id, credential.grant_id, credential.owner, client, credential.created_at, seq):
            raise Refused(Why.REVOKED)


def opaque_data(
    *, client: str, audiences: Collection[str], bound_to: frozenset[str], seq: int, authenticated_at: float | None = None
) -> dict[str, str]:
    """What the record of an opaque token says beside its owner, scopes and times. `seq`: see `core.revoked`."""
    data = {"client": client, "aud": json.dumps(list(audiences)), "seq": str(seq)}
    if bound_to:
        data["cnf"] = " ".join(sorted(bound_to))
    if authenticated_at is not None:
        data["auth_time"] = str(int(authenticated_at))
    return data


def audiences_of(credential: Credential) -> tuple[str, ...]:
    return _audiences(credential.data.get("aud", "[]"))


def bound_to_of(credential: Credential) -> frozenset[str]:
    """As in `core.proof`."""
    return frozenset(credential.data.get("cnf", "").split())


@lru_cache(maxsize=1024)
def _audiences(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _ath(text: AccessText) -> str:
    """RFC 9449 section 4.2."""
    return base64url.encode(hashlib.sha256(text.whole.reveal().encode()).digest()).decode()
