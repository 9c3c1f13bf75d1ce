"""For those who call an API: httpx `Auth` classes, one for every method. Each works with `httpx.Client` and `httpx.AsyncClient`.

httpx.Client(auth=ClientCredentials("https://auth.example/oauth/token", client_id, Secret(...), scopes="read:pets"))
"""

from doorward.client.assertion import CertificateOnly, PrivateKeyJwt, SecretPost
from doorward.client.credentials import ClientCredentials
from doorward.client.dpop import DpopKey
from doorward.client.hmac import Hmac
from doorward.client.http_signature import HttpSignature
from doorward.client.keys import ApiKey, Basic, Bearer
from doorward.client.login import Login
from doorward.client.mutual_tls import mutual_tls
from doorward.client.renewing import Renewing
from doorward.client.safe import Unsafe
from doorward.client.session import Session
from doorward.client.tokens import AccessToken, TokenError
from doorward.core.secret import Secret
from doorward.crypto.message_signing import Wish
from doorward.crypto.signature_algorithms import WrongKey

__all__ = [
    "AccessToken",
    "ApiKey",
    "Basic",
    "Bearer",
    "CertificateOnly",
    "ClientCredentials",
    "DpopKey",
    "Hmac",
    "HttpSignature",
    "Login",
    "PrivateKeyJwt",
    "Renewing",
    "Secret",
    "SecretPost",
    "Session",
    "TokenError",
    "Unsafe",
    "Wish",
    "WrongKey",
    "mutual_tls",
]
