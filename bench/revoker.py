"""`python -m bench.revoker DATA`: a process of its own that revokes each token that it reads, and says when it began."""

import asyncio
import sys
import time

from doorward.admin.actor import LOCAL
from doorward.admin.tokens import revoke
from doorward.app import Doorward
from doorward.core.secret import Secret


async def main(data: str) -> None:
    async with Doorward(data, environ={}) as door:
        parts = door.parts
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            began = time.time()
            await revoke(
                Secret(line.strip()),
                store=parts.store,
                keyring=parts.keyring,
                peppers=parts.home.peppers,
                issuer=parts.options.server.issuer,
                actor=LOCAL,
                now=began,
                why="measured",
            )
            print(began, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
