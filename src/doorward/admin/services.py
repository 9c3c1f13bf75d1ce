"""Services: programs that sign in by an id and a generated secret (HTTP Basic)."""

from dataclasses import dataclass

from doorward.admin import words
from doorward.admin.accounts import about, add, new_name
from doorward.admin.actor import Actor, check_may_give
from doorward.core import key_text
from doorward.core.account import SERVICE, Account
from doorward.core.clock import Entropy
from doorward.core.credential import Credential
from doorward.core.event import Event, Kind
from doorward.core.secret import Secret
from doorward.core.store import Store, Tx
from doorward.crypto.digest import Peppers
from doorward.methods import basic


@dataclass(frozen=True, slots=True)
class NewService:
    """`id` and `secret` are what it signs in with; the secret is shown once. Its account bears the name."""

    id: str
    secret: Secret
    account: Account


async def create(
    name: str,
    scopes: frozenset[str],
    *,
    store: Store,
    peppers: Peppers,
    entropy: Entropy,
    actor: Actor,
    now: float,
    roles: frozenset[str] = frozenset(),
) -> NewService:
    """Raises Mistake, Taken, NotAllowed."""
    account = Account(name=new_name(name), kind=SERVICE, created_at=now, scopes=words.scopes(scopes), roles=words.scopes(roles))
    check_may_give(actor, account.scopes)
    id, secret = basic.new_service_id(entropy), Secret(key_text.new_secret(entropy))
    credential = Credential(
        id=id,
        method=basic.SERVICE,
        lookup=id,
        verifier=peppers.mac(secret.reveal().encode()),
        key_id=peppers.current,
        owner=account.name,
        name=account.name,
        created_at=now,
        last4=id[-4:],
    )

    async def work(tx: Tx) -> None:
        await add(tx, account)
        await tx.add_credential(credential)
        data = about(account) | {"id": id}
        await tx.record(Event(kind=Kind.ACCOUNT_CREATED, subject=account.name, actor=actor.name, at=now, data=data))

    await store.write(work)
    return NewService(id, secret, account)
