"""The libraries that check what our methods check: as their documentation says, with keys ready. Each raises for what does not hold.

None of them looks up whose key it is, or refuses what was used before.
"""

import base64
import hashlib
import json
import time
import warnings
from collections.abc import Callable
from typing import Any, Final

import authlib.deprecate  # noqa: F401 - it sets its own warnings to "always"; ours below come after
import httpx
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from joserfc import jws
from joserfc.jwk import import_key
from standardwebhooks import Webhook

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from authlib.jose import JsonWebKey, JsonWebSignature

WINDOW: Final = 60
SIGNED: Final[dict[str, type[algorithms.HTTPSignatureAlgorithm]]] = {
    each.algorithm_id: each
    for each in (algorithms.HMAC_SHA256, algorithms.ED25519, algorithms.ECDSA_P256_SHA256, algorithms.RSA_PSS_SHA512)
}


class OneKey(HTTPSignatureKeyResolver):
    """The secret, or the public key as PEM."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> bytes:
        return self._key

    def resolve_private_key(self, key_id: str) -> bytes:
        raise LookupError(key_id)


def message_signatures(alg: str, key: bytes) -> Callable[[httpx.Request], object]:
    verifier = HTTPMessageVerifier(signature_algorithm=SIGNED[alg], key_resolver=OneKey(key))
    return lambda request: verifier.verify(request, require_components=("@method", "@target-uri"))


def webhooks(secret: str) -> Callable[[tuple[bytes, dict[str, str]]], object]:
    webhook = Webhook(secret)
    return lambda sent: webhook.verify(sent[0], sent[1], json_parse=False)


def dpop_with_joserfc(url: str, token: str) -> Callable[[str], object]:
    """RFC 9449 section 4.3 by hand over joserfc: the library knows no DPoP."""
    registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    digest = _digest(token)

    def check(proof: str) -> object:
        header = jws.extract_compact(proof.encode()).headers()
        key = import_key(header["jwk"])
        _check(jws.deserialize_compact(proof, key, registry=registry).payload, url, digest)
        return key.thumbprint()

    return check


def dpop_with_authlib(url: str, token: str) -> Callable[[str], object]:
    """The same over Authlib."""
    library, digest = JsonWebSignature(["ES256"]), _digest(token)

    def check(proof: str) -> object:
        found: list[Any] = []

        def load(header: dict[str, Any], _: object) -> Any:
            found.append(JsonWebKey.import_key(header["jwk"]))
            return found[0]

        _check(library.deserialize_compact(proof.encode(), load)["payload"], url, digest)
        return found[0].thumbprint()

    return check


def _check(payload: bytes, url: str, digest: str) -> None:
    claims = json.loads(payload)
    if claims["htm"] != "GET" or claims["htu"] != url or claims["ath"] != digest or abs(time.time() - claims["iat"]) > WINDOW:
        raise ValueError("this proof is for another request")


def _digest(token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
