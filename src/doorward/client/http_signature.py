"""HTTP message signatures (RFC 9421): the private half of a key pair stays here; nothing that is sent is worth stealing."""

import os
import time
from collections.abc import Generator
from typing import Any

import httpx

from doorward.client import given
from doorward.client.safe import check_way
from doorward.core.clock import Clock, Entropy
from doorward.core.secret import Secret
from doorward.crypto.algorithms import PrivateKey
from doorward.crypto.message_signing import MessageKey, Wish, sign_request


class HttpSignature(httpx.Auth):
    """`key_id` and key as `doorward key create --keypair` gave them: a private key or its PEM; a text that is no PEM is the secret that
    is shared (hmac-sha256). `alg`: as the key's output says it; needed of RSA only, the others say it themselves. `wish`: what is
    covered. The body is read before it is sent. Raises WrongKey."""

    requires_request_body = True

    def __init__(
        self,
        key_id: str,
        key: given.Pem,
        *,
        alg: str | None = None,
        wish: Wish | None = None,
        clock: Clock = time.time,
        entropy: Entropy = os.urandom,
        insecure_http: bool = False,
    ) -> None:
        self._key, self._wish = MessageKey.of(given.text(key_id, "key_id"), _read(key), alg), wish
        self._clock, self._entropy, self._insecure = clock, entropy, insecure_http

    @classmethod
    def of_pem(cls, key_id: str, pem: Secret | str | bytes, **words: Any) -> "HttpSignature":
        """`words` as above; what is no PEM is refused, and not taken for a secret."""
        return cls(key_id, given.private_key(pem), **words)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        check_way(request.url, insecure_http=self._insecure)
        headers = request.headers.multi_items()
        nonce, created = self._entropy(16).hex(), int(self._clock())
        fields = sign_request(
            request.method, str(request.url), headers, request.content, self._key, created=created, nonce=nonce, wish=self._wish
        )
        request.headers.update(fields)
        yield request


def _read(key: given.Pem) -> PrivateKey | Secret:
    if isinstance(key, str):
        key = Secret(key)
    if isinstance(key, Secret) and not given.is_pem(key):
        return given.secret(key, "the secret")
    return given.private_key(key)
