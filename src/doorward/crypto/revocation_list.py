"""Revocation lists of foreign CAs (RFC 5280 sections 5 and 6.3): whole ones only, found by issuer, proven by its key, never stale."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from doorward.core.errors import Refused, Why

_BLOCK: Final = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_KNOWN: Final = (x509.AuthorityKeyIdentifier, x509.CRLNumber, x509.FreshestCRL, x509.IssuerAlternativeName, x509.IssuingDistributionPoint)
_EARLY: Final = 300.0
"""Seconds that the issuer's clock may be ahead of ours."""


@dataclass(slots=True)
class RevocationList:
    issuer: bytes
    since: float
    until: float
    serials: frozenset[int]
    whole: x509.CertificateRevocationList = field(repr=False)
    proven: dict[bytes, bool] = field(default_factory=dict, repr=False)

    def is_of(self, issuer: x509.Certificate, mark: bytes) -> bool:
        """Whether this very CA signed it. `mark` stands for the certificate."""
        known = self.proven.get(mark)
        if known is None:
            try:
                known = self.whole.is_signature_valid(cast("Any", issuer.public_key()))
            except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
                known = False
            if len(self.proven) < 64:
                self.proven[mark] = known
        return known


def read_lists(data: bytes) -> list[RevocationList]:
    """PEM, one or more, or DER. Raises ValueError with what is wrong."""
    blocks = _BLOCK.findall(data)
    lists = [x509.load_pem_x509_crl(block) for block in blocks] if blocks else [x509.load_der_x509_crl(data)]
    return [_read(each) for each in lists]


def _read(whole: x509.CertificateRevocationList) -> RevocationList:
    for extension in whole.extensions:
        value = extension.value
        if isinstance(value, x509.DeltaCRLIndicator):
            raise ValueError("a delta list says only what has changed; give the whole list")
        if extension.critical and not isinstance(value, _KNOWN):
            raise ValueError(f"the list has a critical extension that is not understood: {extension.oid.dotted_string}")
        if isinstance(value, x509.IssuingDistributionPoint) and (
            value.indirect_crl or value.only_some_reasons or value.only_contains_attribute_certs or value.only_contains_ca_certs
        ):
            raise ValueError("the list covers some certificates only; give the whole list")
    if whole.next_update_utc is None:
        raise ValueError("the list does not say until when it holds (nextUpdate)")  # RFC 5280 section 5.1.2.5
    serials = frozenset(each.serial_number for each in whole)
    return RevocationList(whole.issuer.public_bytes(), _seconds(whole.last_update_utc), _seconds(whole.next_update_utc), serials, whole)


def _seconds(at: datetime) -> float:
    return at.astimezone(UTC).timestamp()


class RevocationLists:
    def __init__(self, lists: Iterable[RevocationList] = ()) -> None:
        self._by_issuer: dict[bytes, list[RevocationList]] = {}
        for each in lists:
            self._by_issuer.setdefault(each.issuer, []).append(each)
        for known in self._by_issuer.values():
            known.sort(key=lambda each: each.since, reverse=True)

    def covers(self, issuer: bytes) -> bool:
        return issuer in self._by_issuer

    def check(self, serial: int, issuer: x509.Certificate, mark: bytes, now: float) -> float | None:
        """Until when this answer holds; None where no list of that issuer is known. Raises Refused: REVOKED, or
        BAD_CERTIFICATE since its list is stale, or is not its own."""
        known = self._by_issuer.get(issuer.subject.public_bytes())
        if known is None:
            return None
        own = next((each for each in known if each.is_of(issuer, mark)), None)
        if own is None:
            raise Refused(Why.BAD_CERTIFICATE, note="the revocation list of its issuer is not signed by that issuer")
        if serial in own.serials:
            raise Refused(Why.REVOKED, note="on the revocation list of its issuer")
        if now >= own.until or now < own.since - _EARLY:
            raise Refused(Why.BAD_CERTIFICATE, note="the revocation list of its issuer is stale; fetch the present one")
        return own.until
