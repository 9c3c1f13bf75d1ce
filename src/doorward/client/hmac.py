"""HMAC-signed requests (PRODUCT 1.5). Always with a nonce, so that two equal requests in one second are not a replay."""

import os
import time
from collections.abc import Generator

import httpx

from doorward.client import given
from doorward.client.safe import check_way, target_of
from doorward.core.clock import Clock, Entropy
from doorward.core.secret import Secret
from doorward.crypto.hmac_signing import signed_headers


class Hmac(httpx.Auth):
    """`key_id` and `secret` as `doorward key create --hmac` showed them. The body is read before it is sent."""

    requires_request_body = True

    def __init__(
        self, key_id: str, secret: Secret | str, *, clock: Clock = time.time, entropy: Entropy = os.urandom, insecure_http: bool = False
    ) -> None:
        self._id, self._secret = given.text(key_id, "key_id"), given.secret(secret, "the secret")
        self._clock, self._entropy, self._insecure = clock, entropy, insecure_http

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        check_way(request.url, insecure_http=self._insecure)
        request.headers.update(
            signed_headers(
                self._id,
                self._secret,
                request.method,
                target_of(request.url),
                request.content,
                timestamp=int(self._clock()),
                nonce=self._entropy(16).hex(),
            )
        )
        yield request
