"""A process that rotates the secret of the client on its standard input, several times at once."""

import asyncio
import sys
from pathlib import Path

from tests.oauth.client_desk import a_client_desk


async def main(folder: Path, times: int) -> None:
    async with a_client_desk(folder) as desk:
        print("ready", flush=True)
        id = (await asyncio.to_thread(sys.stdin.readline)).strip()
        for new in await asyncio.gather(*(desk.rotate(id) for _ in range(times))):
            print(new.client.secrets, new.secret.reveal())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
