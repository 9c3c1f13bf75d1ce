"""methods/webhook.py: what `explain` tells of a signature that is not the sender's."""

import hashlib

import pytest

from doorward.webhooks import new_secret, sign
from tests.methods.place import Place, request
from tests.methods.test_webhook import BODY, body, method, refusal, sender


@pytest.mark.parametrize(("form", "head"), [("standard", "msg_1.{at}."), ("github", ""), ("stripe", "{at}."), ("slack", "v0:{at}:")])
async def test_what_had_to_be_signed_is_explained_without_the_body(place: Place, form: str, head: str) -> None:
    its, at = method(place), int(place.now)
    await sender(place, form)
    fields = sign(form, BODY, new_secret(form), clock=place.clock, id="msg_1" if form == "standard" else None)
    asked = request(fields.items(), method="POST", body=body, has_body=True)
    facts = (await refusal(its, asked)).facts
    stands_for = f"<body of {len(BODY)} bytes, SHA-256 {hashlib.sha256(BODY).hexdigest()}>"
    assert facts == {"form": form, "signed_over": head.format(at=at) + stands_for}
    place.now += 400
    assert ((await refusal(its, asked)).facts.get("clock_skew") == -400) is (form != "github")
