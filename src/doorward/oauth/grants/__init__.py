"""One file a grant_type. The next one goes into GRANTS, and from that line is offered, checked and named in the metadata."""

from collections.abc import Awaitable, Callable
from typing import Final

from doorward.core.client import Client
from doorward.oauth.grants import client_credentials
from doorward.oauth.parts import Asked, OAuthParts
from doorward.oauth.tokens import Given

Redeem = Callable[[Client, Asked, OAuthParts, int], Awaitable[Given]]
"""The number: the last change that was announced before the client was proven, for the token (`oauth.last_change`)."""

GRANTS: Final[dict[str, Redeem]] = {
    client_credentials.GRANT_TYPE: client_credentials.redeem,
}
