"""What a caller does who has only read the documentation: show credentials, sign, and forge. Standard library and httpx."""

import base64
import hashlib
import hmac
import json
import secrets
import time
import zlib
from typing import Final
from urllib.parse import urlsplit

DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def api_key(key: str) -> dict[str, str]:
    return {"X-API-Key": key}


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def signed(key_id: str, secret: str, method: str, url: str, body: bytes = b"") -> dict[str, str]:
    """HMAC: METHOD, PATH[?QUERY], TIMESTAMP, SHA256HEX(body) or nothing, NONCE, each on a line."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
    text = "\n".join((method, target, timestamp, hashlib.sha256(body).hexdigest() if body else "", nonce))
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"X-Key-Id": key_id, "X-Timestamp": timestamp, "X-Nonce": nonce, "X-Signature": signature}


def forged_key(key: str) -> str:
    """A key with another secret whose check digits are right: only the store can tell."""
    letter = "a" if key[-8] != "a" else "b"
    before = key[:-8] + letter + key[-7]
    return before + _check_digits(before)


def relabelled_key(key: str, old: str, new: str) -> str:
    """The same secret under another environment."""
    before = key.replace(f"_{old}_", f"_{new}_", 1)[:-6]
    return before + _check_digits(before)


def _check_digits(before: str) -> str:
    number, text = zlib.crc32(before.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        text = DIGITS[digit] + text
    return text


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, object]:
    part = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims if isinstance(claims, dict) else {}


def unsigned_token(token: str, **changed: object) -> str:
    """`alg: none` (RFC 8725 section 2.1) with claims of the attacker's choice."""
    return f"{_part({'alg': 'none', 'typ': 'at+jwt'})}.{_part({**claims_of(token), **changed})}."


def altered_token(token: str, **changed: object) -> str:
    """The genuine header and signature around other claims."""
    header, _, signature = token.split(".")
    return f"{header}.{_part({**claims_of(token), **changed})}.{signature}"
