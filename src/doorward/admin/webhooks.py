"""Senders of webhooks: add, rotate, show, list, revoke. A sender's name is the credential's lookup and is never reused."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from doorward.admin import words
from doorward.admin.actor import Actor, check_may_give
from doorward.admin.key_rotation import LONGEST_OVERLAP, OVERLAP
from doorward.admin.keys import about, announcement
from doorward.admin.mistake import Mistake, NotThere, Taken
from doorward.admin.taking_back import taking_back
from doorward.core import key_text
from doorward.core.clock import Entropy
from doorward.core.credential import Credential, Limits
from doorward.core.event import Event, Kind
from doorward.core.limit import Rate
from doorward.core.secret import Secret
from doorward.core.store import Exists, Store, Tx
from doorward.crypto.seal import Sealer
from doorward.crypto.webhook_form import Form
from doorward.crypto.webhook_forms import FORMS
from doorward.crypto.webhook_secrets import Live, seal, unseal
from doorward.methods.webhook import FORM, Webhook

METHOD: Final = Webhook.name


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderOrder:
    """`owner`: who calls, for the application; without one the sender's name. `scopes` None: it carries none and limits none."""

    name: str
    form: str
    owner: str = ""
    scopes: frozenset[str] | None = None
    networks: tuple[str, ...] = ()
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class NewSecret:
    """`secret` is shown once, where we made it; it is None where the operator brought it. `old_until`: when the one before
    ends; None where there is none, or it has ended already."""

    credential: Credential
    secret: Secret | None
    old_until: float | None = None


async def add(
    order: SenderOrder, secret: Secret | None, *, store: Store, sealer: Sealer, entropy: Entropy, actor: Actor, now: float
) -> NewSecret:
    """`secret` None: one is made. Raises Mistake, Taken, NotAllowed."""
    form = _form(order.form)
    scopes = words.scopes(order.scopes) if order.scopes is not None else None
    check_may_give(actor, scopes or frozenset())
    live, id = _checked(form, secret or form.new_secret(entropy)), key_text.new_id(entropy)
    name = words.account_name(order.name)
    credential = Credential(
        id=id,
        method=METHOD,
        lookup=name,
        verifier=seal([Live(live, None)], sealer, id),
        key_id=sealer.current,
        owner=words.label(order.owner or name, "owner"),
        name=name,
        created_at=now,
        scopes=scopes,
        limits=Limits(networks=words.networks(order.networks), rate=order.rate),
        data={FORM: order.form},
    )

    async def work(tx: Tx) -> None:
        account = await tx.account(credential.owner)
        if account is not None and account.ended_at is not None:
            raise Mistake(f"the owner {credential.owner} has ended; its webhooks would be dead")
        try:
            await tx.add_credential(credential)
        except Exists:
            raise Taken(f"there is, or was, a sender {name}; names are never reused") from None
        await tx.record(Event(kind=Kind.KEY_CREATED, subject=id, actor=actor.name, at=now, data=about(credential)))

    await store.write(work)
    return NewSecret(credential, live if secret is None else None)


async def rotate(
    name: str, secret: Secret | None, *, store: Store, sealer: Sealer, entropy: Entropy, actor: Actor, now: float, overlap: float = OVERLAP
) -> NewSecret:
    """Another secret beside the present one, which then ends by itself. Overlap in seconds; 0 ends it at once. One that was
    still on its way out is dropped. Raises NotThere, Mistake, NotAllowed."""
    if not 0 <= overlap <= LONGEST_OVERLAP:
        raise Mistake(f"the overlap is 0 to {LONGEST_OVERLAP / 86400:g} days")
    old = await show(name, store=store)
    if old.revoked_at is not None or old.ended_at is not None:
        raise NotThere(f"the sender {name} has ended; add another one")
    check_may_give(actor, old.scopes or frozenset())
    form = _form(old.data.get(FORM, ""))
    live = _checked(form, secret or form.new_secret(entropy))
    present = unseal(old.verifier, old.key_id, sealer, old.id)[0].secret
    if present == live:
        raise Mistake("this is the present secret already")
    sealed = seal([Live(live, None), Live(present, now + overlap)], sealer, old.id)

    async def work(tx: Tx) -> None:
        if not await tx.change_verifier(old.id, old.verifier, sealed, sealer.current):
            raise NotThere(f"the sender {name} was rotated or revoked meanwhile")
        data = about(old) | {"old_ends_at": str(int(now + overlap))}
        await tx.record(Event(kind=Kind.KEY_ROTATED, subject=old.id, actor=actor.name, at=now, data=data))
        await tx.announce(announcement(old.id, now))

    await store.write(work)
    changed = replace(old, verifier=sealed, key_id=sealer.current)
    return NewSecret(changed, live if secret is None else None, now + overlap if overlap else None)


async def show(name: str, *, store: Store) -> Credential:
    """By its name or its id. Raises NotThere."""
    found = await store.credentials.find(METHOD, name) or await store.credentials.get(name)
    if found is None or found.method != METHOD:
        raise NotThere(f"there is no sender {name[:64]}")
    return found


async def every(*, store: Store) -> Sequence[Credential]:
    """All senders, by id, read in pages."""
    found: list[Credential] = []
    while page := await store.credentials.list(method=METHOD, after=found[-1].id if found else "", most=1000):
        found += page
    return found


async def revoke(name: str, *, store: Store, actor: Actor, now: float, why: str = "") -> Credential:
    """At once, for every worker; again is harmless. Raises NotThere."""
    sender = await show(name, store=store)
    await taking_back(store).credential(sender.id, actor=actor.name, now=now, why=why)
    return replace(sender, revoked_at=now if sender.revoked_at is None else sender.revoked_at)


def old_until(sender: Credential, sealer: Sealer, now: float) -> float | None:
    """When the secret that was replaced ends; None: there is only one. Raises SealBroken."""
    ends = [live.until for live in unseal(sender.verifier, sender.key_id, sealer, sender.id)[1:]]
    return next((end for end in ends if end is not None and end > now), None)


def _form(name: str) -> Form:
    if name not in FORMS:
        raise Mistake(f"there is no webhook form {name[:40]!r}; there are {', '.join(FORMS)}")
    return FORMS[name]


def _checked(form: Form, secret: Secret) -> Secret:
    try:
        form.key(secret)
    except ValueError as reason:
        raise Mistake(str(reason)) from None
    return secret
