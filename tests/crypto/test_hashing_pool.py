import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from doorward.core.errors import Refused, Why
from doorward.crypto.hashing_pool import HashingPool


@pytest.fixture
def pool() -> Iterator[HashingPool]:
    pool = HashingPool(threads=1, queue=2, pause=0.05)
    yield pool
    pool.close()


async def test_it_gives_what_the_job_gives_and_raises_what_it_raises(pool: HashingPool) -> None:
    assert await pool.run(max, 3, 5) == 5
    with pytest.raises(ZeroDivisionError):
        await pool.run(divmod, 1, 0)
    assert await pool.run(max, 1, 2) == 2


async def test_past_the_queue_the_next_is_refused_after_a_pause_and_told_when_to_come_back(pool: HashingPool) -> None:
    gate = threading.Event()
    waiting = [asyncio.ensure_future(pool.run(gate.wait, 10)) for _ in range(3)]
    await asyncio.sleep(0)
    began = time.monotonic()
    with pytest.raises(Refused) as caught:
        await pool.run(max, 1, 2)
    assert time.monotonic() - began >= 0.04  # so a caller who asks again at once cannot fill the loop with refusals
    assert caught.value.why is Why.BUSY
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 1
    gate.set()
    assert await asyncio.gather(*waiting) == [True, True, True]
    assert await pool.run(max, 1, 2) == 2


async def test_a_cancelled_job_that_waits_is_never_done_and_its_place_is_free_again(pool: HashingPool) -> None:
    gate = threading.Event()
    done: list[int] = []
    running = asyncio.ensure_future(pool.run(gate.wait, 10))
    waiting = [asyncio.ensure_future(pool.run(done.append, number)) for number in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    running.cancel()
    gate.set()
    await waiting[1]
    assert done == [1]
    for _ in range(50):
        await pool.run(max, 1, 2)


async def test_the_event_loop_goes_on_while_jobs_run(pool: HashingPool) -> None:
    gate = threading.Event()
    running = asyncio.ensure_future(pool.run(gate.wait, 10))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not running.done()
    gate.set()
    assert await running


async def test_its_threads_do_not_keep_a_process_alive(pool: HashingPool) -> None:
    assert await pool.run(lambda: threading.current_thread().daemon)


async def test_a_closed_pool_refuses() -> None:
    pool = HashingPool(threads=1, queue=0)
    pool.close()
    with pytest.raises(Refused) as caught:
        await pool.run(max, 1, 2)
    assert caught.value.why is Why.UNAVAILABLE


@pytest.mark.parametrize(("threads", "queue"), [(0, 1), (1, -1)])
def test_a_pool_without_a_thread_is_a_mistake(threads: int, queue: int) -> None:
    with pytest.raises(ValueError, match="at least one thread"):
        HashingPool(threads, queue)
