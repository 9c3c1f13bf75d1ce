"""Slack's form (docs.slack.dev, "Verifying requests from Slack").

On the wire  X-Slack-Request-Timestamp (unix seconds), X-Slack-Signature: v0=<hex>
Signed text  v0:timestamp:body
Secret       the signing secret, any text: its UTF-8 is the key of HMAC-SHA-256
"""

from collections.abc import Sequence
from typing import Final

from doorward.core.clock import Entropy
from doorward.core.errors import Refused, Why
from doorward.core.secret import Secret
from doorward.crypto.webhook_form import TIMESTAMP, Claimed, Field, Key, check, hex_digest, text_key

_SCHEME: Final = "v0"


class Slack:
    name: Final = "slack"
    fields: Final = (b"x-slack-signature", b"x-slack-request-timestamp")

    def read(self, one: Field) -> Claimed | None:
        shown, at = (one(name) for name in self.fields)
        if shown is None:
            return None
        at = check(at, TIMESTAMP, "X-Slack-Request-Timestamp must be the time in whole seconds since 1970.")
        scheme, _, digest = shown.partition("=")
        if scheme != _SCHEME:
            raise Refused(Why.MALFORMED, note="X-Slack-Signature must be v0=<hex>")
        return Claimed(self.name, "", int(at), ((_SCHEME, hex_digest(digest, "X-Slack-Signature")),))

    def text(self, id: str, timestamp: int, body: bytes) -> bytes:
        return f"{_SCHEME}:{timestamp}:".encode() + body

    def key(self, secret: Secret) -> Key:
        return text_key(_SCHEME, secret)

    def new_secret(self, entropy: Entropy) -> Secret:
        return Secret(entropy(16).hex())

    def write(self, id: str, timestamp: int, signatures: Sequence[tuple[str, bytes]]) -> dict[str, str]:
        if len(signatures) != 1:
            raise ValueError("Slack's form holds one signature")
        return {"X-Slack-Request-Timestamp": str(timestamp), "X-Slack-Signature": f"{_SCHEME}={signatures[0][1].hex()}"}
