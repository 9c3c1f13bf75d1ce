"""A process that refreshes the token on its standard input, several times at once, and tells what it got."""

import asyncio
import sys
from pathlib import Path

from doorward.core.errors import Why
from doorward.core.secret import Secret
from doorward.crypto.jose import parse_jwt
from doorward.stores.sqlite import SqliteStore
from tests.ledger.desk import Desk
from tests.methods.place import NOW


async def main(folder: Path, times: int) -> None:
    store = await SqliteStore.open(folder / "doorward.db", clock=lambda: NOW)
    desk = Desk(store)
    print("ready", flush=True)
    token = Secret((await asyncio.to_thread(sys.stdin.readline)).strip())
    for answer in await asyncio.gather(*(desk.refresh(token) for _ in range(times))):
        if isinstance(answer, Why):
            print(answer.name)
        else:
            claims = parse_jwt(answer.access_token.reveal()).claims
            print(answer.refresh_token.reveal() if answer.refresh_token else "", claims["jti"], claims["exp"])
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
