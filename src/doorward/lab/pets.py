"""A small pet-store API. It knows nothing of credentials: the guard in front of it does."""

import json
import sys
from typing import Any, Final

import uvicorn

from doorward.app import Doorward
from doorward.web.asgi import App, Receive, Scope, Send

_PETS: Final = [{"id": 1, "name": "Rosa", "kind": "tortoise"}, {"id": 2, "name": "Bert", "kind": "parrot"}]


async def pets(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers every path with the pets and who the guard says is calling; POST gives back how long the body was."""
    principal = scope.get("principal")
    answer: dict[str, Any] = {"pets": _PETS, "caller": principal.subject if principal else None}
    if principal and principal.client:
        answer["client"] = principal.client
    if scope["method"] == "POST":
        answer["received"] = len(await _body(receive))
    body = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def app() -> App:
    """For `uvicorn --factory --http doorward.web.listener:Listener --no-proxy-headers`: the data directory is DOORWARD_DATA."""
    return Doorward().guard(pets)


def main(port: str, certificate: str, key: str) -> None:
    """Over TLS that asks for a client certificate, as `doorward serve` does."""
    uvicorn.run(
        app,
        factory=True,
        host="127.0.0.1",
        port=int(port),
        http="doorward.web.listener:Listener",
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_context_factory=Doorward().tls(certificate, key),
        proxy_headers=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
