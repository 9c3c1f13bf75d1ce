"""Certificates of callers and servers: issue, register, revoke, show, list. Each known one is a credential of `mtls`.

Its id is the serial number (a registered one's is drawn here), its lookup the thumbprint, its verifier the certificate.
A private key that is made here is shown once and kept nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from doorward.admin import words
from doorward.admin.actor import Actor, check_may_give
from doorward.admin.authority import show as show_authority
from doorward.admin.mistake import Mistake, NotThere, Taken
from doorward.admin.taking_back import taking_back
from doorward.core import key_text
from doorward.core.authority import ISSUED, MTLS, REGISTERED, Authority
from doorward.core.clock import Clock, Entropy
from doorward.core.credential import Credential
from doorward.core.event import Event, Kind
from doorward.core.presented import x5t
from doorward.core.secret import Secret
from doorward.core.store import Exists, Store, Tx, Unavailable
from doorward.crypto import certificate_reading
from doorward.crypto.authority import SKEW, Leaf, Signer, new_key, new_serial, open_authority
from doorward.crypto.seal import SealBroken, Sealer
from doorward.pki import profile
from doorward.pki.crl import Publisher
from doorward.pki.profile import Names, Profile

THUMBPRINT: Final = "x5t#S256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateOrder:
    """`life` in seconds; None: 30 days, of a server 90. `owner` None: the name itself. `scopes` None: a service's
    of this name, else none by itself and no limit to what is shown beside it.
    `request`: a PKCS #10 request whose key it shall be for; nothing else of it counts."""

    name: str
    profile: Profile = Profile.CLIENT
    dns: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    life: float | None = None
    owner: str | None = None
    scopes: frozenset[str] | None = None
    request: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateMaker:
    """`address`: the URL that this server is reached by; certificates then say where revoked ones are listed."""

    sealer: Sealer
    entropy: Entropy
    address: str | None = None


@dataclass(frozen=True, slots=True)
class NewCertificate:
    """All PEM. `chain`: the certificate, then those between it and the authority (of ours: none). `key` None: a request's."""

    credential: Credential
    chain: str
    key: Secret | None
    ca: str


@dataclass(frozen=True, slots=True)
class RevokedNow:
    """`number`: of the list of revoked certificates that holds it. None: no list does (a registered one), or the list could
    not be signed here; a running server signs it within a second."""

    credential: Credential
    number: int | None


async def issue(order: CertificateOrder, *, store: Store, maker: CertificateMaker, actor: Actor, now: float) -> NewCertificate:
    """Known to every worker before it is shown. Raises Mistake, NotThere (no authority), NotAllowed, SealBroken."""
    authority = await show_authority(store=store)
    signer = open_authority(authority, maker.sealer)
    try:
        found = profile.names(order.name, order.dns, order.ips, order.profile)
        profile.check_within(found, authority.domains)
        life = profile.check_life(order.profile.life if order.life is None else order.life)
        public, key = new_key() if order.request is None else (certificate_reading.read_request(order.request), None)
    except ValueError as reason:
        raise Mistake(str(reason)) from None
    credential = _signed(order, found, life, public, signer, authority, maker, now)
    await _keep(store, credential, Kind.CERTIFICATE_ISSUED, actor, now)
    chain = certificate_reading.to_pem(credential.verifier)
    return NewCertificate(credential, chain, key, certificate_reading.to_pem(authority.certificate))


def _signed(
    order: CertificateOrder, found: Names, life: float, public: bytes,
    signer: Signer, authority: Authority, maker: CertificateMaker, now: float,
) -> Credential:  # fmt: skip
    if signer.is_own_key(public):
        raise Mistake("this is the authority's own key; make another")
    begin, end = float(int(now - SKEW)), float(int(min(now + life, authority.expires_at)))
    if end <= now:
        raise Mistake("the authority has ended: nothing that it signs would be believed")
    serial = new_serial(maker.entropy)
    leaf = Leaf(
        serial=serial,
        common_name=found.common_name,
        uris=found.uris,
        dns=found.dns,
        ips=found.ips,
        client=order.profile is not Profile.SERVER,
        server=order.profile is not Profile.CLIENT,
        not_before=max(begin, authority.created_at - SKEW),
        not_after=end,
        address=None if maker.address is None else maker.address.rstrip("/"),
    )
    der = signer.certificate(leaf, public)
    about = {"serial": serial, "profile": order.profile.value, "ca": authority.serial}
    owner = found.name if order.owner is None else words.label(order.owner, "owner")
    return _credential(certificate_reading.read_certificate(der), serial, found.name, owner, order.scopes, ISSUED, about, now)


def _credential(
    certificate: certificate_reading.Certificate, id: str, name: str, owner: str, scopes: frozenset[str] | None, kind: str,
    about: dict[str, str], now: float,
) -> Credential:  # fmt: skip
    told = {
        "subject": certificate.subject,
        "uri": " ".join(certificate.uris),
        "dns": " ".join(certificate.dns),
        "ip": " ".join(map(str, certificate.ips)),
    }
    return Credential(
        id=id,
        method=MTLS,
        lookup=x5t(certificate.der),
        verifier=certificate.der,
        owner=owner,
        name=name,
        created_at=now,
        scopes=None if scopes is None else words.scopes(scopes),
        kind=kind,
        not_before=certificate.not_before,
        expires_at=certificate.not_after,
        last4=id[-4:],
        data={name: value for name, value in (about | told).items() if value},
    )


async def _keep(store: Store, credential: Credential, kind: Kind, actor: Actor, now: float) -> None:
    check_may_give(actor, credential.scopes or frozenset())
    about = {name: credential.data[name] for name in ("serial", "profile") if name in credential.data}
    data = {**about, "owner": credential.owner, "name": credential.name, "key": credential.lookup}
    event = Event(kind=kind, subject=credential.id, actor=actor.name, at=now, data=data)

    async def work(tx: Tx) -> None:
        account = await tx.account(credential.owner)
        if account is not None and account.ended_at is not None:
            raise Mistake(f"the owner {credential.owner} has ended; its certificates would be dead")
        await tx.add_credential(credential)
        await tx.record(event)

    try:
        await store.write(work)
    except Exists:
        raise Taken("this certificate is known already; one that was revoked is never taken again: make another") from None


async def register(
    data: bytes, *, owner: str, name: str | None = None, scopes: frozenset[str] | None = None,
    store: Store, entropy: Entropy, actor: Actor, now: float,
) -> Credential:  # fmt: skip
    """A foreign or self-signed certificate (PEM or DER) is known by its thumbprint (RFC 8705 section 2.2) from now on.
    Raises Mistake, Taken, NotAllowed."""
    try:
        certificate = certificate_reading.read_certificate(data)
    except ValueError as reason:
        raise Mistake(str(reason)) from None
    if now >= certificate.not_after:
        raise Mistake("this certificate has ended")
    if not certificate.for_clients:
        raise Mistake("this certificate is not for clients (extended key usage): no caller can show it")
    names = (*certificate.uris, *certificate.dns, certificate.common_name or "", owner)
    label = words.label(name) if name is not None else next((each[:128] for each in names if each.isprintable() and each.strip()), owner)
    about = {"serial": certificate.serial}
    owner, id = words.label(owner, "owner"), key_text.new_id(entropy)
    credential = _credential(certificate, id, label, owner, scopes, REGISTERED, about, now)
    await _keep(store, credential, Kind.CERTIFICATE_REGISTERED, actor, now)
    return credential


async def revoke(id: str, *, store: Store, sealer: Sealer, actor: Actor, clock: Clock, why: str = "") -> RevokedNow:
    """At once, for every worker, and on the list of revoked certificates; again is harmless. Raises NotThere."""
    found = await show(id, store=store)
    await taking_back(store).credential(found.id, actor=actor.name, now=clock(), why=why)
    number = None
    if found.kind == ISSUED:
        try:
            _, published = await Publisher(store, sealer, clock).publish()
            number = None if published is None else published.number
        except (SealBroken, Unavailable):
            number = None  # it is revoked all the same, and a worker that can sign lists it
    return RevokedNow(await show(found.id, store=store), number)


async def show(id: str, *, store: Store) -> Credential:
    """By serial (colons and upper case are understood), by a registered one's id, or by thumbprint. Raises NotThere."""
    digits = id.replace(":", "").lower()
    candidates = [id] if len(id) <= 128 else []
    if 0 < len(digits) <= 40 and all(digit in "0123456789abcdef" for digit in digits):
        candidates.append(certificate_reading.serial_text(int(digits, 16)))
    for each in candidates:
        found = await store.credentials.get(each)
        if found is not None and found.method == MTLS:
            return found
    found = await store.credentials.find(MTLS, THUMBPRINT + id.removeprefix(THUMBPRINT)) if candidates else None
    if found is None:
        raise NotThere(f"there is no certificate {id[:64]}; doorward cert list tells them all")
    return found


async def every(*, store: Store, owner: str | None = None) -> Sequence[Credential]:
    """All certificates, by id, read in pages."""
    found: list[Credential] = []
    after = ""
    while page := await store.credentials.list(method=MTLS, owner=owner, after=after, most=1000):
        found += page
        after = page[-1].id
    return found
