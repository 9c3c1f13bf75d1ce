"""The record behind every stored method: an API key, a password, a session, an HMAC key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from doorward.core.address import read_address
from doorward.core.errors import Refused, Why
from doorward.core.limit import Rate

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Limits:
    """Where and how a credential may be used. An empty tuple sets no limit."""

    methods: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    origins: tuple[str, ...] = ()
    rate: Rate | None = None

    def check(self, method: str, address: str | None, origin: str | None) -> None:
        """Raises Refused: WRONG_METHOD, WRONG_ADDRESS, WRONG_ORIGIN."""
        if self.networks:
            where = read_address(address)
            if where is None or not any(where in network for network in self.networks):
                raise Refused(Why.WRONG_ADDRESS)
        if self.origins and origin not in self.origins:
            raise Refused(Why.WRONG_ORIGIN)
        allowed = "GET" if method == "HEAD" and "HEAD" not in self.methods else method  # RFC 9110 section 9.3.2
        if self.methods and allowed not in self.methods:
            raise Refused(Why.WRONG_METHOD, f"This key may be used with {', '.join(self.methods)} only.")


NO_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One thing that a caller can show. It holds no clear secret.

    `lookup` finds it (unique within a method); `verifier` proves it: a MAC, a password hash, or sealed bytes.
    `key_id` names the pepper or sealing key that made the verifier. `scopes` None: it carries none and limits none.
    `ended_at`, `owner_epoch` and `owner_kind` are joined in by the store: the earliest end of its owner or grant, the
    moment before which the owner's tokens and sessions were all revoked, and the kind of the account that the owner
    names ("" if it names none).
    """

    id: str
    method: str
    lookup: str
    verifier: bytes
    owner: str
    created_at: float
    key_id: str = ""
    name: str = ""
    scopes: frozenset[str] | None = None
    env: str = "live"
    kind: str = ""
    not_before: float | None = None
    expires_at: float | None = None
    revoked_at: float | None = None
    seen_at: float | None = None
    grant_id: str | None = None
    replaces: str | None = None
    start: str = ""
    last4: str = ""
    limits: Limits = NO_LIMITS
    data: Mapping[str, str] = field(default_factory=dict)
    ended_at: float | None = None
    owner_epoch: float | None = None
    owner_kind: str = ""

    def check_live(self, now: float) -> None:
        """Raises Refused: REVOKED, NOT_YET, EXPIRED (equal to now is expired)."""
        if self.revoked_at is not None or self.ended_at is not None:
            raise Refused(Why.REVOKED)
        if self.not_before is not None and now < self.not_before:
            raise Refused(Why.NOT_YET)
        if self.expires_at is not None and now >= self.expires_at:
            raise Refused(Why.EXPIRED)
