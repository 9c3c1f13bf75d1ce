"""A client with a DPoP key, made with joserfc: nothing of what it is checked by."""

import base64
import hashlib
import json
import uuid
import warnings
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.methods.place import NOW

KEYS: dict[str, ECKey | OKPKey | RSAKey] = {
    "ES256": ECKey.generate_key("P-256"),
    "ES384": ECKey.generate_key("P-384"),
    "EdDSA": OKPKey.generate_key("Ed25519"),
    "Ed25519": OKPKey.generate_key("Ed25519"),
    "PS256": RSAKey.generate_key(2048),
    "RS256": RSAKey.generate_key(2048),
    "ES512": ECKey.generate_key("P-521"),
}


def ath_of(token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


def signed(header: dict[str, Any], claims: bytes, key: Any) -> str:
    registry = jws.JWSRegistry(algorithms=[header.get("alg", "ES256")], strict_check_header=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of EdDSA, which RFC 9864 gives another name
        return jws.serialize_compact(header, claims, key, registry=registry)


class DpopClient:
    def __init__(self, alg: str = "ES256", key: Any = None) -> None:
        self.alg, self.key = alg, key or KEYS[alg]

    @property
    def jkt(self) -> str:
        return str(self.key.thumbprint())

    @property
    def jwk(self) -> dict[str, Any]:
        return {name: value for name, value in self.key.as_dict(private=False).items() if name != "kid"}

    def claims(self, method: str, uri: str, token: str | None = None, *, at: float = NOW, **more: Any) -> dict[str, Any]:
        told = {"jti": str(uuid.uuid4()), "htm": method, "htu": uri, "iat": int(at)}
        told |= {"ath": ath_of(token)} if token is not None else {}
        return {name: value for name, value in (told | more).items() if value is not None}

    def proof(self, method: str, uri: str, token: str | None = None, *, header: dict[str, Any] | None = None, **more: Any) -> str:
        head = {"typ": "dpop+jwt", "alg": self.alg, "jwk": self.jwk} | (header or {})
        head = {name: value for name, value in head.items() if value is not None}
        return signed(head, json.dumps(self.claims(method, uri, token, **more)).encode(), self.key)

    def fields(self, method: str, uri: str, token: str, **more: Any) -> list[tuple[str, str]]:
        return [("Authorization", f"DPoP {token}"), ("DPoP", self.proof(method, uri, token, **more))]
