import asyncio
from typing import Any

import pytest

from doorward.core.errors import Refused, Why
from doorward.web import body
from doorward.web.asgi import Message, Receive
from doorward.web.body import Replay


def arriving(*messages: Message, late: bool = False) -> Receive:
    waiting = list(messages)

    async def receive() -> Message:
        if late:
            await asyncio.sleep(0.001)
        return waiting.pop(0)

    return receive


def part(text: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": text, "more_body": more}


@pytest.mark.parametrize("late", [False, True])
async def test_a_body_is_read_whole_however_it_comes(late: bool) -> None:
    for messages in ([part(b"abc")], [part(b"a", more=True), part(b"", more=True), part(b"bc")]):
        replay = Replay(arriving(*messages, late=late), None, 3)
        assert await replay.read() == b"abc"
        assert await replay.read() == b"abc"
        assert (await replay.receive())["body"] == b"abc"


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([part(b"abcd")], Why.BODY_TOO_LARGE),
        ([part(b"ab", more=True), part(b"cd")], Why.BODY_TOO_LARGE),
        ([{"type": "http.disconnect"}], Why.BAD_REQUEST),
        ([part(b"a", more=True), {"type": "http.disconnect"}], Why.BAD_REQUEST),
    ],
)
async def test_one_that_is_too_large_or_cut_is_refused(late: bool, messages: list[Message], why: Why) -> None:
    with pytest.raises(Refused) as caught:
        await Replay(arriving(*messages, late=late), None, 3).read()
    assert caught.value.why is why


@pytest.mark.parametrize("begun", [False, True])
async def test_one_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch, begun: bool) -> None:
    monkeypatch.setattr(body, "SECONDS", 0.02)
    waiting = [part(b"a", more=True)] if begun else []
    cancelled = []

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        raise AssertionError

    replay = Replay(receive, None, 3)
    with pytest.raises(Refused) as caught:
        await replay.read()
    assert caught.value.why is Why.BODY_TOO_SLOW
    assert cancelled, "what was begun is ended"
    assert (await replay.receive())["type"] == "http.disconnect"


async def test_what_the_server_raises_is_not_swallowed() -> None:
    async def receive() -> Message:
        await asyncio.sleep(0)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await Replay(receive, None, 3).read()
