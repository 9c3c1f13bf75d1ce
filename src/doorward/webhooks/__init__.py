"""Floor 4: webhooks. `sign` what is sent, `verify` what came: Standard Webhooks, GitHub, Stripe, Slack.

from doorward.webhooks import sign, verify

fields = sign("standard", body, secret)
event = verify("standard", request.headers, body, secret)         # raises doorward.Refused
"""

from doorward.webhooks.signing import FORM_NAMES, Verified, new_secret, sign, verify

__all__ = ["FORM_NAMES", "Verified", "new_secret", "sign", "verify"]
