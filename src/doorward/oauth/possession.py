"""Which keys a token is to be bound to, as the request for it shows them: a certificate (RFC 8705), a DPoP key (RFC 9449)."""

from typing import Final, NamedTuple

from doorward.core.client import Client
from doorward.core.errors import Refused, Why
from doorward.ledger.dpop_key import DpopKey
from doorward.oauth.errors import INVALID_DPOP_PROOF, INVALID_REQUEST, USE_DPOP_NONCE, OAuthError
from doorward.oauth.parts import Asked, OAuthParts

_LATER: Final = frozenset({Why.BUSY, Why.UNAVAILABLE})


class Possession(NamedTuple):
    """`keys` as `core.proof` spells them. `tells`: header fields for the answer, such as a new nonce."""

    keys: frozenset[str] = frozenset()
    tells: tuple[tuple[bytes, bytes], ...] = ()


NOTHING_SHOWN: Final = Possession()


async def shown_keys(client: Client, asked: Asked, parts: OAuthParts) -> Possession:
    """Raises OAuthError where the client must show a key and does not; Unavailable."""
    bound = _certificate(client, asked)
    if b"dpop" in asked.request.headers:
        key = await _dpop(asked, parts)
        return Possession(bound | {f"jkt:{key.jkt}"}, key.tells)
    if client.dpop_bound:  # RFC 9449 section 5.2
        raise OAuthError(INVALID_DPOP_PROOF, "This client's tokens are bound to a key: send a DPoP proof.", why=Why.NO_PROOF_OF_KEY)
    return Possession(bound) if bound else NOTHING_SHOWN


def _certificate(client: Client, asked: Asked) -> frozenset[str]:
    """RFC 8705 section 3: the handshake has shown that the client holds its key, whoever issued it."""
    if not client.certificate_bound:
        return frozenset()
    certificate = asked.request.certificate
    if certificate is None or certificate.key is None:
        raise OAuthError(INVALID_REQUEST, "This client's tokens are bound to its certificate: connect with one.", why=Why.NO_PROOF_OF_KEY)
    return frozenset((certificate.key,))


async def _dpop(asked: Asked, parts: OAuthParts) -> DpopKey:
    """RFC 9449 section 5."""
    try:
        key = await parts.dpop.of(asked.request)
    except Refused as refused:
        if refused.why in _LATER:
            raise
        code = USE_DPOP_NONCE if refused.why is Why.NEEDS_NONCE else INVALID_DPOP_PROOF
        raise OAuthError(code, refused.detail or "The DPoP proof is not valid.", fields=refused.fields, why=refused.why) from None
    if key is None:
        raise OAuthError(INVALID_DPOP_PROOF, "The DPoP proof is empty.", why=Why.BAD_DPOP)
    return key
