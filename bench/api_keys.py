"""An API key in process, over SQLite on disk: a thousand keys to a million, or ten million; any of them may come next."""

import tempfile
import time
from functools import partial
from pathlib import Path

from bench import key_rows, tokens
from bench.rounds import Effort, Prepare, Run, rates
from bench.row import Goal, Row, alone, ratio_of
from doorward.core.policy import parse
from doorward.core.route import Route
from doorward.crypto.hashing_pool import HashingPool
from doorward.methods.api_key import ApiKey
from doorward.stores.sqlite import SqliteStore

ROUTE = Route(path="/pets/**", allow=parse("api_key"), name="pets")
RATE = Goal(number=50_000)
GROWTH = Goal(number=1.5, at_most=True)


async def measure(effort: Effort) -> list[Row]:
    return await over(effort, (1_000, 5_000) if effort.quick else (1_000, 10_000, 100_000, 1_000_000))


async def measure_large(effort: Effort) -> list[Row]:
    """Ten million take minutes to lay in and about 5 GB of disk: asked for with --large."""
    return await over(effort, (1_000, 10_000_000))


async def over(effort: Effort, sizes: tuple[int, ...]) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="doorward-bench-") as folder:
        stores, subjects = [], dict[str, Prepare]()
        for size in sizes:
            path = Path(folder) / f"{size}.db"
            store = await SqliteStore.open(path, clock=time.time)
            await store.close()
            keys = key_rows.fill(path, size)
            store = await SqliteStore.open(path, clock=time.time)
            stores.append(store)
            subjects[str(size)] = partial(proven, store, keys, effort.batch * 5)
        try:
            found = await rates(subjects, effort.rounds)
        finally:
            for store in stores:
                await store.close()
    few = str(sizes[0])
    return [
        *(
            alone(f"api-key-{size}", f"API key verify, {size:,} keys", "/s", found[str(size)], RATE if size == 1_000_000 else None)
            for size in sizes
        ),
        *(
            Row(
                key=f"api-key-growth-{many}",
                what=f"cost of a key of {many:,} over one of {sizes[0]:,}",
                unit="x",
                ours=ratio_of(found[few], found[str(many)]),
                goal=GROWTH,
            )
            for many in sizes[1:]
        ),
    ]


def proven(store: SqliteStore, keys: list[str], times: int) -> Run:
    """Each round goes on where the last one stopped, so that no round finds what another one warmed."""
    pool = HashingPool()
    method = ApiKey(credentials=store.credentials, peppers=key_rows.PEPPERS, clock=time.time, pool=pool, write=store.write)
    turn = [keys.pop() for _ in range(min(times, len(keys)))]
    keys[:0] = turn
    requests = [tokens.request([(b"host", b"door.example"), (b"x-api-key", key.encode())]) for key in turn]
    return tokens.proving(method, requests, ROUTE)
