"""Revocation lists of foreign CAs (RFC 5280 sections 5 and 6.3): found by issuer, proven by its key, never stale, no deltas.

A list that names a distribution point is for the certificates that name it too (section 6.3.3 (b)): one shard says nothing of another's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, cast

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
    points: frozenset[str] | None = None  # the distribution point that it is of; None: of all
    users: bool = False  # it is silent on CAs
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

    def covers(self, link: "Link") -> bool:
        return not (self.users and link.is_ca) and (self.points is None or not self.points.isdisjoint(link.points))


class Link(NamedTuple):
    """A certificate of a chain, and the CA above it. `points`: where it says that its list is. `mark` stands for the CA."""

    serial: int
    points: frozenset[str]
    is_ca: bool
    issuer: x509.Certificate
    mark: bytes


def link(certificate: x509.Certificate, issuer: x509.Certificate, mark: bytes) -> Link:
    """Of certificates that were verified."""
    values = [each.value for each in certificate.extensions]
    named = (point for value in values if isinstance(value, x509.CRLDistributionPoints) for point in value)
    points = frozenset(name for point in named for name in _uris(point.full_name))
    is_ca = any(isinstance(value, x509.BasicConstraints) and value.ca for value in values)
    return Link(certificate.serial_number, points, is_ca, issuer, mark)


def _uris(names: Iterable[x509.GeneralName] | None) -> list[str]:
    return [each.value for each in names or () if isinstance(each, x509.UniformResourceIdentifier)]


def read_lists(data: bytes) -> list[RevocationList]:
    """PEM, one or more, or DER. Raises ValueError with what is wrong."""
    blocks = _BLOCK.findall(data)
    lists = [x509.load_pem_x509_crl(block) for block in blocks] if blocks else [x509.load_der_x509_crl(data)]
    return [_read(each) for each in lists]


def _read(whole: x509.CertificateRevocationList) -> RevocationList:
    points, users = None, False
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
        if isinstance(value, x509.IssuingDistributionPoint):
            users = value.only_contains_user_certs
            if value.full_name is not None or value.relative_name is not None:
                points = frozenset(_uris(value.full_name))
                if not points:
                    raise ValueError("the list is for one distribution point, and names none by a URI")
    if whole.next_update_utc is None:
        raise ValueError("the list does not say until when it holds (nextUpdate)")  # RFC 5280 section 5.1.2.5
    serials = frozenset(each.serial_number for each in whole)
    since, until = _seconds(whole.last_update_utc), _seconds(whole.next_update_utc)
    return RevocationList(whole.issuer.public_bytes(), since, until, serials, whole, points, users)


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

    def name(self, issuer: bytes, serial: int) -> bool:
        """Whether a list that claims to be of this issuer has the serial: for who withholds the issuer's certificate."""
        return any(serial in each.serials for each in self._by_issuer.get(issuer, ()))

    def check(self, link: Link, now: float) -> float | None:
        """Until when this answer holds; None where no list of that issuer is known. Raises Refused: REVOKED, or
        BAD_CERTIFICATE since its list is stale, is not its own, or is for others."""
        known = self._by_issuer.get(link.issuer.subject.public_bytes())
        if known is None:
            return None
        own: dict[tuple[frozenset[str] | None, bool], RevocationList] = {}
        for each in known:
            if each.is_of(link.issuer, link.mark):
                own.setdefault((each.points, each.users), each)  # the latest of each scope
        if not own:
            raise Refused(Why.BAD_CERTIFICATE, note="the revocation list of its issuer is not signed by that issuer")
        covering = [each for each in own.values() if each.covers(link)]
        if not covering:
            raise Refused(Why.BAD_CERTIFICATE, note="the revocation lists of its issuer are for other distribution points than its own")
        if any(link.serial in each.serials for each in covering):
            raise Refused(Why.REVOKED, note="on the revocation list of its issuer")
        if any(now >= each.until or now < each.since - _EARLY for each in covering):
            raise Refused(Why.BAD_CERTIFICATE, note="the revocation list of its issuer is stale; fetch the present one")
        return min(each.until for each in covering)
