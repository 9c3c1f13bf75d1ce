"""The DPoP proof at the token endpoint: what `ledger.dpop_key` says, in the words of OAuth (RFC 9449 sections 5 and 8)."""

from doorward.core.client import Client
from doorward.core.errors import Refused, Why
from doorward.core.request import Request
from doorward.ledger.dpop_key import DpopKey, DpopKeys
from doorward.oauth.errors import INVALID_DPOP_PROOF, USE_DPOP_NONCE, OAuthError


async def dpop_key(keys: DpopKeys, request: Request, client: Client) -> DpopKey | None:
    """The key to bind this client's tokens to; None: no proof was sent. Raises OAuthError: a proof that is not valid, was used
    before or lacks our nonce, or none from a client that registered `dpop_bound_access_tokens` (RFC 9449 section 5.2)."""
    try:
        key = await keys.of(request)
    except Refused as reason:
        code = USE_DPOP_NONCE if reason.why is Why.NEEDS_NONCE else INVALID_DPOP_PROOF
        told = reason.detail or "The DPoP proof is not valid for this request."
        raise OAuthError(code, told, fields=reason.fields, why=reason.why, note=reason.note) from None
    if key is None and client.dpop_bound:
        raise OAuthError(INVALID_DPOP_PROOF, "This client gets tokens with a DPoP proof only.", why=Why.NO_PROOF_OF_KEY)
    return key
