"""GitHub's form, which Gitea, Meta and others send too (docs.github.com, "Validating webhook deliveries").

On the wire  X-Hub-Signature-256: sha256=<hex>; X-GitHub-Delivery names the delivery and is not signed
Signed text  the body alone: no time, so whoever saw a delivery can send it again. Who takes it must remember the text
Secret       any text, its UTF-8 is the key of HMAC-SHA-256
"""

import re
from collections.abc import Sequence
from typing import Final

from doorward.core import key_text
from doorward.core.clock import Entropy
from doorward.core.errors import Refused, Why
from doorward.core.secret import Secret
from doorward.crypto.webhook_form import Claimed, Field, Key, check, hex_digest, text_key

_SCHEME: Final = "sha256"
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


class GitHub:
    name: Final = "github"
    fields: Final = (b"x-hub-signature-256", b"x-github-delivery")

    def read(self, one: Field) -> Claimed | None:
        shown, id = (one(name) for name in self.fields)
        if shown is None:
            return None
        if id is not None:
            check(id, _ID, "X-GitHub-Delivery has 1 to 64 letters, digits and dashes.")
        scheme, _, digest = shown.partition("=")
        if scheme != _SCHEME:
            raise Refused(Why.MALFORMED, note="X-Hub-Signature-256 must be sha256=<hex>")
        return Claimed(self.name, id or "", None, ((_SCHEME, hex_digest(digest, "X-Hub-Signature-256")),))

    def text(self, id: str, timestamp: int, body: bytes) -> bytes:
        return body

    def key(self, secret: Secret) -> Key:
        return text_key(_SCHEME, secret)

    def new_secret(self, entropy: Entropy) -> Secret:
        return Secret(key_text.new_secret(entropy))

    def write(self, id: str, timestamp: int, signatures: Sequence[tuple[str, bytes]]) -> dict[str, str]:
        if len(signatures) != 1:
            raise ValueError("GitHub's form holds one signature")
        told = {"X-Hub-Signature-256": f"{_SCHEME}={signatures[0][1].hex()}"}
        if not id:
            return told
        if not _ID.fullmatch(id):
            raise ValueError("the id of a delivery has 1 to 64 letters, digits and dashes")
        return told | {"X-GitHub-Delivery": id}
