"""Access tokens (RFC 9068), and the grant with its first refresh token when a person signs in.

Signing happens outside of the transaction. A grant is held while something is minted under it, so a revocation
comes before or after, never between; `seq` is what the issuer had seen before, for `core.revoked`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from doorward.core import key_text
from doorward.core.account import Account
from doorward.core.clock import Clock, Entropy
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.event import Event, Kind
from doorward.core.grant import Grant, Ticket
from doorward.core.secret import Secret
from doorward.core.store import Store, Tx, Unavailable
from doorward.crypto.digest import Peppers
from doorward.crypto.jose import SigningHandle, sign_jwt
from doorward.crypto.keyring import Keyring
from doorward.crypto.token_claims import ACCESS_TOKEN
from doorward.ledger.carried import IN_THE_ANSWER, Carried
from doorward.ledger.still import check_still
from doorward.ledger.token_text import REFRESH, lookup_of, new_refresh_token

LOGIN: Final = "login"
"""The kind of a grant made by signing in at our own door, and the holder of its refresh tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOptions:
    """In seconds. `refresh_grace`: a lost answer is given again for so long; 0: never. `longest_grant`: then a person
    signs in anew, however often the tokens were refreshed. `audiences`: whom sign-in tokens are for beside the issuer."""

    access_life: float = 900.0
    refresh_life: float = 7 * 86400.0
    refresh_grace: float = 10.0
    longest_grant: float = 90 * 86400.0
    audiences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.access_life <= 86400:
            raise ValueError("access_life: an access token lives 1s to 1d")
        if not self.access_life <= self.refresh_life <= self.longest_grant:
            raise ValueError("refresh_life: at least as long as access_life, at most as long as longest_grant")
        if not 0 <= self.refresh_grace <= 60:
            raise ValueError("refresh_grace: 0s to 60s")


@dataclass(frozen=True, slots=True)
class Issued:
    """The answer of a token endpoint (RFC 6749 section 5.1). `refresh_token` None: there is none."""

    access_token: Secret
    refresh_token: Secret | None
    expires_in: int
    scopes: frozenset[str]
    grant_id: str
    carried: Carried = IN_THE_ANSWER


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes two access tokens the same one: kept beside the refresh token, so that an answer can be given again."""

    jti: str
    issued_at: int
    expires_at: int
    seq: int

    def data(self) -> dict[str, str]:
        return {"jti": self.jti, "iat": str(self.issued_at), "exp": str(self.expires_at), "seq": str(self.seq)}

    @classmethod
    def of(cls, data: Mapping[str, str]) -> "Stamp":
        return cls(data["jti"], int(data["iat"]), int(data["exp"]), int(data["seq"]))


class Mint:
    """`shared`: HS256 keys of services that verify with a fixed key, by audience (`Keyring.share`)."""

    def __init__(
        self,
        *,
        store: Store,
        keyring: Keyring,
        peppers: Peppers,
        clock: Clock,
        entropy: Entropy,
        issuer: str,
        options: TokenOptions,
        shared: Mapping[str, SigningHandle] | None = None,
    ) -> None:
        self.store, self.keyring, self.peppers, self.clock, self.entropy = store, keyring, peppers, clock, entropy
        self.issuer, self.options, self._shared = issuer, options, dict(shared or {})

    async def sign_in(
        self,
        account: Account,
        at: float,
        *,
        proven: Credential | None = None,
        audience: str | None = None,
        carried: Carried = IN_THE_ANSWER,
    ) -> Issued:
        """A grant with its first tokens, for one audience or for those of every sign-in. `proven`: what the
        person showed; it must still hold when this is written. `at`: when the proving began;
        whatever ended the account's sessions since then ends this too. Raises Refused: REVOKED, BAD_REQUEST."""
        if audience is not None and not self.knows(audience):
            raise Refused(
                Why.BAD_REQUEST,
                "This audience is not one of ours: list it in [oauth] audiences, or share a key with it (doorward token shared-key).",
            )
        refresh = new_refresh_token(self.entropy)
        stamp = await self.stamp()
        grant = Grant(
            id=key_text.new_id(self.entropy),
            kind=LOGIN,
            subject=account.name,
            created_at=at,
            scopes=account.scopes,
            authenticated_at=at,
            expires_at=at + self.options.longest_grant,
            data={**({"audience": audience} if audience is not None else {}), **carried.data()},
        )
        ticket = self.ticket(refresh, grant, LOGIN, stamp)

        async def mint(tx: Tx) -> Account | None:
            await tx.add_grant(grant)
            if proven is not None:
                await check_still(tx, proven)
            held = await tx.hold(grant.id)
            if held is None or held.revoked_at is not None:
                raise Refused(Why.REVOKED, note="the account ended, or its sessions were ended, during the sign-in")
            await tx.add_ticket(ticket)
            data = {"grant": grant.id, "jti": stamp.jti}
            await tx.record(Event(kind=Kind.SIGNED_IN, subject=account.name, actor=account.name, at=at, data=data))
            return await tx.account(account.name)

        now_account = await self.store.write(mint)
        return self.answer(grant, now_account, stamp, refresh)

    def share(self, shared: Mapping[str, SigningHandle]) -> None:
        """These, and no others, share a key with us from now on."""
        self._shared = dict(shared)

    def key_for(self, audiences: Sequence[str], alg: str | None = None) -> SigningHandle:
        """What signs a token for these: the key that we share with the one audience, else the active one of this algorithm, else
        of the default. Raises Unavailable: no signing key."""
        shared = self._shared.get(audiences[0]) if len(audiences) == 1 else None
        if shared is not None:
            return shared
        now = self.clock()
        try:
            return self.keyring.active(now, alg)
        except Unavailable:
            return self.keyring.active(now)

    def knows(self, audience: str) -> bool:
        return audience == self.issuer or audience in self.options.audiences or audience in self._shared

    async def issue(
        self, subject: str, *, audience: str, scopes: frozenset[str], life: float, actor: str, client: str | None = None
    ) -> Issued:
        """One access token without a refresh token, under a grant of its own. Raises Refused(REVOKED): the subject ended."""
        now, stamp = self.clock(), await self.stamp(life)
        grant = Grant(
            id=key_text.new_id(self.entropy),
            kind="issued",
            subject=subject,
            created_at=now,
            client=client,
            scopes=scopes,
            expires_at=stamp.expires_at,
            data={"audience": audience},
        )

        async def mint(tx: Tx) -> Account | None:
            await tx.add_grant(grant)
            held = await tx.hold(grant.id)
            if held is None or held.revoked_at is not None:
                raise Refused(Why.REVOKED, note="the subject's account ended")
            data = {"grant": grant.id, "jti": stamp.jti, "audience": audience}
            await tx.record(Event(kind=Kind.TOKEN_ISSUED, subject=subject, actor=actor, at=now, data=data))
            return await tx.account(subject)

        return self.answer(grant, await self.store.write(mint), stamp, None)

    async def stamp(self, life: float | None = None, seq: int | None = None) -> Stamp:
        """For a new access token. To be made before the transaction: `seq` is what was seen before it (None: asked now)."""
        seen = await self.store.changes.latest() if seq is None else seq
        issued_at = int(self.clock())
        return Stamp(self.entropy(16).hex(), issued_at, issued_at + int(life or self.options.access_life), seen)

    def ticket(self, refresh: Secret, grant: Grant, holder: str, stamp: Stamp) -> Ticket:
        now = self.clock()
        end = now + self.options.refresh_life
        return Ticket(
            kind=REFRESH,
            lookup=lookup_of(refresh, self.peppers),
            holder=holder,
            grant_id=grant.id,
            created_at=now,
            expires_at=end if grant.expires_at is None else min(end, grant.expires_at),
            data={"pepper": self.peppers.current, **stamp.data()},
        )

    def answer(self, grant: Grant, account: Account | None, stamp: Stamp, refresh: Secret | None) -> Issued:
        """Signs. What the account may do today bounds what the grant gave. Raises Unavailable: no signing key."""
        scopes = grant.scopes if account is None else grant.scopes & account.scopes
        claims = self._claims(grant, account, stamp, scopes)
        key = self._shared.get(str(claims["aud"])) or self.keyring.active(self.clock())
        expires_in = max(0, stamp.expires_at - int(self.clock()))
        return Issued(Secret(sign_jwt(claims, key, ACCESS_TOKEN)), refresh, expires_in, scopes, grant.id, Carried.of(grant))

    def _claims(self, grant: Grant, account: Account | None, stamp: Stamp, scopes: frozenset[str]) -> dict[str, object]:
        """RFC 9068 section 2.2. A sign-in at our own door has no other client: `client_id` is then the issuer."""
        audiences = [grant.data["audience"]] if "audience" in grant.data else [self.issuer, *self.options.audiences]
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": grant.subject,
            "aud": audiences[0] if len(audiences) == 1 else audiences,
            "exp": stamp.expires_at,
            "iat": stamp.issued_at,
            "jti": stamp.jti,
            "client_id": grant.client or self.issuer,
            "scope": " ".join(sorted(scopes)),
            "gid": grant.id,
            "seq": stamp.seq,
        }
        if (jkt := Carried.of(grant).jkt) is not None:
            claims["cnf"] = {"jkt": jkt}  # RFC 9449 section 6.1
        if grant.authenticated_at is not None:
            claims["auth_time"] = int(grant.authenticated_at)
        if account is not None and account.roles:
            claims["roles"] = sorted(account.roles)
        if account is not None and account.email and "email" in scopes:
            claims["email"] = account.email
        return claims
