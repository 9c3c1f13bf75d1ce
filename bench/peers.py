"""How each library verifies an access token: as its documentation says, with the key made ready beforehand, and issuer,
audience and expiry checked. Every function raises where the token does not hold."""

import warnings
from collections.abc import Callable
from typing import Final

import authlib.deprecate  # noqa: F401 - it sets its own warnings to "always"; ours below come after
import jwt as pyjwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import import_key

from bench.tokens import ISSUER, Tokens
from doorward.crypto import base64url

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it says that joserfc follows it: measured as long as it is in use
    from authlib.jose import JsonWebKey, JsonWebToken

Verify = Callable[[str], object]
LIBRARIES: Final = ("PyJWT", "joserfc", "Authlib")


def with_pyjwt(tokens: Tokens) -> Verify:
    public, algorithms = tokens.public, [tokens.alg]
    decode = pyjwt.decode
    return lambda text: decode(text, public, algorithms=algorithms, audience=ISSUER, issuer=ISSUER)


def with_joserfc(tokens: Tokens) -> Verify:
    key, algorithms = import_key(dict(tokens.jwk)), [tokens.alg]
    registry = joserfc_jwt.JWTClaimsRegistry(iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": ISSUER})

    def verify(text: str) -> object:
        token = joserfc_jwt.decode(text, key, algorithms=algorithms)
        registry.validate(token.claims)
        return token.claims

    return verify


def with_authlib(tokens: Tokens) -> Verify:
    key, library = JsonWebKey.import_key(dict(tokens.jwk)), JsonWebToken([tokens.alg])
    options = {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": ISSUER}}

    def verify(text: str) -> object:
        claims: object = library.decode(text, key, claims_options=options)
        claims.validate()  # type: ignore[attr-defined]
        return claims

    return verify


PEERS: Final[dict[str, Callable[[Tokens], Verify]]] = {"PyJWT": with_pyjwt, "joserfc": with_joserfc, "Authlib": with_authlib}


def bare(tokens: Tokens) -> list[Callable[[], None]]:
    """The signature checks alone, of `cryptography` over bytes that were taken apart beforehand: the floor under everybody."""
    public, checks = tokens.public, []
    for text in tokens.texts:
        signed, _, tail = text.encode().rpartition(b".")
        checks.append(_bare(public, base64url.decode(tail), signed))
    return checks


def _bare(public: object, signature: bytes, signed: bytes) -> Callable[[], None]:
    if isinstance(public, rsa.RSAPublicKey):
        rsa_verify, pad, digest = public.verify, padding.PKCS1v15(), hashes.SHA256()
        return lambda: rsa_verify(signature, signed, pad, digest)
    if isinstance(public, ec.EllipticCurvePublicKey):
        ec_verify, ecdsa, half = public.verify, ec.ECDSA(hashes.SHA256()), len(signature) // 2
        der = encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
        return lambda: ec_verify(der, signed, ecdsa)
    verify = public.verify  # type: ignore[attr-defined]
    return lambda: verify(signature, signed)
