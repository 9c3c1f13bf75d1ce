"""sign and verify as functions: published vectors, another implementation both ways, and everything that must be refused."""

import base64
import datetime
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from doorward.core.errors import Refused, Why
from doorward.core.secret import Secret
from doorward.crypto.webhook_form import MOST_SIGNATURES
from doorward.crypto.webhook_standard import Standard
from doorward.webhooks import FORM_NAMES, Verified, new_secret, sign, verify

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent.parent / "vectors" / "rfc-examples.json").read_text())
PUBLISHED = {
    "standard": ("Standard Webhooks (the libraries' own test)", 1614265330),
    "github": ("GitHub webhooks (documented)", 0),
    "slack": ("Slack request signing (documented)", 1531420618),
    "stripe": ("Stripe signature (made here, accepted by the stripe package; Stripe documents the scheme, not a fixed value)", 1700000000),
}
BODY = b'{"order": 1}'
NOW = 1_800_000_000.0


def clock() -> float:
    return NOW


def why(form: str, headers: Any, body: bytes, *secrets: Secret | str, **words: Any) -> Why:
    with pytest.raises(Refused) as caught:
        verify(form, headers, body, *secrets, **{"clock": clock, **words})
    return caught.value.why


def published(form: str) -> tuple[dict[str, str], bytes, str, float]:
    name, at = PUBLISHED[form]
    vector = VECTORS[name]
    return {key: value for key, value in vector.items() if key not in ("secret", "body")}, vector["body"].encode(), vector["secret"], at


@pytest.mark.parametrize("form", FORM_NAMES)
def test_a_published_example_is_genuine_and_no_letter_of_it_may_change(form: str) -> None:
    fields, body, secret, at = published(form)
    found = verify(form, fields, body, secret, clock=lambda: at)
    assert (found.form, found.body, found.timestamp or 0) == (form, body, int(at))
    assert why(form, fields, body + b" ", secret, clock=lambda: at) is Why.BAD_WEBHOOK
    assert why(form, fields, body, f"{secret[:-1]}x", clock=lambda: at) is Why.BAD_WEBHOOK


@pytest.mark.parametrize("form", FORM_NAMES)
def test_a_published_example_is_signed_as_it_was_published(form: str) -> None:
    fields, body, secret, at = published(form)
    made = sign(form, body, secret, id=fields.get("webhook-id", ""), clock=lambda: at)
    assert {name.lower(): value for name, value in made.items()} == {name.lower(): value for name, value in fields.items()}


@pytest.mark.parametrize("form", FORM_NAMES)
@given(body=st.binary(max_size=300))
def test_what_we_sign_we_take(form: str, body: bytes) -> None:
    secret = new_secret(form)
    fields = sign(form, body, secret, clock=clock)
    assert verify(form, fields, body, secret, clock=clock).body == body
    assert why(form, fields, body, new_secret(form)) is Why.BAD_WEBHOOK


def test_the_published_library_of_standard_webhooks_takes_what_we_sign_and_we_what_it_signs() -> None:
    secret = new_secret("standard")
    theirs = Webhook(secret.reveal())
    assert theirs.verify(BODY, sign("standard", BODY, secret)) == {"order": 1}
    at = datetime.datetime.now(tz=datetime.UTC)
    fields = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": theirs.sign("msg_1", at, BODY.decode()),
    }
    assert verify("standard", fields, BODY, secret).id == "msg_1"
    with pytest.raises(WebhookVerificationError):
        theirs.verify(BODY, sign("standard", BODY, new_secret("standard")))


def test_an_ed25519_pair_signs_with_its_private_half_and_is_checked_by_its_public_one() -> None:
    private, public = Standard().new_pair(os.urandom)
    fields = sign("standard", BODY, private, clock=clock)
    assert fields["webhook-signature"].startswith("v1a,")
    for key in (private, public):
        assert verify("standard", fields, BODY, key, clock=clock).body == BODY
    assert why("standard", fields, BODY, Standard().new_pair(os.urandom)[1]) is Why.BAD_WEBHOOK
    with pytest.raises(ValueError, match="signs nothing"):
        sign("standard", BODY, public)


def test_a_public_key_is_never_an_hmac_key() -> None:
    """The confusion that HS256 and RS256 were known for: v1 under the bytes of the public key."""
    _, public = Standard().new_pair(os.urandom)
    as_secret = "whsec_" + public.removeprefix("whpk_")
    assert why("standard", sign("standard", BODY, as_secret, clock=clock), BODY, public) is Why.BAD_WEBHOOK


def test_two_secrets_live_on_either_side() -> None:
    old, new, private = new_secret("standard"), new_secret("standard"), Standard().new_pair(os.urandom)[0]
    both = sign("standard", BODY, new, old, private, clock=clock)
    for secret in (old, new, private):
        assert verify("standard", both, BODY, secret, clock=clock).form
        assert verify("standard", sign("standard", BODY, secret, clock=clock), BODY, old, new, private, clock=clock).form
    stripe = new_secret("stripe"), new_secret("stripe")
    assert verify("stripe", sign("stripe", BODY, *stripe, clock=clock), BODY, stripe[1], clock=clock).form


@pytest.mark.parametrize("form", ["standard", "stripe", "slack"])
@pytest.mark.parametrize(("off", "passes"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_five_minutes_either_way(form: str, off: int, passes: bool) -> None:
    secret = new_secret(form)
    fields = sign(form, BODY, secret, clock=lambda: NOW + off)
    if passes:
        assert verify(form, fields, BODY, secret, clock=clock).form
    else:
        assert why(form, fields, BODY, secret) is Why.STALE
        assert why(form, fields, BODY, new_secret(form)) is Why.BAD_WEBHOOK  # told to the genuine only


def test_the_dot_in_an_id_would_let_a_body_become_a_time() -> None:
    secret = new_secret("standard")
    fields = sign("standard", b"1800000001.x", secret, id="a", clock=clock)
    moved = {**fields, "webhook-id": "a.1800000000", "webhook-timestamp": "1800000001"}
    assert why("standard", moved, b"x", secret) is Why.MALFORMED
    with pytest.raises(ValueError, match="no dot"):
        sign("standard", BODY, secret, id="a.b")


@pytest.mark.parametrize("form", FORM_NAMES)
def test_a_field_that_is_missing_doubled_or_of_another_form_is_refused(form: str) -> None:
    secret = new_secret(form)
    fields = list(sign(form, BODY, secret, clock=clock).items())
    for field in fields:
        assert why(form, [*fields, field], BODY, secret) is Why.SHOWN_TWICE
        rest = [each for each in fields if each != field]
        if field[0] != "X-GitHub-Delivery":
            assert why(form, rest, BODY, secret) in (Why.MALFORMED, Why.MISSING)
    for other in set(FORM_NAMES) - {form}:
        assert why(other, fields, BODY, new_secret(other)) is Why.MISSING


def test_cut_and_foreign_signatures_are_malformed_or_passed_over() -> None:
    secret = new_secret("stripe")
    at = f"t={int(NOW)}"
    good = sign("stripe", BODY, secret, clock=clock)["Stripe-Signature"].partition(",")[2]
    assert verify("stripe", {"stripe-signature": f"{at},v0={'0' * 64},{good},v1={'0' * 64}"}, BODY, secret, clock=clock).form
    for text, expected in (
        (f"{at},v0={good[3:]}", Why.BAD_WEBHOOK),  # v0 is a test scheme, and worth nothing
        (f"{at},{good[:-1]}", Why.MALFORMED),
        (f"{at},{at},{good}", Why.SHOWN_TWICE),
        (good, Why.MALFORMED),
        (f"t=0{int(NOW)},{good}", Why.MALFORMED),
        (f"t=-1,{good}", Why.MALFORMED),
        (",".join([at, *[good] * (MOST_SIGNATURES + 1)]), Why.MALFORMED),
        (",".join([at, *["x=1"] * 20]), Why.MALFORMED),
        (f"{at}, {good}", Why.MALFORMED),
    ):
        assert why("stripe", {"stripe-signature": text}, BODY, secret) is expected, text
    entry = "v1," + base64.b64encode(bytes(32)).decode()
    head = {"webhook-id": "m", "webhook-timestamp": str(int(NOW))}
    for text, expected in (
        (entry, Why.BAD_WEBHOOK),
        (f"v2,{entry[3:]}", Why.BAD_WEBHOOK),
        (entry[:-4], Why.MALFORMED),
        (entry.replace("A=", "B="), Why.MALFORMED),
        (" ".join([entry] * (MOST_SIGNATURES + 1)), Why.MALFORMED),
        (f"{entry}  {entry}", Why.MALFORMED),
        (entry.replace("v1,", "v1a,"), Why.MALFORMED),
        (f"{entry},{entry}", Why.MALFORMED),
        ("", Why.MALFORMED),
    ):
        assert why("standard", {**head, "webhook-signature": text}, BODY, new_secret("standard")) is expected, text
    for text in ("sha1=" + "0" * 40, "0" * 64, "sha256=", "sha256=" + "0" * 63, "sha256=" + "0" * 64 + ",sha256=" + "0" * 64):
        assert why("github", {"X-Hub-Signature-256": text}, BODY, new_secret("github")) is Why.MALFORMED


def test_a_large_body_is_refused_before_it_is_hashed() -> None:
    secret = new_secret("github")
    fields = sign("github", bytes(1024), secret)
    assert why("github", fields, bytes(1024), secret, largest=1023) is Why.BODY_TOO_LARGE


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "webhook-id",
                "webhook-timestamp",
                "webhook-signature",
                "Stripe-Signature",
                "X-Slack-Signature",
                "X-Slack-Request-Timestamp",
                "X-Hub-Signature-256",
                "X-GitHub-Delivery",
            ]
        ),
        st.one_of(
            st.text(max_size=80),
            st.sampled_from(["1800000000", "v1," + "A" * 43 + "=", "sha256=" + "0" * 64, "v0=" + "0" * 64, "t=1800000000,v1=" + "0" * 64]),
        ),
    ),
    st.sampled_from(FORM_NAMES),
)
def test_garbage_is_refused_and_nothing_else(headers: dict[str, str], form: str) -> None:
    assert why(form, headers, BODY, new_secret(form)) in (Why.MISSING, Why.MALFORMED, Why.BAD_WEBHOOK, Why.STALE, Why.SHOWN_TWICE)


@pytest.mark.parametrize(
    "secret", ["", "short", "whsec_", "whsec_AAAA", "whsec_not base64 at all", "whpk_AAAA", "whsk_" + "A" * 43 + "=x", "x" * 40]
)
def test_a_secret_that_is_none_is_an_error_that_does_not_show_it(secret: str) -> None:
    with pytest.raises(ValueError, match=r"secret|key|base64") as caught:
        verify("standard", {}, BODY, secret)
    assert not secret[6:] or secret[6:] not in str(caught.value)


def test_no_secret_at_all_or_no_such_form_is_an_error() -> None:
    with pytest.raises(ValueError, match="1 to 8 secrets"):
        verify("github", {}, BODY)
    with pytest.raises(ValueError, match="there are standard"):
        sign("gitlab", BODY, "x" * 16)


def test_a_mark_is_the_same_for_the_same_signed_text_however_it_is_spelled() -> None:
    old, new = new_secret("github"), new_secret("github")
    one = verify("github", sign("github", BODY, old, id="d-1"), BODY, old, new)
    fields = sign("github", BODY, new, id="d-2")
    fields["X-Hub-Signature-256"] = "sha256=" + fields["X-Hub-Signature-256"][7:].upper()
    other = verify("github", fields, BODY, old, new)
    assert isinstance(one, Verified)
    assert one.mark == other.mark
    assert one.mark != verify("github", sign("github", b"{}", old), b"{}", old).mark
    assert one.json() == {"order": 1}
    assert "order" not in repr(one)
