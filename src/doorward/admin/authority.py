"""The local certificate authority: made once, never replaced."""

from dataclasses import dataclass
from typing import Final

from doorward.admin import words
from doorward.admin.actor import Actor
from doorward.admin.mistake import Mistake, NotThere, Taken
from doorward.core.authority import Authority
from doorward.core.clock import Clock, Entropy
from doorward.core.store import Store
from doorward.crypto.authority import new_authority
from doorward.crypto.seal import Sealer
from doorward.pki.authority import keep_first, standing
from doorward.pki.crl import Publisher
from doorward.pki.profile import dns_name

_DAY: Final = 86400.0
LIFE: Final = 3650 * _DAY
LONGEST_LIFE: Final = 9125 * _DAY
LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityOrder:
    """`domains`: it may name only these DNS names, SPIFFE trust domains, and what lies below them; none: anything."""

    name: str | None = None
    life: float = LIFE
    domains: tuple[str, ...] = ()


async def create(order: AuthorityOrder, *, store: Store, sealer: Sealer, entropy: Entropy, actor: Actor, clock: Clock) -> Authority:
    """With its first, empty list of revoked certificates. Raises Mistake, Taken: there is one already."""
    made, first = await ensure(order, store=store, sealer=sealer, entropy=entropy, actor=actor, clock=clock)
    if not first:
        raise Taken(f"there is an authority already ({made.serial}); it is never replaced, since what it signed would end with it")
    return made


async def ensure(
    order: AuthorityOrder, *, store: Store, sealer: Sealer, entropy: Entropy, actor: Actor, clock: Clock
) -> tuple[Authority, bool]:
    """The authority that stands, and whether it was made just now. Raises Mistake."""
    there, _ = await standing(store)
    if there is not None:
        return there, False
    if not _DAY <= order.life <= LONGEST_LIFE:
        raise Mistake(f"an authority lives between 1d and {LONGEST_LIFE / _DAY:.0f}d")
    name = words.label(order.name) if order.name is not None else f"doorward CA {entropy(4).hex()}"
    if len(name) > LONGEST_NAME:
        raise Mistake(f"the name of an authority has at most {LONGEST_NAME} characters")
    try:
        domains = tuple(dict.fromkeys(dns_name(each) for each in order.domains))
    except ValueError as reason:
        raise Mistake(str(reason)) from None
    now = clock()
    fresh = new_authority(name, sealer=sealer, entropy=entropy, now=now, expires_at=now + order.life, domains=domains)
    made, first = await keep_first(store, fresh, actor=actor.name, now=now)
    if first:
        await Publisher(store, sealer, clock).publish()
    return made, first


async def show(*, store: Store) -> Authority:
    """Raises NotThere."""
    authority, _ = await standing(store)
    if authority is None:
        raise NotThere("there is no certificate authority here; make one with: doorward cert ca")
    return authority
