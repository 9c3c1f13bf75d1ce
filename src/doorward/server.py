"""`doorward serve`'s application: every door of the server over one Doorward. A factory, since each worker makes its own."""

from doorward.app import Doorward
from doorward.assembly import Parts
from doorward.web.answer import Answerer
from doorward.web.asgi import App, Receive, Scope, Send
from doorward.web.doors import Doors, Lifespan
from doorward.web.forward_auth import MOUNT, ForwardAuth
from doorward.web.identity import IdentityTokens
from doorward.web.proxy import Proxies


class Server:
    """The doors are made when doorward has started: their parts belong to an event loop."""

    def __init__(self, door: Doorward) -> None:
        self._door = door
        self._made: tuple[Parts, Doors] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._made is None:
            parts = await self._door.start()
            self._made = (parts, make_doors(parts))
        await self._made[1](scope, receive, send)

    async def start(self) -> None:
        parts = await self._door.start()
        self._made = (parts, make_doors(parts))

    async def stop(self) -> None:
        self._made = None
        await self._door.close()


def make_doors(parts: Parts) -> Doors:
    server, clock = parts.options.server, parts.home.clock
    answerer, proxies = Answerer(parts.gate.methods), Proxies(server.trusted_proxies)
    identity = IdentityTokens(issuer=server.issuer, sign=parts.sign, clock=clock, options=parts.options.identity)
    verify = ForwardAuth(
        gate=parts.gate, answerer=answerer, proxies=proxies, clock=clock, identify=identity, style=server.style, entropy=parts.home.entropy
    )
    return Doors({MOUNT: verify}, {f"{MOUNT}/": verify})


def app() -> App:
    """For `uvicorn --factory`: the data directory is DOORWARD_DATA."""
    server = Server(Doorward())
    return Lifespan(server, server.start, server.stop)
