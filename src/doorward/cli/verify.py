"""doorward verify: whether what was signed is genuine. Each form stands in a file of its own."""

from doorward.cli import hmac_verifying, message_signing, webhook_signing
from doorward.cli.by_form import ByForm

command = ByForm(
    "verify",
    help="Whether a signed message is genuine: exit code 0, or 1 and why not.",
    forms={
        "--hmac": hmac_verifying.verify_command,
        "--rfc9421": message_signing.verify_command,
        "--webhook": webhook_signing.verify_command,
    },
)
