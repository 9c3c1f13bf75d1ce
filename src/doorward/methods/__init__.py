"""Floor 2: one file, one way to prove who calls. The next method goes into ALL; `assembly.Parts` says what it is made with."""

from typing import Final

from doorward.methods.access_token import AccessToken
from doorward.methods.api_key import ApiKey
from doorward.methods.basic import Basic
from doorward.methods.hmac import Hmac
from doorward.methods.http_signature import HttpSignature
from doorward.methods.jwt import Jwt
from doorward.methods.mtls import Mtls
from doorward.methods.session import Session
from doorward.methods.webhook import Webhook

ALL: Final = (AccessToken, ApiKey, Basic, Hmac, HttpSignature, Jwt, Mtls, Session, Webhook)
