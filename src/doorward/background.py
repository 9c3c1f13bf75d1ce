"""What a worker does beside answering: it watches changes, reloads keys, flushes counts, and takes turns at the common jobs."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from doorward.assembly import Parts
from doorward.core.authority import Authority
from doorward.crypto.certificate_reading import to_pem
from doorward.data_dir import PEPPER, SEALING
from doorward.ledger.jobs import Job, Jobs
from doorward.ledger.journal import Chainer, CheckpointKeys
from doorward.ledger.reminders import remind
from doorward.pki.registered import RegisteredFile

_log: Final = logging.getLogger("doorward.background")
FLUSH: Final = 2.0
SHARE: Final = 1.0
RING: Final = 0.5
"""Who asks for `explain` waits no longer than he types."""
LINK: Final = 2.0
SWEEP: Final = 60.0
SWEEPS: Final = 200
ROTATE: Final = 60.0
REGISTERED: Final = 60.0
RELOAD: Final = 0.2
CRL: Final = 60.0
"""So often it is asked whether the hourly list of revoked certificates is due."""
REMIND: Final = 3600.0
"""And a minute after the start."""


@contextlib.asynccontextmanager
async def running(parts: Parts) -> AsyncIterator[None]:
    """The background work, while the worker lives. At the end what has gathered is written."""
    tasks = [
        asyncio.create_task(parts.watch.run(), name="doorward watch"),
        asyncio.create_task(Jobs(parts.store, _jobs(parts), parts.worker, parts.home.clock).run(), name="doorward jobs"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):  # it had failed before; what has gathered is written all the same
                _log.error("background work had ended", exc_info=ended)
        await parts.session.settle()
        await flush(parts)


async def flush(parts: Parts) -> None:
    await parts.usage.flush(parts.store)
    await parts.refusals.flush(parts.store, parts.home.clock())


def adopt_keys(parts: Parts) -> None:
    """After `doorward rotate pepper` or `sealing-key`, or `token shared-key`: this worker goes on with the new keys, without a
    restart. Raises DataDirError."""
    home = parts.home
    pepper, sealing = home.data.keys(PEPPER), home.data.keys(SEALING)
    home.peppers.adopt(pepper.keys, pepper.current, home.data.imported_peppers())
    home.sealer.adopt(sealing.keys, sealing.current)
    parts.adopt_shared_keys()
    parts.jwt.forget_withdrawn()


def _following(parts: Parts) -> Callable[[], Awaitable[None]]:
    """The certificate of our authority also lies in the data directory, for the TLS listener and whoever looks there."""
    kept: Authority | None = None

    async def follow() -> None:
        nonlocal kept
        await parts.ca.follow()
        if parts.ca.authority is not None and parts.ca.authority != kept:
            kept = parts.ca.authority
            parts.home.data.keep_ca(to_pem(kept.certificate))

    return follow


def _reloading(parts: Parts) -> Callable[[], Awaitable[None]]:
    """What other processes changed in files or announced: this worker goes on with it."""
    home = parts.home
    stamp, follow = home.data.keys_stamp(), _following(parts)

    async def reload() -> None:
        nonlocal stamp
        if (found := home.data.keys_stamp()) != stamp:
            adopt_keys(parts)
            stamp = found
        if parts.keys_changed:
            await parts.load_keys()
        await follow()
        if parts.trust.changed and await asyncio.to_thread(parts.trust.renew):
            parts.adopt_trust()

    return reload


def _jobs(parts: Parts) -> tuple[Job, ...]:
    home, clock = parts.home, parts.home.clock
    chainer = Chainer(parts.store.journal, CheckpointKeys(home.peppers), home.data.path)
    registered = RegisteredFile(parts.store, home.data.registered, clock)

    async def share() -> None:
        parts.metrics.share()

    async def ring() -> None:
        parts.refusals.write_ring()

    async def forget() -> None:
        parts.revoked.forget(clock())

    async def sweep() -> None:
        for _ in range(SWEEPS):  # small batches: other writers come between, and the next turn goes on
            if not await parts.store.sweep(clock()):
                break
            await asyncio.sleep(0.02)

    async def advance() -> None:
        await parts.signing.advance(clock())

    return (
        Job("reload", RELOAD, _reloading(parts), alone=False),
        Job("share metrics", SHARE, share, alone=False),
        Job("write the ring", RING, ring, alone=False),
        Job("flush", FLUSH, lambda: flush(parts), alone=False),
        Job("forget", SWEEP, forget, alone=False),
        Job("let registered certificates in", REGISTERED, registered.write, first=1.0),
        Job("link", LINK, chainer.link),
        Job("sweep", SWEEP, sweep),
        Job("rotate signing keys", ROTATE, advance),
        Job("list revoked certificates", CRL, parts.ca.publish, first=1.0),
        Job("remind of keys that end", REMIND, lambda: remind(parts.store, clock()), first=60.0),
    )
