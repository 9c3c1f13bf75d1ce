"""HMAC-signed requests: the secret never travels, and a request is accepted once.

On the wire  X-Key-Id, X-Timestamp (unix seconds), X-Signature (hex), optional X-Nonce; X-Content-SHA256 where a proxy
             hides the body. The signed text stands in `crypto.hmac_signing`.
In the store lookup = id, verifier = the secret, sealed
Refused      MALFORMED, UNKNOWN (no such key, or another signature), BODY_NOT_SIGNED, STALE; of genuine keys REVOKED,
             EXPIRED, NOT_YET, WRONG_ADDRESS, WRONG_ORIGIN, WRONG_METHOD; REPLAYED at the gate
"""

import re
from dataclasses import dataclass, field
from typing import Final

from doorward.core.clock import Clock
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.proof import NO_CLAIMS, OneUse, Proof
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.core.secret import same
from doorward.core.store import Credentials, Unavailable
from doorward.crypto.digest import sha256
from doorward.crypto.hmac_signing import NO_BODY, SEALED_FOR, signature, signing_text
from doorward.crypto.seal import SealBroken, Sealer
from doorward.crypto.signature_told import without_values

CONTENT_SHA256: Final = "content_sha256"
"""A claim of the proof where a body goes by unseen: the service behind compares it (DECISIONS 11)."""
_ID: Final = re.compile(r"[0-9A-Za-z._-]{1,64}")
_TIMESTAMP: Final = re.compile(r"0|[1-9][0-9]{0,11}")
_HEX_DIGEST: Final = re.compile(r"[0-9A-Fa-f]{64}")
_NONCE: Final = re.compile(r"[0-9A-Za-z._~+/=:-]{1,128}")
_TOLD: Final = 2048
"""Characters of a target in a signing text that is told."""
_UNSEALED_AT_MOST: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacOptions:
    """`window` in seconds: how far the timestamp may be off, either way."""

    window: float = 300.0

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        if not 1 <= self.window <= 3600:
            raise ValueError("window: 1s to 1h; clocks differ by seconds, and whatever was signed is remembered so long")


@dataclass(frozen=True, slots=True)
class ShownSignature:
    key_id: str
    timestamp: str
    signature: bytes = field(repr=False)
    nonce: str | None
    content_sha256: str | None
    request: Request = field(repr=False)


class Hmac:
    name: Final = "hmac"
    challenge: Final = "HMAC-SHA256"
    ambient: Final = False
    guessable: Final = False
    fields: Final = (b"x-key-id", b"x-timestamp", b"x-signature", b"x-nonce")
    repeatable: Final = False

    def __init__(self, *, credentials: Credentials, sealer: Sealer, clock: Clock, options: HmacOptions | None = None) -> None:
        self._credentials, self._sealer, self._clock = credentials, sealer, clock
        self._window = (options or HmacOptions()).window
        self._unsealed: dict[bytes, bytes] = {}
        self._no_key = Credential(
            id="none",
            method=self.name,
            lookup="none",
            verifier=sealer.seal(bytes(32), SEALED_FOR, "none"),
            key_id=sealer.current,
            owner="",
            created_at=0.0,
        )

    def find(self, request: Request, route: Route) -> ShownSignature | None:
        key_id, shown = request.header(b"x-key-id"), request.header(b"x-signature")
        if key_id is None and shown is None:
            return None
        timestamp, nonce = request.header(b"x-timestamp"), request.header(b"x-nonce")
        digest = request.header(b"x-content-sha256")
        _check(key_id, _ID, "X-Key-Id must be the id of an HMAC key.")
        _check(shown, _HEX_DIGEST, "X-Signature must be 64 hexadecimal digits.")
        _check(timestamp, _TIMESTAMP, "X-Timestamp must be the time in whole seconds since 1970.")
        if nonce is not None:
            _check(nonce, _NONCE, "X-Nonce has 1 to 128 letters, digits or . _ ~ + / = : -")
        if digest is not None:
            _check(digest, _HEX_DIGEST, "X-Content-SHA256 must be 64 hexadecimal digits.")
            digest = digest.lower()
        if not (request.target.isascii() and request.method.isascii()):
            raise Refused(Why.MALFORMED, "The target of a signed request is sent percent-encoded.")
        assert key_id is not None and shown is not None and timestamp is not None  # noqa: S101, PT018 - checked above
        return ShownSignature(key_id, timestamp, bytes.fromhex(shown), nonce, digest, request)

    async def prove(self, shown: ShownSignature) -> Proof:
        request = shown.request
        digest = await _body_digest(shown)
        text = signing_text(request.method, request.target, shown.timestamp, digest, shown.nonce)
        credential = await self._credentials.find(self.name, shown.key_id)
        now, signed_at = self._clock(), float(shown.timestamp)
        off = {"clock_skew": signed_at - now, "window": self._window} if abs(now - signed_at) > self._window else {}
        # An unknown id unseals and signs too: it costs what a wrong signature costs.
        matches = same(signature(self._secret(credential or self._no_key), text), shown.signature)
        if credential is None or not matches:
            about = "no such key id" if credential is None else "another signature"
            raise Refused(Why.UNKNOWN, note=about, facts={"signing_text": _redacted(text), **off})
        if off:
            raise Refused(Why.STALE, f"X-Timestamp is {abs(now - signed_at):.0f} seconds off this server's clock.", facts=off)
        credential.check_live(now)
        credential.limits.check(request.method, request.address, request.header(b"origin"))
        return Proof(
            method=self.name,
            subject=credential.owner,
            credential_id=credential.id,
            owner_kind=credential.owner_kind,
            scopes=credential.scopes if credential.scopes is not None else frozenset(),
            env=credential.env,
            claims={CONTENT_SHA256: digest} if request.body is None and request.has_body else NO_CLAIMS,
            rate=credential.limits.rate,
            authenticated_at=now,
            expires_at=credential.expires_at,
            # One second more than the window: at its very end the signature is still accepted, and still only once.
            once=OneUse(sha256(f"hmac\n{credential.id}\n".encode() + shown.signature), signed_at + self._window + 1, signed_at),
        )

    def _secret(self, credential: Credential) -> bytes:
        known = self._unsealed.get(credential.verifier)
        if known is not None:
            return known
        try:
            secret = self._sealer.open(credential.verifier, credential.key_id, SEALED_FOR, credential.id)
        except SealBroken as reason:
            raise Unavailable(str(reason)) from reason
        if len(self._unsealed) >= _UNSEALED_AT_MOST:
            self._unsealed.pop(next(iter(self._unsealed)))
        self._unsealed[credential.verifier] = secret
        return secret


def _check(value: str | None, form: re.Pattern[str], detail: str) -> None:
    if value is None or not form.fullmatch(value):
        raise Refused(Why.MALFORMED, detail, note=detail)


async def _body_digest(shown: ShownSignature) -> str:
    """SHA-256 of the body in hex. Raises Refused: BODY_NOT_SIGNED, BODY_TOO_LARGE."""
    request = shown.request
    if request.body is None:
        if request.has_body and shown.content_sha256 is None:
            raise Refused(Why.BODY_NOT_SIGNED, "Behind this proxy a signed request with a body needs X-Content-SHA256.")
        return (shown.content_sha256 if request.has_body else None) or NO_BODY
    body = await request.body() if request.has_body else b""
    digest = sha256(body).hex()
    if shown.content_sha256 is not None and shown.content_sha256 != digest:
        raise Refused(Why.BODY_NOT_SIGNED, "X-Content-SHA256 is not the digest of the body.")
    return digest


def _redacted(text: str) -> str:
    """For `explain` (DECISIONS 25)."""
    method, target, *rest = text.split("\n")
    return "\n".join((method, without_values(target)[:_TOLD], *rest))
