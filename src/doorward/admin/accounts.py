"""Accounts of people: create, change, a new password, end. Names are never reused."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from doorward.admin import words
from doorward.admin.actor import Actor, check_may_give
from doorward.admin.mistake import Mistake, NotThere, Taken
from doorward.admin.taking_back import taking_back
from doorward.core import key_text
from doorward.core.account import CLIENT, PERSON, Account
from doorward.core.clock import Entropy
from doorward.core.credential import Credential
from doorward.core.event import Change, Event, Kind, Topic
from doorward.core.secret import Secret
from doorward.core.store import Exists, Store, Tx
from doorward.crypto.password import HashingPool, Params, UnusableHash, check_verifier, hash_password
from doorward.methods.password_check import PASSWORD, prepared

SERVICE_PREFIX: Final = "svc_"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOrder:
    """What a new account shall be. At most one of `password` and `password_hash`: a hash made elsewhere (Argon2,
    bcrypt, PBKDF2), replaced at the first success."""

    name: str
    email: str | None = None
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    password: Secret | None = None
    password_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordMaker:
    pool: HashingPool
    params: Params
    entropy: Entropy

    async def verifier(self, password: Secret) -> bytes:
        """Raises Mistake, Refused(BUSY)."""
        try:
            return await self.pool.run(hash_password, prepared(password.reveal()), self.params, self.entropy)
        except ValueError as reason:
            raise Mistake(str(reason)) from None


@dataclass(frozen=True, slots=True)
class Changed:
    """`ended`: the account may do more than before, so every session and token made until now has ended."""

    account: Account
    ended: bool


async def create(order: AccountOrder, *, store: Store, maker: PasswordMaker, actor: Actor, now: float) -> Account:
    """Raises Mistake, Taken, NotAllowed, Refused(BUSY)."""
    account = Account(
        name=new_name(order.name),
        kind=PERSON,
        created_at=now,
        email=words.email(order.email) if order.email is not None else None,
        scopes=words.scopes(order.scopes),
        roles=words.scopes(order.roles),
    )
    check_may_give(actor, account.scopes)
    verifier = await _verifier(order, maker)
    password = _password_of(account.name, verifier, maker.entropy, now) if verifier is not None else None

    async def work(tx: Tx) -> None:
        await add(tx, account)
        if password is not None:
            await tx.add_credential(password)
        await tx.record(Event(kind=Kind.ACCOUNT_CREATED, subject=account.name, actor=actor.name, at=now, data=about(account)))

    await store.write(work)
    return account


async def _verifier(order: AccountOrder, maker: PasswordMaker) -> bytes | None:
    if order.password is not None and order.password_hash is not None:
        raise Mistake("give a password or the hash of one, not both")
    if order.password is not None:
        return await maker.verifier(order.password)
    if order.password_hash is None:
        return None
    verifier = order.password_hash.encode("ascii", "replace")
    try:
        check_verifier(verifier)
    except UnusableHash as reason:
        raise Mistake(str(reason)) from None
    return verifier


def _password_of(name: str, verifier: bytes, entropy: Entropy, now: float) -> Credential:
    id = f"pw_{key_text.new_id(entropy)}"
    return Credential(id=id, method=PASSWORD, lookup=name, verifier=verifier, owner=name, name="password", created_at=now)


def new_name(text: str) -> str:
    name = words.account_name(text)
    if name.startswith(SERVICE_PREFIX):
        raise Mistake(f"names that begin with {SERVICE_PREFIX} are ids of services")
    return name


async def add(tx: Tx, account: Account) -> None:
    """Raises Taken."""
    try:
        await tx.add_account(account)
    except Exists as reason:
        if reason.what == "email":
            raise Taken("another account has this e-mail address") from None
        raise Taken(f"the name {account.name} is taken; names are never reused, not even of accounts that have ended") from None


def about(account: Account) -> dict[str, str]:
    """For the journal."""
    return {"kind": account.kind, "scopes": " ".join(sorted(account.scopes)), "roles": " ".join(sorted(account.roles))}


async def show(name: str, *, store: Store) -> Account:
    """Raises NotThere."""
    account = await store.accounts.find(name)
    if account is None:
        raise NotThere(f"there is no account {name[:64]}")
    return account


async def every(*, store: Store, kind: str | None = None) -> Sequence[Account]:
    """All accounts, by name, read in pages."""
    found: list[Account] = []
    after = ""
    while page := await store.accounts.list(kind=kind, after=after, most=1000):
        found += page
        after = page[-1].name
    return found


async def change(
    name: str,
    *,
    store: Store,
    actor: Actor,
    now: float,
    email: str | None = None,
    scopes: frozenset[str] | None = None,
    roles: frozenset[str] | None = None,
) -> Changed:
    """None leaves as it is. Whoever gains a scope or a role signs in anew: no session or token of before carries it.
    Whoever only loses some keeps their session; a token that lives already keeps its scopes until it expires.

    Raises NotThere, Mistake, Taken, NotAllowed.
    """
    revoke = taking_back(store)
    mail = words.email(email) if email is not None else None
    new_scopes = words.scopes(scopes) if scopes is not None else None
    new_roles = words.scopes(roles) if roles is not None else None

    async def work(tx: Tx) -> Changed:
        account = await _living(tx, name)
        changed = replace(
            account,
            email=mail if mail is not None else account.email,
            scopes=account.scopes if new_scopes is None else new_scopes,
            roles=account.roles if new_roles is None else new_roles,
        )
        check_may_give(actor, changed.scopes - account.scopes)
        try:
            await tx.change_account(changed)
        except Exists:
            raise Taken("another account has this e-mail address") from None
        await tx.record(Event(kind=Kind.ACCOUNT_CHANGED, subject=name, actor=actor.name, at=now, data=about(changed)))
        if changed.scopes <= account.scopes and changed.roles <= account.roles:
            return Changed(changed, ended=False)
        await revoke.subject_in(tx, name, actor=actor.name, now=now, why="the account may do more")
        return Changed(replace(changed, epoch=now), ended=True)

    return await store.write(work)


async def _living(tx: Tx, name: str) -> Account:
    account = await tx.account(name)
    if account is None or account.ended_at is not None:
        raise NotThere(f"there is no account {name[:64]}" if account is None else f"the account {name} has ended")
    if account.kind == CLIENT:
        raise Mistake(f"{name} is a client: change it with `doorward client`")
    return account


async def change_password(name: str, password: Secret, *, store: Store, maker: PasswordMaker, actor: Actor, now: float) -> None:
    """Ends every session and token of the account: whoever had the old password is out, on every worker.

    Raises NotThere, Mistake, Refused(BUSY).
    """
    verifier = await maker.verifier(password)
    revoke = taking_back(store)
    old = await store.credentials.find(PASSWORD, name)

    async def work(tx: Tx) -> None:
        await _living(tx, name)
        if old is None:
            try:
                await tx.add_credential(_password_of(name, verifier, maker.entropy, now))
            except Exists:
                raise Mistake("the password was set meanwhile; nothing was changed") from None
        elif not await tx.change_verifier(old.id, old.verifier, verifier, ""):
            raise Mistake("the password was changed meanwhile; nothing was changed")
        await tx.record(Event(kind=Kind.PASSWORD_CHANGED, subject=name, actor=actor.name, at=now))
        await tx.announce(Change(topic=Topic.PASSWORD, id=name, at=now, until=now + revoke.life))
        await revoke.subject_in(tx, name, actor=actor.name, now=now, why="the password was changed")

    await store.write(work)


async def end(name: str, *, store: Store, actor: Actor, now: float, why: str = "") -> Account:
    """For good, with all its keys, sessions and tokens; again is harmless. Raises NotThere."""
    account = await show(name, store=store)
    await taking_back(store).account(name, actor=actor.name, now=now, why=why)
    return replace(account, ended_at=now if account.ended_at is None else account.ended_at)
