"""The one way in which a request to the authorization server fails (RFC 6749 section 5.2).

Body    {"error": code, "error_description": what to do}, application/json, Cache-Control: no-store
Status  400; 401 for invalid_client (with a challenge where the client tried a scheme); 413, 415, 429, 503 as everywhere
"""

from typing import Final

from doorward.core.errors import Why

INVALID_REQUEST: Final = "invalid_request"
INVALID_CLIENT: Final = "invalid_client"
INVALID_GRANT: Final = "invalid_grant"
UNAUTHORIZED_CLIENT: Final = "unauthorized_client"
UNSUPPORTED_GRANT_TYPE: Final = "unsupported_grant_type"
INVALID_SCOPE: Final = "invalid_scope"
INVALID_TARGET: Final = "invalid_target"  # RFC 8707 section 2
UNSUPPORTED_TOKEN_TYPE: Final = "unsupported_token_type"  # noqa: S105 - RFC 7009 section 2.2.1
INVALID_DPOP_PROOF: Final = "invalid_dpop_proof"  # RFC 9449 section 5
USE_DPOP_NONCE: Final = "use_dpop_nonce"  # RFC 9449 section 8
SLOW_DOWN: Final = "slow_down"
TEMPORARILY_UNAVAILABLE: Final = "temporarily_unavailable"


class OAuthError(Exception):
    """`code` and `description` are public: ASCII without quote and backslash (RFC 6749 section 5.2), and never what the
    caller sent as a secret. `fields`: header fields that go with the answer. `why` and `note` are private, for counters,
    log and `explain`. `retry_after` in seconds.
    """

    def __init__(
        self,
        code: str,
        description: str,
        *,
        status: int = 400,
        fields: tuple[tuple[bytes, bytes], ...] = (),
        why: Why = Why.BAD_REQUEST,
        note: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code)
        self.code, self.description, self.status, self.fields = code, description, status, fields
        self.why, self.note, self.retry_after = why, note, retry_after


def invalid_client(description: str = "The client is not known, or did not prove itself.", *, why: Why = Why.UNKNOWN) -> OAuthError:
    """One answer for an unknown client and a wrong secret (RFC 6749 section 5.2)."""
    return OAuthError(
        INVALID_CLIENT, description, status=401, fields=((b"www-authenticate", b'Basic realm="doorward", charset="UTF-8"'),), why=why
    )
