"""Proofs of possession (RFC 9449): a key pair that never leaves this process, and the nonces that servers asked for. No I/O."""

import json
import os
import time
from collections.abc import Mapping
from typing import Final

import httpx

from doorward.client import given
from doorward.client.safe import origin_of
from doorward.core.clock import Clock, Entropy
from doorward.crypto import base64url
from doorward.crypto.algorithms import generate, of_key, signer
from doorward.crypto.digest import sha256
from doorward.crypto.jwk import thumbprint, to_jwk

_MOST_ORIGINS: Final = 256
_WANTED: Final = "use_dpop_nonce"
_TOKEN_SCHEME: Final = "DPoP "  # noqa: S105 - a scheme


class DpopKey:
    """A private key for proofs, or its PEM; `alg` follows it as that of PrivateKeyJwt. `generate` makes a new one: it may be thrown away
    with its tokens."""

    def __init__(self, private: given.Pem, alg: str | None = None) -> None:
        key = given.private_key(private)
        self.alg = alg or of_key(key)
        self._sign = signer(self.alg, key)
        self.jwk = to_jwk(key.public_key())

    @classmethod
    def generate(cls, alg: str = "ES256") -> "DpopKey":
        return cls(generate(alg), alg)

    @property
    def thumbprint(self) -> str:
        """The `jkt` of tokens that are bound to it (RFC 9449 section 6.1)."""
        return thumbprint(self.jwk)

    def proof(self, claims: dict[str, object]) -> str:
        """RFC 9449 section 4.2."""
        header = {"typ": "dpop+jwt", "alg": self.alg, "jwk": self.jwk}
        signed = _part(header) + b"." + _part(claims)
        return (signed + b"." + base64url.encode(self._sign(signed))).decode()


class DpopProofs:
    """Makes a proof for each request, with the nonce that its origin told last (RFC 9449 sections 8 and 9)."""

    def __init__(self, key: DpopKey, *, clock: Clock = time.time, entropy: Entropy = os.urandom) -> None:
        self._key, self._clock, self._entropy = key, clock, entropy
        self._nonces: dict[str, str] = {}

    def show(self, request: httpx.Request) -> str | None:
        """`ath` binds the proof to the token in Authorization, if it is sent as DPoP. Gives the nonce that it holds."""
        claims: dict[str, object] = {
            "jti": base64url.encode(self._entropy(16)).decode(),
            "htm": request.method,
            "htu": str(request.url.copy_with(query=None, fragment=None)),
            "iat": int(self._clock()),
        }
        shown = request.headers.get("authorization", "")
        if shown.startswith(_TOKEN_SCHEME):
            claims["ath"] = base64url.encode(sha256(shown.removeprefix(_TOKEN_SCHEME).encode())).decode()
        nonce = self._nonces.get(origin_of(request.url))
        if nonce is not None:
            claims["nonce"] = nonce
        request.headers["DPoP"] = self._key.proof(claims)
        return nonce

    def learns(self, response: httpx.Response, shown: str | None) -> bool:
        """Keeps the nonce that the answer tells. True: it was refused for want of it, so the same may be sent again. An
        authorization server says so in its body, which must have been read (RFC 9449 section 8), an API in its challenge (9)."""
        nonce = response.headers.get("dpop-nonce")
        if nonce is None or len(nonce) > 1024:
            return False
        if len(self._nonces) >= _MOST_ORIGINS:
            self._nonces.clear()
        self._nonces[origin_of(response.request.url)] = nonce
        if nonce == shown:
            return False
        if response.status_code == httpx.codes.UNAUTHORIZED:
            return _WANTED in response.headers.get("www-authenticate", "")
        return response.status_code == httpx.codes.BAD_REQUEST and response.is_stream_consumed and _WANTED in response.text


def _part(value: Mapping[str, object]) -> bytes:
    return base64url.encode(json.dumps(value, separators=(",", ":")).encode())
