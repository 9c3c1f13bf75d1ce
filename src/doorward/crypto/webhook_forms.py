"""All forms of webhook by name, and which of them a request bears."""

from typing import Final

from doorward.core.errors import Refused, Why
from doorward.core.request import Headers
from doorward.crypto.webhook_form import Claimed, Form
from doorward.crypto.webhook_github import GitHub
from doorward.crypto.webhook_slack import Slack
from doorward.crypto.webhook_standard import Standard
from doorward.crypto.webhook_stripe import Stripe

FORMS: Final[dict[str, Form]] = {form.name: form for form in (Standard(), GitHub(), Stripe(), Slack())}
FIELDS: Final = tuple(dict.fromkeys(field for form in FORMS.values() for field in form.fields))


def read_any(headers: Headers) -> Claimed | None:
    """Raises Refused(MALFORMED, SHOWN_TWICE): signatures of two forms are two credentials."""
    found = [claimed for form in FORMS.values() if (claimed := form.read(headers.one)) is not None]
    if len(found) > 1:
        raise Refused(Why.SHOWN_TWICE, f"Signatures of two forms were sent: {found[0].form} and {found[1].form}.")
    return found[0] if found else None
