"""Stripe's form (docs.stripe.com/webhooks/signature).

On the wire  Stripe-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>…]; v0 and whatever else is passed over
Signed text  timestamp.body
Secret       whsec_…, all of it: its UTF-8 is the key of HMAC-SHA-256
"""

import re
from collections.abc import Sequence
from typing import Final

from doorward.core import key_text
from doorward.core.clock import Entropy
from doorward.core.errors import Refused, Why
from doorward.core.secret import Secret
from doorward.crypto.webhook_form import MOST_SIGNATURES, TIMESTAMP, Claimed, Field, Key, check, hex_digest, text_key

_SCHEME: Final = "v1"
_ITEM: Final = re.compile(r"[0-9A-Za-z_]{1,16}=[\x21-\x2b\x2d-\x7e]{0,256}")


class Stripe:
    name: Final = "stripe"
    fields: Final = (b"stripe-signature",)

    def read(self, one: Field) -> Claimed | None:
        shown = one(self.fields[0])
        if shown is None:
            return None
        items = shown.split(",")
        if len(items) > 2 * MOST_SIGNATURES or not all(_ITEM.fullmatch(item) for item in items):
            raise Refused(Why.MALFORMED, note="Stripe-Signature must be t=<seconds>,v1=<hex>")
        pairs = [(name, value) for name, _, value in (item.partition("=") for item in items)]
        times = [value for name, value in pairs if name == "t"]
        if len(times) > 1:
            raise Refused(Why.SHOWN_TWICE, "Stripe-Signature holds two timestamps.")
        at = check(times[0] if times else None, TIMESTAMP, "Stripe-Signature holds no timestamp in whole seconds since 1970.")
        found = [(name, hex_digest(value, "Stripe-Signature")) for name, value in pairs if name == _SCHEME]
        if len(found) > MOST_SIGNATURES:
            raise Refused(Why.MALFORMED, note=f"more than {MOST_SIGNATURES} signatures")
        return Claimed(self.name, "", int(at), tuple(found))

    def text(self, id: str, timestamp: int, body: bytes) -> bytes:
        return f"{timestamp}.".encode() + body

    def key(self, secret: Secret) -> Key:
        return text_key(_SCHEME, secret)

    def new_secret(self, entropy: Entropy) -> Secret:
        return Secret(f"whsec_{key_text.new_secret(entropy)}")

    def write(self, id: str, timestamp: int, signatures: Sequence[tuple[str, bytes]]) -> dict[str, str]:
        told = [f"{scheme}={signature.hex()}" for scheme, signature in signatures]
        return {"Stripe-Signature": ",".join([f"t={timestamp}", *told])}
