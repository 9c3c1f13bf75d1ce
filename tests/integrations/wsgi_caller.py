"""A caller that speaks raw WSGI, through the standard library's own check of the protocol."""

import io
from collections.abc import Iterable
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from doorward.integrations.means import Means
from doorward.integrations.running_loop import Opened
from doorward.integrations.wsgi import Blocking
from tests.integrations.test_fastapi import means
from tests.web.door import Words


def environ(path: str = "/pets", *, method: str = "GET", body: bytes = b"", **more: str) -> WSGIEnvironment:
    """`more`: `HTTP_X_API_KEY="ann"`; a value None takes away."""
    made: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "", "REMOTE_ADDR": "127.0.0.1", "QUERY_STRING": ""}
    setup_testing_defaults(made)
    made |= {"SERVER_PROTOCOL": "HTTP/1.1", "wsgi.input": io.BytesIO(body), "HTTP_HOST": "pets.test"}
    if body:
        made["CONTENT_LENGTH"] = str(len(body))
    return made | more


def call(app: WSGIApplication, asked: WSGIEnvironment) -> tuple[int, dict[str, str], bytes]:
    said: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        said[:] = [int(status[:3]), dict(headers)]
        return lambda _: None

    answer: Iterable[bytes] = validator(app)(asked, start_response)
    try:
        body = b"".join(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    return said[0], said[1], body


def blocking(methods: list[Words] | None = None, largest: int = 1024) -> Blocking:
    ready = means(methods, largest)

    async def close() -> None: ...

    async def start() -> Means:
        found: Means = await ready()
        return found

    def make() -> Opened:
        return start, close

    return Blocking(make)
