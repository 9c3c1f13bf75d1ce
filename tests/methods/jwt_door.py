"""Asks the method `jwt`, as a request with a bearer token does."""

from typing import Final

from doorward.core.errors import Refused, Why
from doorward.core.proof import Proof
from doorward.core.route import Route
from doorward.methods.jwt import Jwt
from tests.methods.place import request

HERE: Final = Route(path="/**", allow=None)


class JwtDoor:
    method: Jwt

    async def prove(self, token: str, route: Route = HERE) -> Proof:
        shown = self.method.find(request([("Authorization", f"Bearer {token}")]), route)
        assert shown is not None
        return await self.method.prove(shown)

    async def why(self, token: str, route: Route = HERE) -> Why | None:
        try:
            await self.prove(token, route)
        except Refused as refused:
            return refused.why
        return None
