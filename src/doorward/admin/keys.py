"""API keys, HMAC keys and keys of message signatures: create, show, list, revoke. Rotation and import stand in files of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from doorward.admin import signature_keys, words
from doorward.admin.actor import ADMIN, Actor, check_may_give
from doorward.admin.mistake import Mistake, NotThere
from doorward.admin.taking_back import taking_back
from doorward.core import key_text
from doorward.core.clock import Entropy
from doorward.core.credential import Credential, Limits
from doorward.core.event import Change, Event, Kind, Topic
from doorward.core.limit import Rate
from doorward.core.secret import Secret
from doorward.core.store import Store, Tx
from doorward.crypto.digest import Peppers
from doorward.crypto.hmac_signing import SEALED_FOR
from doorward.crypto.seal import Sealer
from doorward.methods.api_key import ApiKey
from doorward.methods.hmac import Hmac
from doorward.methods.http_signature import HttpSignature

API_KEY: Final = ApiKey.name
HMAC: Final = Hmac.name
HTTP_SIGNATURE: Final = HttpSignature.name
KEY_METHODS: Final = (API_KEY, HMAC, HTTP_SIGNATURE)
PREFIX: Final = "sk"
ADMIN_KIND: Final = "admin"
ADMIN_RATE: Final = Rate(60, 60)
IMPORT: Final = "import"
"""So begin the names in `Credential.data` that say where an imported key comes from; all others are the operator's."""
_DAY: Final = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOptions:
    """`max_age` in seconds: every key must end, and within it; 0 asks for nothing. `admin_rate`: of keys with an
    `admin:` scope that are given none."""

    max_age: float = 0.0
    admin_rate: Rate = ADMIN_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOrder:
    """What a new key shall be. `owner` None: the key stands for itself, its id is the subject. `name` None: its id. `lifetime` in
    seconds from its start; None: without an end. `alg` and `public` (PEM or JWK, brought by the caller) are of message signatures."""

    name: str | None = None
    owner: str | None = None
    scopes: frozenset[str] = frozenset()
    prefix: str = PREFIX
    env: str = "live"
    not_before: float | None = None
    lifetime: float | None = None
    methods: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    rate: Rate | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    alg: str = ""
    public: bytes | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """`key` is shown once and kept nowhere: of an API key the whole key, of an HMAC key its secret, of a key pair its private half
    (the public one where that was brought)."""

    credential: Credential
    key: Secret

    @property
    def id(self) -> str:
        return self.credential.id


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMaker:
    """What making a key takes."""

    peppers: Peppers
    sealer: Sealer
    entropy: Entropy
    options: KeyOptions

    def fill(self, blank: Credential, prefix: str, public: bytes | None = None) -> NewKey:
        """The credential of this method with a new id and secret. Raises Mistake for a public key that is none."""
        if blank.method == HTTP_SIGNATURE:
            return NewKey(*signature_keys.fill(blank, public, self.sealer, self.entropy))
        if blank.method == HMAC:
            id = key_text.new_id(self.entropy)
            secret = Secret(key_text.new_secret(self.entropy))
            sealed = self.sealer.seal(secret.reveal().encode(), SEALED_FOR, id)
            made = replace(blank, id=id, lookup=id, verifier=sealed, key_id=self.sealer.current, last4=id[-4:], start=id[:4])
            return NewKey(made, secret)
        key = key_text.make(prefix, blank.env, self.entropy)
        verifier = self.peppers.mac(key.whole.reveal().encode())
        made = replace(blank, id=key.id, lookup=key.id, verifier=verifier, key_id=self.peppers.current, start=key.start, last4=key.last4)
        return NewKey(made, key.whole)


async def create(order: KeyOrder, *, store: Store, maker: KeyMaker, actor: Actor, now: float, method: str = API_KEY) -> NewKey:
    """Raises Mistake, NotAllowed."""
    blank = _blank(order, method, now, maker.options)
    check_may_give(actor, blank.scopes or frozenset())
    new = _standing_for_itself(maker.fill(blank, order.prefix, order.public))
    owner = new.credential.owner

    async def work(tx: Tx) -> None:
        account = await tx.account(owner)
        if account is not None and account.ended_at is not None:
            raise Mistake(f"the owner {owner} has ended; its keys would be dead")
        await tx.add_credential(new.credential)
        await tx.record(Event(kind=Kind.KEY_CREATED, subject=new.id, actor=actor.name, at=now, data=about(new.credential)))

    await store.write(work)
    return new


def _standing_for_itself(new: NewKey) -> NewKey:
    """Where nobody was named. Rotation keeps the owner, so the subject stays the id of the first."""
    made = new.credential
    return replace(new, credential=replace(made, owner=made.owner or made.id, name=made.name or made.id))


def about(credential: Credential) -> dict[str, str]:
    """For the journal."""
    return {
        "owner": credential.owner,
        "name": credential.name,
        "method": credential.method,
        "scopes": " ".join(sorted(credential.scopes or ())),
    }


def _blank(order: KeyOrder, method: str, now: float, options: KeyOptions) -> Credential:
    if method not in KEY_METHODS:
        raise Mistake(f"keys are of the methods {' and '.join(KEY_METHODS)}")
    if order.env not in key_text.ENVS:
        raise Mistake("the environment is live or test")
    if not key_text.is_prefix(order.prefix):
        raise Mistake("the prefix of a key has 2 to 12 letters")
    scopes = words.scopes(order.scopes)
    is_admin = any(scope.startswith(ADMIN) for scope in scopes)
    if method != API_KEY and order.prefix != PREFIX:
        raise Mistake("a key that signs has no prefix: its secret is never sent")
    if method != HTTP_SIGNATURE and (order.alg or order.public is not None):
        raise Mistake("an algorithm and a public key are of message signatures")
    if len(order.data) > 32 or any(len(name) > 64 or len(value) > 1024 for name, value in order.data.items()):
        raise Mistake("metadata has at most 32 entries, names of 64 and values of 1024 characters")
    if any(name.startswith(IMPORT) for name in order.data):
        raise Mistake(f"names of metadata that begin with {IMPORT} are doorward's own")
    return Credential(
        id="",
        method=method,
        lookup="",
        verifier=b"",
        owner="" if order.owner is None else words.label(order.owner, "owner"),
        name="" if order.name is None else words.label(order.name),
        created_at=now,
        scopes=scopes,
        env=order.env,
        kind=_kind(order, method, is_admin),
        not_before=order.not_before,
        expires_at=end(order.not_before or now, order.lifetime, options),
        limits=Limits(
            methods=words.http_methods(order.methods),
            networks=words.networks(order.networks),
            origins=words.origins(order.origins),
            rate=order.rate or (options.admin_rate if is_admin else None),
        ),
        data={words.label(name, "name of metadata"): value for name, value in order.data.items()},
    )


def _kind(order: KeyOrder, method: str, is_admin: bool) -> str:
    if method == HTTP_SIGNATURE:
        return signature_keys.algorithm(order.alg, order.public)
    return ADMIN_KIND if is_admin else key_text.PREFIXES.get(order.prefix, "") if method == API_KEY else ""


def end(start: float, lifetime: float | None, options: KeyOptions) -> float | None:
    """Raises Mistake where the installation asks for an end (`[keys] max_age`)."""
    days = options.max_age / _DAY
    if lifetime is None:
        if options.max_age:
            raise Mistake(f"every key must end here: give it an end within {days:g} days ([keys] max_age)")
        return None
    if lifetime <= 0:
        raise Mistake("a key must live longer than no time at all")
    if options.max_age and lifetime > options.max_age:
        raise Mistake(f"no key may live longer than {days:g} days here ([keys] max_age)")
    return start + lifetime


async def revoke(id: str, *, store: Store, actor: Actor, now: float, why: str = "") -> Credential:
    """At once, for every worker; again is harmless. Raises NotThere."""
    key = await show(id, store=store)
    await taking_back(store).credential(key.id, actor=actor.name, now=now, why=why)
    return replace(key, revoked_at=now if key.revoked_at is None else key.revoked_at)


def announcement(id: str, now: float) -> Change:
    """Empties caches only: the truth is the row itself, so a day is more than enough."""
    return Change(topic=Topic.CREDENTIAL, id=id, at=now, until=now + _DAY)


async def show(id: str, *, store: Store) -> Credential:
    """Raises NotThere."""
    credential = await store.credentials.get(id)
    if credential is None or credential.method not in KEY_METHODS:
        raise NotThere(f"there is no key with the id {id[:64]}")
    return credential


def metadata(key: Credential) -> dict[str, str]:
    """What its maker noted on it."""
    return {name: value for name, value in key.data.items() if not name.startswith(IMPORT)}


def ends_within(key: Credential, now: float, span: float) -> bool:
    """It lives, and ends in so many seconds or fewer."""
    if key.expires_at is None or key.revoked_at is not None or key.ended_at is not None:
        return False
    return now < key.expires_at <= now + span


async def every(*, store: Store, owner: str | None = None, method: str | None = None) -> Sequence[Credential]:
    """All keys, by id, read in pages."""
    found: list[Credential] = []
    for each in (method,) if method in KEY_METHODS else KEY_METHODS:
        after = ""
        while page := await store.credentials.list(method=each, owner=owner, after=after, most=1000):
            found += page
            after = page[-1].id
    return found
