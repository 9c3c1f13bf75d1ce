"""One file an endpoint. The next one goes into ENDPOINTS."""

from collections.abc import Awaitable, Callable
from typing import Final

from doorward.oauth.endpoints import introspect, revoke, token
from doorward.oauth.parts import Asked, OAuthParts, Said

Endpoint = Callable[[Asked, OAuthParts], Awaitable[Said]]

ENDPOINTS: Final[dict[str, Endpoint]] = {
    "/oauth/token": token.answer,
    "/oauth/introspect": introspect.answer,
    "/oauth/revoke": revoke.answer,
}
"""Each takes POST with a form."""
