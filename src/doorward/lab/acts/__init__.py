"""The demo's acts: each method used for real, forged, refused though genuine, revoked and refused."""

from typing import Final

from doorward.lab.acts.certificates import show_bound_to_a_certificate, show_mtls
from doorward.lab.acts.doors import show_doors
from doorward.lab.acts.issuers import show_another_issuer
from doorward.lab.acts.keys import show_api_key, show_hmac
from doorward.lab.acts.people import show_basic, show_cookies, show_jwt, show_session
from doorward.lab.acts.signatures import show_http_signature, show_webhooks
from doorward.lab.acts.together import show_together
from doorward.lab.acts.tokens import show_access_token, show_dpop

ACTS: Final = (
    show_api_key,
    show_basic,
    show_jwt,
    show_session,
    show_cookies,
    show_hmac,
    show_http_signature,
    show_access_token,
    show_dpop,
    show_mtls,
    show_bound_to_a_certificate,
    show_another_issuer,
    show_webhooks,
    show_together,
    show_doors,
)
