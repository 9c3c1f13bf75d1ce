"""How an application proves itself at a token endpoint: a secret, a signed assertion, or the certificate of its connection."""

import os
import time
from base64 import b64encode
from typing import Final, Protocol
from urllib.parse import quote_plus

from doorward.client import given
from doorward.core.clock import Clock, Entropy
from doorward.core.secret import Secret
from doorward.crypto.algorithms import of_key, signer
from doorward.crypto.jose import SigningHandle, sign_jwt

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 section 2.2
LIFE: Final = 60
"""Seconds that an assertion lives: it is made for one request."""


class ClientProof(Protocol):
    """Adds to the form and the header fields of a token request what proves the client."""

    def prove(self, client_id: str, url: str, form: dict[str, str], headers: dict[str, str]) -> None: ...


class SecretBasic:
    """client_secret_basic (RFC 6749 section 2.3.1: both halves are form-encoded first)."""

    def __init__(self, secret: Secret | str) -> None:
        self._secret = given.secret(secret, "the client's secret")

    def prove(self, client_id: str, url: str, form: dict[str, str], headers: dict[str, str]) -> None:
        pair = f"{quote_plus(client_id)}:{quote_plus(self._secret.reveal())}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"


class SecretPost:
    """client_secret_post."""

    def __init__(self, secret: Secret | str) -> None:
        self._secret = given.secret(secret, "the client's secret")

    def prove(self, client_id: str, url: str, form: dict[str, str], headers: dict[str, str]) -> None:
        form.update(client_id=client_id, client_secret=self._secret.reveal())


class CertificateOnly:
    """tls_client_auth (RFC 8705 section 2): the client's `verify` holds the certificate, see `mutual_tls`."""

    def prove(self, client_id: str, url: str, form: dict[str, str], headers: dict[str, str]) -> None:
        form["client_id"] = client_id


class PrivateKeyJwt:
    """private_key_jwt (RFC 7523 section 2.2). `private`: a key or its PEM; `alg` follows it: ES256 of P-256, ES384 of P-384, ES512 of
    P-521, EdDSA of Ed25519, PS256 of RSA (say RS256 where the server wants that). `audience`: the issuer, which later texts ask for;
    else the token endpoint's URL."""

    def __init__(
        self,
        private: given.Pem,
        *,
        alg: str | None = None,
        kid: str = "",
        audience: str | None = None,
        clock: Clock = time.time,
        entropy: Entropy = os.urandom,
    ) -> None:
        key = given.private_key(private)
        name = alg or of_key(key)
        self._key = SigningHandle(kid=kid, alg=name, sign=signer(name, key))
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
