"""What a caller gives: texts that may not be empty, secrets as `str` or `Secret` alike, private keys in PEM. What is wrong is told at
once, and never with the secret in it.

Raises ValueError (WrongKey of a key); TypeError for what is no text, such as the None of a variable that is not set.
"""

import httpx

from doorward.core.secret import Secret
from doorward.crypto.algorithms import PrivateKey
from doorward.crypto.signature_algorithms import read_private

Pem = PrivateKey | Secret | str | bytes
_BEGIN = "-----BEGIN"


def text(given: str, what: str) -> str:
    if not isinstance(given, str):
        raise TypeError(f"{what} is a text, not {type(given).__name__}")
    if not given:
        raise ValueError(f"{what} is empty")
    return given


def secret(given: Secret | str, what: str, *, may_be_empty: bool = False) -> Secret:
    """To be sent, or shared: a private key is neither."""
    if not isinstance(given, Secret | str):
        raise TypeError(f"{what} is a text or a Secret, not {type(given).__name__}")
    kept = given if isinstance(given, Secret) else Secret(given)
    if not len(kept) and not may_be_empty:
        raise ValueError(f"{what} is empty")
    if is_pem(kept):
        raise ValueError(f"{what} is a key or certificate in PEM, which is never sent: PrivateKeyJwt and HttpSignature take a private key")
    return kept


def is_pem(kept: Secret) -> bool:
    return kept.reveal().lstrip().startswith(_BEGIN)


def private_key(given: Pem) -> PrivateKey:
    """A private key as it is, or its PEM without a password."""
    if isinstance(given, bytes):
        given = Secret(given.decode("ascii", "replace"))
    if isinstance(given, str):
        given = Secret(given)
    if isinstance(given, Secret):
        return read_private(given)
    if not hasattr(given, "private_bytes"):
        raise TypeError(f"a private key is its PEM, or a key of `cryptography`, not {type(given).__name__}")
    return given


def whole_url(given: str, what: str) -> str:
    """With its scheme and host, and no name or password, which would be seen in logs."""
    try:
        url = httpx.URL(text(given, what))
    except httpx.InvalidURL as reason:
        raise ValueError(f"{what} is no URL: {reason}") from None
    if url.scheme not in ("https", "http") or not url.host:
        raise ValueError(f"{what}: write the whole URL, https://…")
    if url.userinfo:
        raise ValueError(f"{what}: write the URL without a name and password in it")
    return given
