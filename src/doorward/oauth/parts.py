"""What the endpoints of the authorization server are made of, and what they answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from doorward.core.case import Case
from doorward.core.clock import Clock
from doorward.core.gate import Gate
from doorward.core.request import Request
from doorward.core.store import Store
from doorward.crypto.digest import Peppers
from doorward.ledger.dpop_key import DpopKeys
from doorward.ledger.mint import Mint
from doorward.ledger.revoke import Revoke
from doorward.oauth.client_auth import ClientAuth
from doorward.oauth.form import Form
from doorward.oauth.last_change import LastChange
from doorward.oauth.options import OAuthOptions
from doorward.oauth.read_token import ReadToken

NO_STORE: Final = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))  # RFC 6749 section 5.1


class CountIssued(Protocol):
    def __call__(self, client: str, at: float, address: str) -> None:
        """A token was given to this client: counted, not written."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthParts:
    """`catch_up`: this worker reads what was announced, at once."""

    gate: Gate
    store: Store
    clients: ClientAuth
    mint: Mint
    tokens: ReadToken
    revoke: Revoke
    peppers: Peppers
    clock: Clock
    issuer: str
    last_change: LastChange
    count_issued: CountIssued
    catch_up: Callable[[], Awaitable[None]]
    dpop: DpopKeys
    options: OAuthOptions = field(default_factory=OAuthOptions)

    @property
    def base(self) -> str:
        """The issuer without a slash at its end: endpoints are named from here."""
        return self.issuer.rstrip("/")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to an endpoint: its form, and the case that the gate let through."""

    form: Form
    case: Case

    @property
    def request(self) -> Request:
        return self.case.request


class Said(NamedTuple):
    """An answer in JSON, perhaps written already. `body` None: there is none."""

    body: Mapping[str, object] | str | None
    status: int = 200
    fields: tuple[tuple[bytes, bytes], ...] = NO_STORE
