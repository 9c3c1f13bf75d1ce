"""A client that proves itself by the certificate of its connection (RFC 8705 section 2): TLS has shown that it holds the key.

tls_client_auth              the chain is one of an authority trusted for clients, and bears the one registered name (section 2.1)
self_signed_tls_client_auth  the certificate itself is registered, in `x5c` of the client's keys (section 2.2); no chain is asked for
Refused      invalid_client, and nothing more
"""

from collections.abc import Callable
from typing import Final

from doorward.core.authority import MTLS
from doorward.core.client import Client
from doorward.core.clock import Clock
from doorward.core.errors import Refused, Why
from doorward.core.presented import Presented
from doorward.core.store import Credentials
from doorward.crypto.certificate_subject import is_of
from doorward.crypto.client_chain import OWN, ClientTrust, read_leaf
from doorward.oauth.client_key_source import KeySource
from doorward.oauth.errors import OAuthError, invalid_client

TLS: Final = "tls_client_auth"
SELF_SIGNED: Final = "self_signed_tls_client_auth"


class CertificateCheck:
    """`trust`: the authorities of clients, as they stand now."""

    def __init__(self, *, keys: KeySource, credentials: Credentials, clock: Clock, trust: Callable[[], ClientTrust]) -> None:
        self._keys, self._credentials, self._clock, self._trust = keys, credentials, clock, trust

    async def check(self, client: Client, presented: Presented) -> None:
        """Raises OAuthError, Unavailable."""
        if not presented.chain:  # a proxy told a name alone: no certificate to compare
            raise _refused("a proxy told a name without its certificate")
        try:
            if TLS in client.auth:
                await self._check_named(client, presented)
            elif SELF_SIGNED in client.auth:
                await self._check_registered(client, presented)
            else:
                raise _refused("the client is not registered for certificates")
        except Refused as reason:
            raise _refused(reason.note or reason.why.value) from None

    async def _check_named(self, client: Client, presented: Presented) -> None:
        if client.tls_subject is None or not is_of(presented.chain[0], *client.tls_subject):
            raise _refused("the certificate does not bear the registered name")
        now, trust = self._clock(), self._trust()
        chain = trust.verify(presented.chain, now)
        known = await self._credentials.find(MTLS, presented.key or "")
        if known is not None:
            known.check_live(now)
        elif chain.anchor == OWN:  # DECISIONS 23
            raise _refused("our own CA knows no such certificate")
        trust.check_revocation(chain, now)

    async def _check_registered(self, client: Client, presented: Presented) -> None:
        keys = await self._keys.of(client, missing=lambda keys: presented.key not in keys.certificates)
        if presented.key not in keys.certificates:
            raise _refused("the certificate is not a registered one")
        now, known = self._clock(), await self._credentials.find(MTLS, presented.key or "")
        if known is not None:  # by `doorward cert`, too: what was revoked there is revoked
            known.check_live(now)
        read_leaf(presented.chain).check_time(now)


def _refused(note: str) -> OAuthError:
    found = invalid_client(why=Why.BAD_CERTIFICATE)
    found.note = note
    return found
