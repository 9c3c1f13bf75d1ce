"""A signing key as the store keeps it: sealed private half, public half, and its way through life."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """Published (in the JWKS, not yet used) -> active -> retired (still verifies) -> gone.

    `sealed` is the private key (PKCS8 DER) under the sealing key `sealed_by`; `public` is the JWK as JSON.
    All times in seconds since the epoch.
    """

    kid: str
    alg: str
    sealed: bytes
    sealed_by: str
    public: str
    created_at: float
    active_at: float
    retired_at: float | None = None
    gone_at: float | None = None
