"""A process that shows the assertion on its standard input, several times at once, and tells how often it was let in."""

import asyncio
import sys
from pathlib import Path

from doorward.oauth.errors import OAuthError
from tests.oauth.client_desk import a_client_desk


async def main(folder: Path, times: int) -> None:
    async with a_client_desk(folder) as desk:
        print("ready", flush=True)
        text = (await asyncio.to_thread(sys.stdin.readline)).strip()
        told = await asyncio.gather(*(desk.assertion(text) for _ in range(times)), return_exceptions=True)
        print(*(each.why.name if isinstance(each, OAuthError) else type(each).__name__ for each in told))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
