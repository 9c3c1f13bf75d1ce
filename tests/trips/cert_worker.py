"""A process of its own that makes certificates: `python -m tests.trips.cert_worker ACTION DATA`. It speaks in lines."""

import asyncio
import os
import sys

from doorward.admin import authority, certificates
from doorward.admin.actor import LOCAL
from doorward.admin.authority import AuthorityOrder
from doorward.admin.certificates import CertificateMaker, CertificateOrder
from doorward.data_dir import DataDir
from doorward.installation import opened
from tests.trips.store_worker import say, wait_for_start


async def main(action: str, data: str) -> None:
    async with opened(DataDir.find(data, {}), {}) as home:
        await wait_for_start()
        if action == "ca":
            made, first = await authority.ensure(
                AuthorityOrder(), store=home.store, sealer=home.sealer, entropy=os.urandom, actor=LOCAL, clock=home.clock
            )
            say("made" if first else "found", made.serial)
            return
        maker = CertificateMaker(sealer=home.sealer, entropy=os.urandom)
        while True:
            order = CertificateOrder(name=f"spiffe://example.org/{os.getpid()}")
            new = await certificates.issue(order, store=home.store, maker=maker, actor=LOCAL, now=home.clock())
            say("issued", new.credential.id)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
