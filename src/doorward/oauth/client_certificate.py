"""A client that proves itself by the certificate of its connection (RFC 8705 section 2): TLS has shown that it holds the key.

tls_client_auth              the chain is one of an authority trusted for clients, and bears the one registered name (section 2.1)
self_signed_tls_client_auth  the certificate itself is registered, in `x5c` of the client's keys (section 2.2); no chain is asked for
Refused      invalid_client, and nothing more
"""

from collections.abc import Callable
from typing import Final

from doorward.core.client import Client
from doorward.core.clock import Clock
from doorward.core.errors import Refused, Why
from doorward.core.presented import Presented
from doorward.crypto.certificate_reading import read_certificate
from doorward.crypto.certificate_subject import is_of
from doorward.oauth.client_key_source import KeySource
from doorward.oauth.errors import OAuthError, invalid_client

TLS: Final = "tls_client_auth"
SELF_SIGNED: Final = "self_signed_tls_client_auth"

VerifyChain = Callable[[Presented], None]
"""Chain, validity, usage, and that the authority has not revoked it. Raises Refused(BAD_CERTIFICATE), Unavailable."""


def no_authority(presented: Presented) -> None:  # noqa: ARG001 - whatever it is
    raise Refused(Why.BAD_CERTIFICATE, note="no authority is trusted for client certificates")


class CertificateCheck:
    def __init__(self, *, keys: KeySource, clock: Clock, verify: VerifyChain = no_authority) -> None:
        self._keys, self._clock, self._verify = keys, clock, verify

    async def check(self, client: Client, presented: Presented) -> None:
        """Raises OAuthError, Unavailable."""
        if not presented.chain:  # a proxy told a name alone: no certificate to compare
            raise _refused("a proxy told a name without its certificate")
        try:
            if TLS in client.auth:
                self._check_name(client, presented)
            elif SELF_SIGNED in client.auth:
                await self._check_registered(client, presented)
            else:
                raise _refused("the client is not registered for certificates")
        except Refused as reason:
            raise _refused(reason.note or reason.why.value) from None

    def _check_name(self, client: Client, presented: Presented) -> None:
        if client.tls_subject is None or not is_of(presented.chain[0], *client.tls_subject):
            raise _refused("the certificate does not bear the registered name")
        self._verify(presented)

    async def _check_registered(self, client: Client, presented: Presented) -> None:
        keys = await self._keys.of(client, missing=lambda keys: presented.key not in keys.certificates)
        if presented.key not in keys.certificates:
            raise _refused("the certificate is not a registered one")
        try:
            certificate = read_certificate(presented.chain[0])
        except ValueError as reason:
            raise _refused(str(reason)) from None
        if not certificate.not_before <= self._clock() < certificate.not_after:
            raise _refused("the registered certificate is not valid now")


def _refused(note: str) -> OAuthError:
    found = invalid_client(why=Why.BAD_CERTIFICATE)
    found.note = note
    return found
