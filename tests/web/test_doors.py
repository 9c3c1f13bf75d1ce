"""web/doors.py: paths to doors, and the start and end of a server."""

import asyncio
from typing import Any

import pytest

from doorward.web.asgi import Answer, Message, Receive, Scope, Send
from doorward.web.doors import Doors, Lifespan


def says(text: bytes) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Answer(200, [], text).send(send)

    return app


async def get(app: Any, path: str, method: str = "GET") -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app({"type": "http", "path": path, "method": method}, receive, send)
    return sent


DOORS = Doors({"/verify": says(b"verify")}, {"/auth/": says(b"auth")})


@pytest.mark.parametrize(("path", "body"), [("/verify", b"verify"), ("/auth/login", b"auth"), ("/auth/", b"auth")])
async def test_a_path_leads_to_its_door(path: str, body: bytes) -> None:
    assert (await get(DOORS, path))[1]["body"] == body


@pytest.mark.parametrize("path", ["/", "/verif", "/verify2", "/auth", "//verify"])
async def test_any_other_path_is_not_found(path: str) -> None:
    assert (await get(DOORS, path))[0]["status"] == 404


async def test_head_has_no_body() -> None:
    assert (await get(DOORS, "/nothing", "HEAD"))[1]["body"] == b""


async def live(app: Any) -> tuple[list[str], list[str]]:
    """What the server is told, with a startup and a shutdown."""
    told: list[str] = []
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Message:
        await asyncio.sleep(0)
        return messages.pop(0)

    async def send(message: Message) -> None:
        told.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    return told, [each["type"] for each in messages]


class Life:
    def __init__(self) -> None:
        self.seen: list[str] = []

    async def start(self) -> None:
        self.seen.append("start")

    async def stop(self) -> None:
        if "stop" not in self.seen:
            self.seen.append("stop")


async def test_it_starts_and_stops_around_an_application_without_a_lifespan() -> None:
    life = Life()
    told, left = await live(Lifespan(DOORS, life.start, life.stop))
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert left == []
    assert life.seen == ["start", "stop"]


async def test_it_starts_before_and_stops_after_an_application_with_one() -> None:
    life = Life()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        life.seen.append("inner start")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        life.seen.append("inner stop")
        await send({"type": "lifespan.shutdown.complete"})

    told, _ = await live(Lifespan(app, life.start, life.stop))
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert life.seen == ["start", "inner start", "inner stop", "stop"]


async def test_a_failed_start_is_told_to_the_server() -> None:
    async def fail() -> None:
        raise RuntimeError("the store is gone")

    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        told.append(message)

    with pytest.raises(RuntimeError):
        await Lifespan(DOORS, fail, Life().stop)({"type": "lifespan"}, receive, send)
    assert told == [{"type": "lifespan.startup.failed", "message": "the store is gone"}]
