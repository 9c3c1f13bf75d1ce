"""The keys and messages of RFC 9421 appendix B, read from tests/vectors/rfc9421."""

import base64
from dataclasses import dataclass

from doorward.core.secret import Secret
from doorward.crypto.algorithms import PrivateKey, PublicKey
from doorward.crypto.signature_algorithms import read_private, read_public
from tests.crypto.vectors import FOLDER

PLACE = FOLDER / "rfc9421" / "messages"
URL = "http://example.com"
ALGORITHM = {
    "test-key-rsa-pss": "rsa-pss-sha512",
    "test-key-ecc-p256": "ecdsa-p256-sha256",
    "test-shared-secret": "hmac-sha256",
    "test-key-ed25519": "ed25519",
}
REQUESTS = ("b21", "b22", "b23", "b25", "b26")


@dataclass(frozen=True)
class Sent:
    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes


def sent(name: str) -> Sent:
    head, _, body = (PLACE / f"{name}_request_signed.txt").read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    method, target, _ = first.split(" ")
    headers = [(key, value.strip()) for key, _, value in (line.partition(":") for line in lines)]
    return Sent(method, URL + target, headers, body[:18])  # its Content-Length: the file ends with a line break of its own


def base(name: str) -> str:
    return (PLACE / f"{name}_request_sigbase.txt").read_bytes().decode().replace("\r\n", "\n").rstrip("\n")


def secret() -> bytes:
    """The shared secret is written in base64; the key is its bytes (appendix B.1.5)."""
    return base64.b64decode((PLACE / "test-shared-secret").read_bytes())


def public(name: str) -> PublicKey:
    return read_public((PLACE / f"{name}.pub").read_bytes())


def private(name: str) -> PrivateKey:
    return read_private(Secret((PLACE / f"{name}.key").read_text()))
