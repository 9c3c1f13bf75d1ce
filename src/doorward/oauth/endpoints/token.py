"""`POST /oauth/token` (RFC 6749 section 3.2).

Asked    grant_type, what proves the client (`oauth.client_auth`), and what the grant asks
Answer   {"access_token", "token_type", "expires_in", "scope"}, Cache-Control: no-store (RFC 6749 section 5.1)
Refused  invalid_client, invalid_request, unsupported_grant_type, unauthorized_client, and what the grant refuses
"""

from doorward.core.errors import Why
from doorward.oauth.errors import UNAUTHORIZED_CLIENT, UNSUPPORTED_GRANT_TYPE, OAuthError
from doorward.oauth.grants import GRANTS
from doorward.oauth.parts import NO_STORE, Asked, OAuthParts, Said
from doorward.oauth.tokens import Given, scope_text


async def answer(asked: Asked, parts: OAuthParts) -> Said:
    seq = await parts.last_change.seq()  # first: a client that ends while it proves itself takes its token along
    client = await parts.clients.authenticate(asked.form.values, asked.request)
    name = asked.form.one("grant_type")
    redeem = GRANTS.get(name)
    if redeem is None:
        raise OAuthError(UNSUPPORTED_GRANT_TYPE, f"The grant types here are: {', '.join(GRANTS)}.")
    if name not in client.grants:
        raise OAuthError(UNAUTHORIZED_CLIENT, f"This client is not registered for {name}.", why=Why.WRONG_METHOD)
    given = await redeem(client, asked, parts, seq)
    parts.count_issued(client.id, asked.case.now, asked.request.address or "")
    return Said(_written(given), fields=(*NO_STORE, *given.tells)) if given.tells else Said(_written(given))


def _written(given: Given) -> str:
    """JSON by hand, since this is hot: neither a token nor a scope (RFC 6749 appendix A.4) holds what would have to be escaped."""
    scope = f',"scope":"{scope_text(given.scopes)}"' if given.scopes else ""
    refresh = f',"refresh_token":"{given.refresh_token.reveal()}"' if given.refresh_token is not None else ""
    told = f'"access_token":"{given.access_token.reveal()}","token_type":"{given.token_type}","expires_in":{given.expires_in}'
    return f"{{{told}{scope}{refresh}}}"
