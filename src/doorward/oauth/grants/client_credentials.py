"""grant_type=client_credentials (RFC 6749 section 4.4): a client speaks for itself, so the token's subject is the client.

Asked    scope, resource (RFC 8707)
Refused  unauthorized_client: a public client; invalid_scope, invalid_target, invalid_request, invalid_dpop_proof
There is no refresh token: the client can ask again (RFC 6749 section 4.4.3).
"""

from typing import Final

from doorward.core.client import Client
from doorward.core.errors import Why
from doorward.oauth.errors import UNAUTHORIZED_CLIENT, OAuthError
from doorward.oauth.parts import Asked, OAuthParts
from doorward.oauth.possession import shown_keys
from doorward.oauth.scope import granted_audiences, granted_scopes
from doorward.oauth.tokens import Given, TokenOrder, give

GRANT_TYPE: Final = "client_credentials"


async def redeem(client: Client, asked: Asked, parts: OAuthParts, seq: int) -> Given:
    if "none" in client.auth:  # RFC 6749 section 4.4: confidential clients only
        raise OAuthError(UNAUTHORIZED_CLIENT, "A client that proves nothing of itself gets no token for itself.", why=Why.WRONG_METHOD)
    shown = await shown_keys(client, asked, parts)
    order = TokenOrder(
        client=client,
        subject=client.id,
        scopes=granted_scopes(asked.form.get("scope"), client),
        audiences=granted_audiences(asked.form, client, parts.mint),
        bound_to=shown.keys,
        tells=shown.tells,
    )
    return await give(order, parts.mint, seq)
