"""`python -m bench.bare PORT`: the bare route that /verify is held against: Starlette, on the server that `doorward serve` is."""

import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from doorward.cli.serve import BACKLOG, LISTENER


async def verify(request: Request) -> Response:
    return Response(status_code=200)


app = Starlette(routes=[Route("/verify", verify), Route("/healthz", verify)])


def main(port: int) -> None:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    # As in doorward/cli/serve.py.
    config = uvicorn.Config(
        app,
        http=LISTENER,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        backlog=BACKLOG,
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(int(sys.argv[1]))
