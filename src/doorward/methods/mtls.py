"""Client certificates: the handshake has shown that the caller holds the key; here is proven whose key it is.

On the wire  the TLS handshake with our own listener, or a listed proxy's word of it (`web.client_cert`)
In the store lookup = thumbprint (RFC 8705 section 3.1), kind "issued" by our own CA or "registered" by hand
Who it is    the SPIFFE ID, else the owner of the registered thumbprint, else the DNS name, else the CN if `allow_cn`. Names
             count only below a trusted CA: what a registered certificate says of itself alone counts for nothing
Refused      MALFORMED; BAD_CERTIFICATE (no way to a trusted CA, another purpose, no name, unknown to our own CA, a stale
             revocation list); of genuine ones EXPIRED, NOT_YET, REVOKED
"""

from dataclasses import dataclass
from typing import Final

from doorward.core.account import SERVICE
from doorward.core.authority import MTLS, REGISTERED
from doorward.core.clock import Clock
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.presented import Presented
from doorward.core.proof import NO_KEYS, Proof
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.core.store import Accounts, Credentials
from doorward.crypto.client_chain import OWN, Chain, ClientTrust, Leaf, check_size, read_leaf
from doorward.crypto.client_names import SCHEME, trust_domain

BY_A_PROXY: Final = "proxy"
"""In `domains`: a proxy may tell a name of this trust domain without the certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MtlsOptions:
    """`client_ca`: PEM files of the CAs whose client certificates are taken, from the data directory; their `crl` files are
    found by issuer. `own_ca`: our own CA's certificates are taken too. `allow_cn`: the common name counts where there is
    no better one. `domains`: `example.org=partners.pem` lets that CA alone speak for this SPIFFE trust domain (`own`: our
    own CA; `proxy`: a name told without its certificate); empty: any for any."""

    client_ca: tuple[str, ...] = ()
    crl: tuple[str, ...] = ()
    own_ca: bool = True
    allow_cn: bool = False
    domains: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        known = {*self.client_ca, OWN, BY_A_PROXY}
        for entry in self.domains:
            domain, _, whose = entry.partition("=")
            if not domain or whose not in known:
                raise ValueError(f"domains: write {entry!r} as DOMAIN=FILE with a file of client_ca, or DOMAIN=own, or DOMAIN=proxy")

    @property
    def speakers(self) -> dict[str, str]:
        return {domain: whose for domain, _, whose in (entry.partition("=") for entry in self.domains)}


class Mtls:
    name: Final = MTLS
    challenge: Final = None
    ambient: Final = True
    guessable: Final = False
    fields: Final[tuple[bytes, ...]] = ()
    repeatable: Final = True

    def __init__(self, *, trust: ClientTrust, credentials: Credentials, accounts: Accounts, clock: Clock, allow_cn: bool = False) -> None:
        """`trust` may be put in anew at any time: another set of CAs and revocation lists."""
        self.trust, self._credentials, self._accounts = trust, credentials, accounts
        self._clock, self._allow_cn = clock, allow_cn

    def find(self, request: Request, route: Route) -> Presented | None:
        shown = request.certificate
        if shown is None:
            return None
        if shown.chain:
            check_size(shown.chain)
        elif shown.uri is None:
            raise Refused(Why.MALFORMED)
        return shown

    async def prove(self, shown: Presented) -> Proof:
        now = self._clock()
        if not shown.chain:
            return await self._told(shown.uri or "", now)
        chain = self._chain(shown, now)
        credential = await self._credentials.find(self.name, shown.key or "")
        if isinstance(chain, Refused):
            return await self._registered(shown, credential, chain, now)
        if credential is not None:
            credential.check_live(now)
        elif chain.anchor == OWN:
            raise Refused(Why.BAD_CERTIFICATE, note=f"our own CA knows no certificate of the serial {chain.serial:x}")  # DECISIONS 23
        until = self.trust.check_revocation(chain, now)
        return await self._proof(self._subject(chain, credential), shown, credential, min(until, chain.until + 1), now)

    def _chain(self, shown: Presented, now: float) -> Chain | Refused:
        """A chain that leads nowhere is no end yet: the certificate may be registered."""
        try:
            return self.trust.verify(shown.chain, now)
        except Refused as refused:
            if refused.why is not Why.BAD_CERTIFICATE:
                raise
            return refused

    async def _registered(self, shown: Presented, credential: Credential | None, refused: Refused, now: float) -> Proof:
        """RFC 8705 section 2.2: trusted by its thumbprint, whoever signed it. Its names are its own word."""
        if credential is None or credential.kind != REGISTERED:
            raise refused
        leaf: Leaf = read_leaf(shown.chain)
        leaf.check_time(now)
        if self.trust.lists.name(*leaf.listed_as):  # leaving out what is between must not hide it from its CA's list
            raise Refused(Why.REVOKED, note="on the revocation list of its issuer")
        credential.check_live(now)
        return await self._proof(credential.owner, shown, credential, leaf.until + 1, now)

    def _subject(self, chain: Chain, credential: Credential | None) -> str:
        names = chain.names
        if names.spiffe is not None:
            domain = trust_domain(names.spiffe)
            if not self.trust.may_say(domain, chain.anchor):
                raise Refused(Why.BAD_CERTIFICATE, note=f"its CA may not speak for the trust domain {domain}")
            return names.spiffe
        if credential is not None:
            return credential.owner
        if names.dns is not None:
            return names.dns
        if names.common_name is not None and self._allow_cn:
            return names.common_name
        raise Refused(
            Why.BAD_CERTIFICATE, note="no name that counts: a SPIFFE ID, a registered thumbprint, a DNS name, or a CN by allow_cn"
        )

    async def _told(self, uri: str, now: float) -> Proof:
        """A listed proxy's word for it, where a setting takes that (DECISIONS 15)."""
        if uri.startswith(SCHEME):
            domain = trust_domain(uri)
            if not self.trust.may_say(domain, BY_A_PROXY):
                raise Refused(Why.BAD_CERTIFICATE, note=f"no name of the trust domain {domain} is taken without its certificate")
        return await self._proof(uri, Presented((), uri=uri), None, float("inf"), now)

    async def _proof(self, subject: str, shown: Presented, credential: Credential | None, until: float, now: float) -> Proof:
        """A name that is an account's dies with it (DECISIONS 17); a service's scopes hold for its certificates."""
        kind, scopes = "", None
        if credential is not None:
            kind, scopes, until = credential.owner_kind, credential.scopes, min(until, credential.expires_at or until)
        if credential is None or credential.owner != subject or (scopes is None and kind == SERVICE):
            account = await self._accounts.find(subject)
            if account is not None and account.ended_at is not None:
                raise Refused(Why.REVOKED, note="its account is gone")
            kind = account.kind if account is not None else ""
            if scopes is None and account is not None and kind == SERVICE:
                scopes = account.scopes
        return Proof(
            method=self.name,
            subject=subject,
            credential_id=credential.id if credential is not None else shown.key or f"told:{subject}",
            owner_kind=kind,
            scopes=scopes,
            rate=credential.limits.rate if credential is not None else None,
            authenticated_at=now,
            expires_at=until if until != float("inf") else None,
            csrf="",
            keys=frozenset((shown.key,)) if shown.key is not None else NO_KEYS,
        )
