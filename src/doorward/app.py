"""`Doorward`: the library's front. One object for a data directory; it starts by itself and knows its own event loop."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from doorward.assembly import Parts
from doorward.background import running
from doorward.core.case import Case
from doorward.core.clock import Clock, Entropy, span
from doorward.core.limit import Rate
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.data_dir import DataDir
from doorward.installation import opened
from doorward.integrations.means import Means
from doorward.methods.mtls import MtlsOptions
from doorward.options import INSTALLED, Options
from doorward.routes_file import read_allow
from doorward.settings import Settings
from doorward.web.asgi import App, Receive, Scope, Send
from doorward.web.doors import Lifespan
from doorward.web.guard import Guard
from doorward.web.tls_context import TlsFiles
from doorward.web.trust_files import TrustFiles

if TYPE_CHECKING:  # each framework's part is imported when it is asked for: together they are a fifth of the start
    from wsgiref.types import WSGIApplication

    from doorward.integrations.running_loop import Opened
    from doorward.integrations.starlette import Requirement
    from doorward.integrations.wsgi import Blocking, WsgiGuard


class Doorward:
    """`data`: the data directory, else DOORWARD_DATA, else ./.doorward.

    `async with Doorward(...)` starts and stops it; `guard` does so with the application's lifespan, or at the first request.
    """

    def __init__(
        self,
        data: str | os.PathLike[str] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Clock = time.time,
        entropy: Entropy = os.urandom,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._data = DataDir.find(data, self._environ)
        self._clock, self._entropy = clock, entropy
        self._parts: Parts | None = None
        self._starting: asyncio.Lock | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def parts(self) -> Parts:
        """Raises RuntimeError before `start`."""
        if self._parts is None:
            raise RuntimeError("doorward has not started; use `async with`, `guard`, or await start()")
        return self._parts

    async def start(self) -> Parts:
        """Ready when it returns: keys loaded, revocations known. Raises DataDirError, SettingsError, Unavailable."""
        if self._parts is not None:
            return self._parts
        self._starting = self._starting or asyncio.Lock()
        async with self._starting:
            if self._parts is None:
                self._parts = await self._start()
        return self._parts

    async def _start(self) -> Parts:
        stack = AsyncExitStack()
        try:
            home = await stack.enter_async_context(opened(self._data, self._environ, clock=self._clock, entropy=self._entropy))
            parts = Parts(home, Options.read(home.settings))
            stack.callback(parts.pool.close)
            stack.callback(parts.fetcher.close)
            stack.callback(parts.issuers.close)
            await parts.watch.catch_up()  # DECISIONS 31: revocations are known before anything is answered
            await parts.load_keys()
            await parts.ca.load()
            await stack.enter_async_context(running(parts))
        except BaseException:
            await stack.aclose()
            raise
        self._stack = stack
        return parts

    async def close(self) -> None:
        """Flushes what has gathered and ends. Once closed it may be started again."""
        self._parts = self._starting = None
        stack, self._stack = self._stack, AsyncExitStack()
        await stack.aclose()

    def route(
        self,
        allow: str,
        *,
        scopes: str | Iterable[str] = (),
        roles: str | Iterable[str] = (),
        rate: str | None = None,
        fresh_within: str | None = None,
        env: str = "live",
        cover: Iterable[str] = (),
        origin: str | None = None,
        audience: str | None = None,
        allow_query_key: bool = False,
        webhook: str = "",
        name: str = "",
    ) -> Route:
        """A route for any path, in the words of doorward.toml. Those of one `name` (the policy's text, if none is given)
        and one rate share their counter. Raises ValueError."""
        return Route(
            path="/**",
            allow=read_allow(allow, INSTALLED),
            scopes=_words(scopes),
            roles=_words(roles),
            rate=Rate.parse(rate) if rate is not None else None,
            fresh_within=span(fresh_within) if fresh_within is not None else None,
            env=env,
            cover=tuple(cover.split() if isinstance(cover, str) else cover),
            origin=origin,
            audience=audience,
            allow_query_key=allow_query_key,
            webhook=webhook,
            name=name or allow,
        )

    def require(self, allow: str, **words: Any) -> Any:
        """A FastAPI dependency that gives the Principal; `words` as for `route`.

        caller: Annotated[Principal, Depends(door.require("api_key or jwt", scopes="read:pets"))]
        """
        from doorward.integrations.fastapi import requirement  # FastAPI is an extra: doorward[fastapi]

        return requirement(self._means, self.route(allow, **words))

    def requirement(self, allow: str, **words: Any) -> "Requirement":
        """For Starlette endpoints: `await requirement(request)` gives the Principal, `@requirement.endpoint` guards one."""
        from doorward.integrations.starlette import Requirement

        return Requirement(self._means, self.route(allow, **words))

    @cached_property
    def blocking(self) -> "Blocking":
        """The same door for programs whose requests run in threads (WSGI). It lives on an event loop of its own, in the process
        that asks, and is started by the first request."""

        from doorward.integrations.wsgi import Blocking

        def apart() -> "Opened":
            twin = Doorward(self._data.path, environ=self._environ, clock=self._clock, entropy=self._entropy)
            return twin._means, twin.close

        return Blocking(apart)

    def wsgi(self, app: "WSGIApplication", route: Route | None = None) -> "WsgiGuard":
        """The door before any WSGI application, as `guard` is before an ASGI one. environ["doorward.principal"] is who calls."""
        from doorward.integrations.wsgi import WsgiGuard

        return WsgiGuard(app, self.blocking, route)

    def flask(self, app: Any = None) -> Any:
        """For Flask: `pets = door.flask(app)`, then `@pets.require("api_key or jwt", scopes="read:pets")` on a view."""
        from doorward.integrations.flask import FlaskDoor  # Flask is an extra: doorward[flask]

        return FlaskDoor(self.blocking, self.route, app)

    async def _means(self) -> Means:
        parts = await self.start()
        return Means(
            gate=parts.gate,
            answerer=parts.answerer,
            proxies=parts.proxies,
            entropy=parts.home.entropy,
            largest_body=parts.options.guard.largest_body,
            observe=parts.observe,
        )

    @asynccontextmanager
    async def lifespan(self, _: object = None) -> AsyncIterator[None]:
        """For `FastAPI(lifespan=door.lifespan)`: started before the first request, what has gathered flushed at the end."""
        async with self:
            yield

    def tls(self, certificate: str | os.PathLike[str], key: str | os.PathLike[str], *, required: bool = False) -> TlsFiles:
        """For `uvicorn.Config(http=Listener, ssl_context_factory=door.tls(…))`: TLS that asks callers for their certificates
        (`required`: and lets nobody in without one). Raises SettingsError."""
        options = Settings.read(self._data.settings, self._environ).options("mtls", MtlsOptions)
        return TlsFiles(Path(certificate), Path(key), TrustFiles.of(self._data.path, options), required)

    async def admit(self, request: Request, route: Route | None = None) -> Case:
        """Who calls, or Refused. Starts if need be."""
        parts = await self.start()
        return await parts.gate.admit(request, route)

    def guard(self, app: App, route: Route | None = None) -> App:
        """The door before any ASGI application: `route`, or the routes of doorward.toml. The principal is scope["principal"]."""
        return Lifespan(_Guarded(self, app, route), self._begin, self.close)

    async def _begin(self) -> None:
        await self.start()


class _Guarded:
    """The guard is made when doorward has started: its parts belong to an event loop."""

    def __init__(self, door: Doorward, app: App, route: Route | None) -> None:
        self._door, self._app, self._route = door, app, route
        self._made: tuple[Parts, Guard] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        parts = await self._door.start()
        if self._made is None or self._made[0] is not parts:
            self._made = (parts, self._guard(parts))
        await self._made[1](scope, receive, send)

    def _guard(self, parts: Parts) -> Guard:
        return Guard(
            self._app,
            gate=parts.gate,
            answerer=parts.answerer,
            proxies=parts.proxies,
            clock=parts.home.clock,
            entropy=parts.home.entropy,
            route=self._route,
            observe=parts.observe,
            options=parts.options.guard,
        )


def _words(words: str | Iterable[str]) -> frozenset[str]:
    return frozenset(words.split() if isinstance(words, str) else words)
