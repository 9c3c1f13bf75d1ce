"""Applications that ask for tokens: create, list, show, change, a second secret beside the first, end (docs/adr/0013)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from doorward.admin import accounts
from doorward.admin.actor import Actor, check_may_give
from doorward.admin.client_metadata import ClientOrder, check_reach, metadata_of, order_of
from doorward.admin.mistake import Mistake, NotThere, Taken
from doorward.admin.taking_back import LONGEST_LIFE, taking_back
from doorward.core import key_text
from doorward.core.account import CLIENT, Account
from doorward.core.client import METADATA, SECRET, SECRET_METHODS, SECRETS, Client, client_of, metadata_text, secret_lookup
from doorward.core.clock import Entropy
from doorward.core.credential import Credential
from doorward.core.event import Change, Event, Kind, Topic
from doorward.core.secret import Secret
from doorward.core.store import Exists, Store, Tx
from doorward.crypto.digest import Peppers
from doorward.outbound.reach import Network

ID_DIGITS: Final = 16
OVERLAP: Final = 86400.0
LONGEST_OVERLAP: Final = 90 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretMaker:
    peppers: Peppers
    entropy: Entropy

    def id(self) -> str:
        return key_text.base62(int.from_bytes(self.entropy(20), "big") % 62**ID_DIGITS, ID_DIGITS)

    def secret(self) -> Secret:
        return Secret(key_text.new_secret(self.entropy))

    def credential(self, client: str, number: int, secret: Secret, now: float) -> Credential:
        lookup, text = secret_lookup(client, number), secret.reveal()
        return Credential(
            id=lookup,
            method=SECRET,
            lookup=lookup,
            verifier=self.peppers.mac(text.encode()),
            key_id=self.peppers.current,
            owner=client,
            created_at=now,
            last4=text[-4:],
        )


@dataclass(frozen=True, slots=True)
class NewClient:
    """The secret is shown once; None: it proves itself by a key or a certificate."""

    client: Client
    secret: Secret | None


@dataclass(frozen=True, slots=True)
class NewSecret:
    """The one before it works until `old_ends_at`; None: it has ended, or there was none."""

    client: Client
    secret: Secret
    old_ends_at: float | None


async def create(
    order: ClientOrder, *, store: Store, maker: SecretMaker, actor: Actor, now: float, allow: Sequence[Network] = ()
) -> NewClient:
    """`allow`: what may be fetched though it is not public. Raises Mistake, NotAllowed."""
    metadata = metadata_of(order)
    if order.jwks_uri is not None:
        check_reach(order.jwks_uri, allow)
    check_may_give(actor, order.scopes)
    has_secret = order.auth is None or order.auth in SECRET_METHODS
    secret = maker.secret() if has_secret else None
    data = {METADATA: metadata_text(metadata), SECRETS: "1" if has_secret else "0"}
    account = Account(name=maker.id(), kind=CLIENT, created_at=now, scopes=order.scopes, data=data)

    async def work(tx: Tx) -> None:
        await accounts.add(tx, account)
        if secret is not None:
            await tx.add_credential(maker.credential(account.name, 1, secret, now))
        await tx.record(Event(kind=Kind.CLIENT_CREATED, subject=account.name, actor=actor.name, at=now, data=_about(metadata)))

    await store.write(work)
    return NewClient(_client(account), secret)


async def show(id: str, *, store: Store) -> Client:
    """Raises NotThere."""
    account = await store.accounts.find(id)
    client = client_of(account) if account is not None else None
    if client is None:
        raise NotThere(f"there is no client {id[:64]}")
    return client


async def every(*, store: Store) -> Sequence[Client]:
    return [client for account in await accounts.every(store=store, kind=CLIENT) if (client := client_of(account)) is not None]


async def secrets(client: Client, *, store: Store, now: float) -> Sequence[Credential]:
    """Those that work now, the latest first: two at most."""
    found = []
    for number in (client.secrets, client.secrets - 1):
        credential = await store.credentials.find(SECRET, secret_lookup(client.id, number))
        if credential is not None and credential.revoked_at is None and credential.ended_at is None:
            found.append(credential)
    return [each for each in found if each.expires_at is None or each.expires_at > now]


async def rotate_secret(id: str, *, store: Store, maker: SecretMaker, actor: Actor, now: float, overlap: float = OVERLAP) -> NewSecret:
    """A new secret; the latest one works beside it for `overlap` seconds, any older one ends now. So there are two at most,
    however many rotate at once: the number of the new one is unique. Raises NotThere, Mistake, Taken."""
    if not 0 <= overlap <= LONGEST_OVERLAP:
        raise Mistake(f"the overlap is 0 to {LONGEST_OVERLAP / 86400:g} days")
    secret = maker.secret()

    async def work(tx: Tx) -> NewSecret:
        account, client = await _living(tx, id)
        if not client.auth & SECRET_METHODS:
            raise Mistake(f"the client {id} has no secret: it authenticates by {' '.join(sorted(client.auth))}")
        latest, before = secret_lookup(id, client.secrets), secret_lookup(id, client.secrets - 1)
        if await tx.end_credential(before, now):
            await tx.announce(_announcement(before, now))
        old_ends_at = await _leave(tx, latest, now, overlap)
        number = client.secrets + 1
        try:
            await tx.add_credential(maker.credential(id, number, secret, now))
        except Exists:
            raise Taken("its secret was rotated by somebody else meanwhile; nothing was changed") from None
        changed = replace(account, data={**account.data, SECRETS: str(number)})
        await tx.change_account(changed)
        data = {"secret": str(number), "old_ends_at": "" if old_ends_at is None else str(int(old_ends_at))}
        await tx.record(Event(kind=Kind.CLIENT_SECRET_ROTATED, subject=id, actor=actor.name, at=now, data=data))
        return NewSecret(_client(changed), secret, old_ends_at)

    return await store.write(work)


async def _leave(tx: Tx, old: str, now: float, overlap: float) -> float | None:
    """When the secret that was the latest ends."""
    ended = await (tx.limit_credential(old, now + overlap) if overlap else tx.end_credential(old, now))
    await tx.announce(_announcement(old, now))
    credential = await tx.credential(old) if ended and overlap else None
    return credential.expires_at if credential is not None else None


async def change(id: str, changes: Mapping[str, Any], *, store: Store, actor: Actor, now: float, allow: Sequence[Network] = ()) -> Client:
    """`changes`: fields of ClientOrder, but for `auth` and `grants`. Secrets and tokens that live stay as they are; a key or a
    certificate that is not registered any more proves nothing from now on. Raises NotThere, Mistake, Taken, NotAllowed."""
    before = await show(id, store=store)
    order = replace(order_of(before.metadata), **changes)
    metadata = metadata_of(order)
    if order.jwks_uri is not None and order.jwks_uri != before.metadata.get("jwks_uri"):
        check_reach(order.jwks_uri, allow)
    check_may_give(actor, order.scopes - before.scopes)

    async def work(tx: Tx) -> Client:
        account, client = await _living(tx, id)
        if client.metadata != before.metadata:
            raise Taken("the client was changed by somebody else meanwhile; nothing was changed")
        changed = replace(account, scopes=order.scopes, data={**account.data, METADATA: metadata_text(metadata)})
        await tx.change_account(changed)
        await tx.record(Event(kind=Kind.CLIENT_CHANGED, subject=id, actor=actor.name, at=now, data=_about(metadata)))
        await tx.announce(_announcement(id, now))
        return _client(changed)

    return await store.write(work)


async def end(id: str, *, store: Store, actor: Actor, now: float, why: str = "") -> Client:
    """For good, with its secrets, the keys that it owns, and all tokens that were given to it; again is harmless.

    Raises NotThere."""
    client = await show(id, store=store)
    await taking_back(store).account(id, actor=actor.name, now=now, why=why)
    return replace(client, ended_at=now if client.ended_at is None else client.ended_at)


async def _living(tx: Tx, id: str) -> tuple[Account, Client]:
    account = await tx.account(id)
    client = client_of(account) if account is not None else None
    if account is None or client is None:
        raise NotThere(f"there is no client {id[:64]}")
    if client.ended_at is not None:
        raise NotThere(f"the client {id} has ended")
    return account, client


def _client(account: Account) -> Client:
    client = client_of(account)
    assert client is not None, "an account that was made as a client"  # noqa: S101
    return client


def _announcement(what: str, now: float) -> Change:
    return Change(topic=Topic.CREDENTIAL, id=what, at=now, until=now + LONGEST_LIFE)


def _about(metadata: Mapping[str, Any]) -> dict[str, str]:
    """For the journal."""
    named = ("client_name", "scope", "token_endpoint_auth_method", "access_token_format")
    return {"grants": " ".join(metadata["grant_types"])} | {name: metadata[name] for name in named if name in metadata}
