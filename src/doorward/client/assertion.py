"""How an application proves itself at a token endpoint: a secret, a signed assertion, or the certificate of its connection."""

import os
import time
from base64 import b64encode
from typing import Final, Protocol
from urllib.parse import quote_plus

from doorward.core.clock import Clock, Entropy
from doorward.core.secret import Secret
from doorward.crypto.algorithms import PrivateKey, signer
from doorward.crypto.jose import SigningHandle, sign_jwt

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 section 2.2
LIFE: Final = 60
"""Seconds that an assertion lives: it is made for one request."""


class ClientProof(Protocol):
    """Adds to the form and the header fields of a token request what proves the client."""

    def prove(self, client_id: str, url: str, form: dict[str, str], headers: dict[str, str]) -> None: ...


class SecretBasic:
    """client_secret_basic (RFC 6749 section 2.3.1: both halves are form-encoded first)."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def prove(self, client_id: str, url: str, form: dict[str, str], headers: dict[str, str]) -> None:
        pair = f"{quote_plus(client_id)}:{quote_plus(self._secret.reveal())}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"


class SecretPost:
    """client_secret_post."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def prove(self, client_id: str, url: str, form: dict[str, str], headers: dict[str, str]) -> None:
        form.update(client_id=client_id, client_secret=self._secret.reveal())


class CertificateOnly:
    """tls_client_auth (RFC 8705 section 2): the client's `verify` holds the certificate, see `mutual_tls`."""

    def prove(self, client_id: str, url: str, form: dict[str, str], headers: dict[str, str]) -> None:
        form["client_id"] = client_id


class PrivateKeyJwt:
    """private_key_jwt (RFC 7523 section 2.2). `audience`: the issuer, which later texts ask for; else the token endpoint's URL."""

    def __init__(
        self,
        private: PrivateKey,
        *,
        alg: str = "ES256",
        kid: str = "",
        audience: str | None = None,
        clock: Clock = time.time,
        entropy: Entropy = os.urandom,
    ) -> None:
        self._key = SigningHandle(kid=kid, alg=alg, sign=signer(alg, private))
        self._audience, self._clock, self._entropy = audience, clock, entropy

    def prove(self, client_id: str, url: str, form: dict[str, str], headers: dict[str, str]) -> None:
        now = int(self._clock())
        claims: dict[str, object] = {
            "iss": client_id,
            "sub": client_id,
            "aud": self._audience or url,
            "jti": self._entropy(16).hex(),
            "iat": now,
            "exp": now + LIFE,
        }
        form.update(client_id=client_id, client_assertion_type=ASSERTION_TYPE, client_assertion=sign_jwt(claims, self._key, "JWT"))
