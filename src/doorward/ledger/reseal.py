"""What is sealed at rest, sealed anew under the current sealing key (DECISIONS 19): signing keys, secrets that both sides know, the
authority's key.
"""

from dataclasses import replace
from typing import Final

from doorward.core.authority import AUTHORITY, Authority
from doorward.core.credential import Credential
from doorward.core.event import Change, Event, Kind, Topic
from doorward.core.store import Store, Tx
from doorward.crypto import authority, keyring, signature_algorithms, webhook_secrets
from doorward.crypto.hmac_signing import SEALED_FOR
from doorward.crypto.seal import Sealer
from doorward.methods.hmac import Hmac
from doorward.methods.http_signature import HttpSignature
from doorward.methods.webhook import Webhook

_PAGE: Final = 200
_SEALED: Final = {
    Hmac.name: SEALED_FOR,
    HttpSignature.name: signature_algorithms.SEALED_FOR,
    Webhook.name: webhook_secrets.SEALED_FOR,
}
"""The methods whose verifier is sealed, and under which purpose; public keys lie among them, under no key."""


async def reseal(store: Store, sealer: Sealer, *, actor: str, now: float) -> int:
    """How many were sealed anew. Safe to run again, and while everything else goes on: each row is compared and set."""
    count = await _signing_keys(store, sealer, now) + await _shared_secrets(store, sealer) + await _authority(store, sealer)

    async def note(tx: Tx) -> None:
        await tx.record(Event(kind=Kind.SECRETS_ROTATED, subject=sealer.current, actor=actor, at=now, data={"resealed": str(count)}))

    await store.write(note)
    return count


async def _signing_keys(store: Store, sealer: Sealer, now: float) -> int:
    async def write(tx: Tx) -> int:
        old = [key for key in await tx.signing_keys() if key.sealed_by != sealer.current]
        for key in old:
            sealed = _again(sealer, key.sealed, key.sealed_by, keyring.PURPOSE, key.kid)
            await tx.change_signing_key(replace(key, sealed=sealed, sealed_by=sealer.current))
        await tx.announce(Change(topic=Topic.SIGNING_KEYS, id=sealer.current, at=now, until=now + 86400))
        return len(old)

    return await store.write(write)


async def _shared_secrets(store: Store, sealer: Sealer) -> int:
    return sum([await _secrets_of(method, purpose, store, sealer) for method, purpose in _SEALED.items()])


async def _secrets_of(method: str, purpose: str, store: Store, sealer: Sealer) -> int:
    count, after = 0, ""
    while page := await store.credentials.list(method=method, after=after, most=_PAGE):
        after = page[-1].id
        fresh = [
            (key, _again(sealer, key.verifier, key.key_id, purpose, key.id))
            for key in page
            if key.key_id not in ("", sealer.current) and key.revoked_at is None
        ]

        async def write(tx: Tx, fresh: list[tuple[Credential, bytes]] = fresh) -> int:
            return sum([await tx.change_verifier(key.id, key.verifier, sealed, sealer.current) for key, sealed in fresh])

        count += await store.write(write) if fresh else 0
    return count


async def _authority(store: Store, sealer: Sealer) -> int:
    async def write(tx: Tx) -> int:
        text = await tx.get(AUTHORITY)
        old = None if text is None else Authority.of(text)
        if old is None or old.sealed_by == sealer.current:
            return 0
        sealed = _again(sealer, old.sealed, old.sealed_by, authority.PURPOSE, old.serial)
        await tx.put(AUTHORITY, replace(old, sealed=sealed, sealed_by=sealer.current).text())
        return 1

    return await store.write(write)


def _again(sealer: Sealer, sealed: bytes, by: str, purpose: str, row: str) -> bytes:
    return sealer.seal(sealer.open(sealed, by, purpose, row), purpose, row)
