"""Our signing keys through their life: published, active, retired, gone (PRODUCT 4 "Signing keys").

A key is in the JWKS before it signs, so that verifiers elsewhere have fetched it by then, and stays until the last
token that it signed has expired.
"""

import json
from collections.abc import Sequence
from typing import Final, cast

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from doorward.core.clock import Entropy
from doorward.core.signing import SigningKey
from doorward.core.store import Unavailable
from doorward.crypto import base64url
from doorward.crypto.algorithms import PrivateKey, checker, generate, hmac_checker, hmac_signer, signer
from doorward.crypto.jose import SigningHandle, VerifyingKey
from doorward.crypto.jwk import from_jwk, to_jwk
from doorward.crypto.seal import SealBroken, Sealer

PURPOSE: Final = "signing_key"
DEFAULT: Final = "ES256"
"""What signs access tokens unless a client chose another."""


class Keyring:
    """All keys of this installation. `load` may be called again at any time; it swaps them at once."""

    def __init__(self) -> None:
        self._records: tuple[SigningKey, ...] = ()
        self._handles: dict[str, SigningHandle] = {}
        self._verifiers: dict[str, VerifyingKey] = {}
        self._gone: dict[str, float] = {}
        self._shared: dict[str, VerifyingKey] = {}

    def load(self, keys: Sequence[SigningKey], sealer: Sealer, now: float) -> None:
        """Keys that are gone at `now` are left out. Raises SealBroken, and then keeps what it had."""
        kept = tuple(sorted((key for key in keys if key.gone_at is None or key.gone_at > now), key=lambda key: (key.active_at, key.kid)))
        handles, verifiers = {}, {}
        for key in kept:  # a known one stays the same object, so that a memo of tokens proven by it stays good
            verifiers[key.kid] = self._verifiers.get(key.kid) or verifying_key(key)
            handles[key.kid] = self._handles.get(key.kid) or open_signing_key(key, sealer)
        self._records, self._handles, self._verifiers = kept, handles, verifiers
        self._gone = {key.kid: key.gone_at for key in kept if key.gone_at is not None}

    def share(self, audience: str, kid: str, secret: bytes) -> SigningHandle:
        """A fixed HS256 key shared with the service `audience`: it signs and proves tokens for that service only.

        Raises ValueError: shorter than 256 bits, or the kid is taken.
        """
        if kid in self._shared or kid in self._verifiers:
            raise ValueError(f"there is a key {kid!r} already")
        self._shared[kid] = VerifyingKey(kid=kid, alg="HS256", check=hmac_checker(secret), audience=audience)
        return SigningHandle(kid=kid, alg="HS256", sign=hmac_signer(secret))

    def unshare(self, kid: str) -> None:
        """The key is not shared any more: it proves nothing from now on."""
        self._shared.pop(kid, None)

    def active(self, now: float, alg: str | None = None) -> SigningHandle:
        """The youngest key of this algorithm that signs at `now`. Raises Unavailable where there is none."""
        wanted = alg or DEFAULT
        for key in reversed(self._records):
            if key.alg == wanted and key.active_at <= now and (key.retired_at is None or now < key.retired_at):
                return self._handles[key.kid]
        raise Unavailable(f"no {wanted} signing key is active; run `doorward rotate signing-keys`")

    def verifier(self, kid: str, now: float) -> VerifyingKey | None:
        """A look-up and nothing else: whatever a kid spells, it is a dictionary key (RFC 8725 section 3.10)."""
        if kid in self._gone and now >= self._gone[kid]:
            return None
        return self._verifiers.get(kid) or self._shared.get(kid)

    def jwks(self, now: float) -> dict[str, list[dict[str, str]]]:
        """RFC 7517 section 5: public members only; those published, active and retired."""
        return {"keys": [json.loads(key.public) for key in self._records if key.gone_at is None or now < key.gone_at]}

    @property
    def records(self) -> Sequence[SigningKey]:
        return self._records


def new_signing_key(alg: str, sealer: Sealer, entropy: Entropy, now: float, active_at: float) -> SigningKey:
    """Sealed for the store. Raises ValueError for an unknown algorithm."""
    private = generate(alg)
    kid = base64url.encode(entropy(12)).decode()
    plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public = {**to_jwk(private.public_key()), "kid": kid, "alg": alg, "use": "sig"}
    return SigningKey(
        kid=kid,
        alg=alg,
        sealed=sealer.seal(plain, PURPOSE, kid),
        sealed_by=sealer.current,
        public=json.dumps(public, separators=(",", ":")),
        created_at=now,
        active_at=active_at,
    )


def open_signing_key(key: SigningKey, sealer: Sealer) -> SigningHandle:
    """Raises SealBroken, also where what was sealed is not the key that the record names."""
    plain = sealer.open(key.sealed, key.sealed_by, PURPOSE, key.kid)
    try:
        private = cast("PrivateKey", load_der_private_key(plain, None))
        published = json.loads(key.public)
        if any(published.get(name) != value for name, value in to_jwk(private.public_key()).items()):
            raise SealBroken(f"the signing key {key.kid} is not the one that was published under this name")
        return SigningHandle(kid=key.kid, alg=key.alg, sign=signer(key.alg, private))
    except ValueError as reason:
        raise SealBroken(f"the signing key {key.kid} is damaged: {reason}") from None


def verifying_key(key: SigningKey) -> VerifyingKey:
    """Raises SealBroken where the public half is damaged."""
    try:
        return VerifyingKey(kid=key.kid, alg=key.alg, check=checker(key.alg, from_jwk(json.loads(key.public))))
    except ValueError as reason:
        raise SealBroken(f"the public half of the signing key {key.kid} is damaged: {reason}") from None
