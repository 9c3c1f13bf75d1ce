import asyncio
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from doorward.admin.actor import LOCAL
from doorward.admin.keys import KeyMaker, KeyOptions, KeyOrder, create
from doorward.app import Doorward
from doorward.core.errors import Refused, Why
from doorward.core.request import Body, Headers, Request
from doorward.core.store import Unavailable
from doorward.data_dir import DataDir
from doorward.installation import opened
from doorward.integrations.last_executor import LastExecutor
from doorward.integrations.loop_thread import LoopThread
from doorward.integrations.means import Means
from doorward.integrations.running_loop import Opened
from tests.integrations.test_fastapi import means


class Door:
    """Counts its starts and ends."""

    def __init__(self) -> None:
        self.started = self.closed = 0
        self.fails: Exception | None = None

    async def open(self) -> Means:
        self.started += 1
        if self.fails is not None:
            raise self.fails
        found: Means = await means()()
        return found

    async def close(self) -> None:
        self.closed += 1

    def make(self) -> Opened:
        return self.open, self.close


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def thread(door: Door) -> Iterator[LoopThread]:
    made = LoopThread(door.make, seconds=0.5, waiting=4)
    yield made
    made.stop()


def nothing() -> bytes:
    raise AssertionError("nobody asked for the body")


async def pid(_: Means, __: Body) -> int:
    return os.getpid()


def test_nothing_runs_before_the_first_question(door: Door, thread: LoopThread) -> None:
    assert door.started == 0
    for _ in range(3):
        assert thread.ask(pid, nothing) == os.getpid()
    assert (door.started, door.closed) == (1, 0)
    thread.stop()
    thread.stop()
    assert door.closed == 1
    assert thread.ask(pid, nothing)
    assert door.started == 2


def test_the_body_is_read_in_the_thread_that_asks_and_only_if_it_is_asked_for(thread: LoopThread) -> None:
    async def work(_: Means, body: Body) -> tuple[bytes, int]:
        return await body(), threading.get_ident()

    where = []

    def read() -> bytes:
        where.append(threading.get_ident())
        time.sleep(0.6)  # its own time is not that of the gate
        return b"body"

    body, loop = thread.ask(work, read)
    assert (body, where) == (b"body", [threading.get_ident()])
    assert loop != threading.get_ident()


def test_a_body_that_is_refused_refuses_the_request(thread: LoopThread) -> None:
    async def work(_: Means, body: Body) -> bytes:
        return await body()

    def read() -> bytes:
        raise Refused(Why.BODY_TOO_LARGE)

    with pytest.raises(Refused) as caught:
        thread.ask(work, read)
    assert caught.value.why is Why.BODY_TOO_LARGE


def test_no_answer_in_time_is_503_and_the_work_is_dropped(thread: LoopThread) -> None:
    dropped = threading.Event()

    async def work(_: Means, __: Body) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            dropped.set()
            raise

    with pytest.raises(Refused) as caught:
        thread.ask(work, nothing)
    assert caught.value.why is Why.UNAVAILABLE
    assert dropped.wait(5)


def test_more_than_may_wait_are_turned_away_at_once(thread: LoopThread) -> None:
    go, found = threading.Event(), list[Why]()

    async def work(_: Means, __: Body) -> None:
        while not go.is_set():
            await asyncio.sleep(0.005)

    thread.ask(pid, nothing)
    waiting = [threading.Thread(target=thread.ask, args=(work, nothing)) for _ in range(4)]
    for each in waiting:
        each.start()
    deadline = time.monotonic() + 5
    while not found and time.monotonic() < deadline:
        try:
            thread.ask(pid, nothing)
        except Refused as refused:
            found.append(refused.why)
    go.set()
    for each in waiting:
        each.join()
    assert found == [Why.BUSY]
    assert thread.ask(pid, nothing)


def test_a_start_that_fails_is_503_and_tried_again_later(door: Door, thread: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    door.fails = Unavailable("the disk is full")
    for _ in range(5):
        with pytest.raises(Refused) as caught:
            thread.ask(pid, nothing)
        assert caught.value.why is Why.UNAVAILABLE
    assert door.started == 1
    door.fails = None
    monkeypatch.setattr(thread, "_not_before", 0.0)
    assert thread.ask(pid, nothing)


def test_what_the_work_raises_is_raised_where_it_was_asked(thread: LoopThread) -> None:
    async def work(_: Means, __: Body) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        thread.ask(work, nothing)


def test_what_is_under_way_is_answered_before_it_stops(thread: LoopThread) -> None:
    begun = threading.Event()

    async def work(_: Means, __: Body) -> str:
        begun.set()
        await asyncio.sleep(0.2)
        return "done"

    answers: list[str] = []
    asker = threading.Thread(target=lambda: answers.append(thread.ask(work, nothing)))
    asker.start()
    begun.wait(5)
    thread.stop()
    asker.join(5)
    assert answers == ["done"]


def test_a_process_that_was_forked_behind_our_back_is_refused(thread: LoopThread) -> None:
    thread.ask(pid, nothing)
    running = thread._running
    assert running is not None
    running.pid += 1
    with pytest.raises(Refused) as caught:
        thread.ask(pid, nothing)
    assert caught.value.why is Why.UNAVAILABLE
    running.pid -= 1


def test_after_the_end_of_the_interpreter_work_is_done_at_once() -> None:
    executor = LastExecutor()
    executor.shutdown()
    assert executor.submit(lambda: 7).result(0) == 7
    with pytest.raises(ZeroDivisionError):
        executor.submit(lambda: 1 // 0).result(0)


async def _key(data: DataDir) -> str:
    async with opened(data, {}) as home:
        maker = KeyMaker(peppers=home.peppers, sealer=home.sealer, entropy=home.entropy, options=KeyOptions())
        new = await create(KeyOrder(name="k", owner="robot"), store=home.store, maker=maker, actor=LOCAL, now=home.clock())
        return new.key.reveal()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_while_it_runs_starts_a_new_one_on_either_side_and_no_file_of_sqlite_is_open_across_it(tmp_path: Path) -> None:
    data = DataDir.find(tmp_path / "door", {})
    data.create(os.urandom)
    key = asyncio.run(_key(data))
    door = Doorward(data.path)
    route = door.route("api_key")

    async def work(its: Means, body: Body) -> str:
        headers = Headers([(b"x-api-key", key.encode())])
        case = await its.gate.admit(Request("GET", "/", "", headers, "http", "x", "127.0.0.1", body, False), route)
        assert case.principal is not None
        return case.principal.subject

    def databases() -> list[str]:
        return [name for each in Path("/proc/self/fd").iterdir() if each.exists() and str(tmp_path) in (name := os.readlink(each))]

    ask = door.blocking.thread.ask
    assert ask(work, nothing) == "robot"
    assert databases()
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(tells, f"{len(databases())} {ask(work, nothing)}".encode())
            door.blocking.thread.stop()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(told, 100) == b"0 robot"
    assert ask(work, nothing) == "robot"
    os.close(told)
    os.close(tells)
    door.blocking.thread.stop()
    assert not databases()
