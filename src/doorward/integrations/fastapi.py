"""FastAPI: `Depends(requirement(means, route))` gives the Principal, and the OpenAPI page shows how to authenticate.

@app.get("/pets")
async def pets(caller: Annotated[Principal, Depends(door.require("api_key or jwt", scopes="read:pets"))]): ...
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import Depends, Response
from fastapi.openapi.models import APIKey, HTTPBase, HTTPBearer
from fastapi.openapi.models import SecurityBase as SecurityModel
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from doorward.core.proof import Principal
from doorward.core.route import Route
from doorward.integrations.means import Means, told
from doorward.integrations.starlette import Requirement


def _sent(where: str, name: str, description: str) -> APIKey:
    return APIKey.model_validate({"in": where, "name": name, "description": description})


_MODELS: Final[dict[str, SecurityModel]] = {
    "api_key": _sent("header", "X-API-Key", "An API key; also as a bearer token."),
    "basic": HTTPBase(scheme="basic", description="Name or e-mail and password; services: id and secret."),
    "jwt": HTTPBearer(bearerFormat="JWT", description="An access token."),
    "access_token": HTTPBearer(description="An access token."),
    "hmac": _sent("header", "X-Signature", "A request signed with an HMAC key; see the documentation."),
    "session": _sent("cookie", "__Host-doorward", "The session cookie of a signed-in browser."),
    "webhook": _sent("header", "Webhook-Signature", "A webhook of a registered sender, signed in its own form."),
}


class Shown(SecurityBase):
    """A method on the OpenAPI page; it decides nothing."""

    def __init__(self, method: str) -> None:
        self.scheme_name, self.model = method, _MODELS[method]

    async def __call__(self) -> None:
        return None


class FastApiRequirement(Requirement):
    """A dependency. Methods that are demanded together are listed each, since FastAPI joins all its schemes by *or*."""

    def __init__(self, means: Callable[[], Awaitable[Means]], route: Route) -> None:
        super().__init__(means, route)
        own = list(inspect.signature(self._ask).parameters.values())
        shown = [
            inspect.Parameter(f"_{method}", inspect.Parameter.KEYWORD_ONLY, default=Depends(Shown(method)), annotation=None)
            for method in route.asked
            if method in _MODELS
        ]
        self.__signature__ = inspect.Signature([*own, *shown])

    async def __call__(self, connection: HTTPConnection, response: Response | None = None, **_: Any) -> Principal | None:
        return await self._ask(connection, response)  # type: ignore[arg-type]

    async def _ask(self, connection: HTTPConnection, response: Response) -> Principal | None:
        case = await self.admit(connection)
        if response is not None:
            response.raw_headers += told(case)
        return case.principal


def requirement(means: Callable[[], Awaitable[Means]], route: Route) -> FastApiRequirement:
    """For `Depends`. `means` is awaited at each request, so doorward may start with the first one."""
    return FastApiRequirement(means, route)
