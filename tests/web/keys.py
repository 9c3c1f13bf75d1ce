"""A real signing key for the tests of the doors, and its published half."""

import json
import os
from collections.abc import Mapping
from typing import Any

from doorward.crypto.jose import SigningHandle, sign_jwt
from doorward.crypto.keyring import new_signing_key, open_signing_key
from doorward.crypto.seal import Sealer

_SEALER = Sealer({"k": bytes(32)}, "k", os.urandom)


class TestKey:
    __test__ = False

    def __init__(self) -> None:
        record = new_signing_key("ES256", _SEALER, os.urandom, 0.0, 0.0)
        self.handle: SigningHandle = open_signing_key(record, _SEALER)
        self.jwks: dict[str, Any] = {"keys": [json.loads(record.public)]}

    def sign(self, claims: Mapping[str, object], typ: str) -> str:
        return sign_jwt(claims, self.handle, typ)
