"""The chain of a client certificate, from the leaf to a CA that is trusted here (RFC 5280 section 6).

Path building, signatures, validity, basic constraints, path length and name constraints are `cryptography`'s; what it is
told here is the purpose: clientAuth if there is an extended key usage (section 4.2.1.12), digitalSignature if there is a key
usage (4.2.1.3), no CA as a leaf, and nothing critical that is not understood. Leaves need no names: a registered one has none.

Refused  MALFORMED (no certificate, too many, too large), BAD_CERTIFICATE (no way to a trusted CA, or not for this purpose),
         EXPIRED and NOT_YET (only once all else holds), REVOKED
"""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from doorward.core.errors import Refused, Why
from doorward.crypto.client_names import Names, names_below, names_of
from doorward.crypto.revocation_list import Link, RevocationLists, link

OWN: Final = "own"
"""The name of our own CA, where others are named by their file."""
MOST_CERTIFICATES: Final = 10
LARGEST: Final = 16 * 1024
DEEPEST: Final = 5
"""Intermediates between the leaf and the trusted CA."""
_REMEMBERED: Final = 2048
Certificates = Sequence[x509.Certificate]
_PURPOSE: Final = (ExtendedKeyUsageOID.CLIENT_AUTH,)


@dataclass(frozen=True, slots=True)
class Chain:
    """A leaf that leads to a trusted CA. `anchor` names that CA's file, or OWN. Times in seconds since 1970.
    `links`: each certificate with its issuer, for revocation lists.
    """

    names: Names
    serial: int
    since: float
    until: float
    anchor: str
    links: tuple[Link, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate by itself, for one that is trusted by its thumbprint (RFC 8705 section 2.2)."""

    names: Names
    since: float
    until: float
    listed_as: tuple[bytes, int]

    def check_time(self, now: float) -> None:
        check_time(self.since, self.until, now)


def check_time(since: float, until: float, now: float) -> None:
    """Raises Refused: NOT_YET, EXPIRED. Both ends are inclusive (RFC 5280 section 4.1.2.5), in whole seconds."""
    if now < since:
        raise Refused(Why.NOT_YET)
    if now >= until + 1:
        raise Refused(Why.EXPIRED)


def read_certificates(pem: bytes) -> Certificates:
    """Raises ValueError: no PEM, or none in it."""
    return x509.load_pem_x509_certificates(pem)


def to_pem(certificates: Certificates) -> str:
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates)


class ClientTrust:
    """The trusted CAs as they stand now; another set is another object, and remembers nothing of this one."""

    def __init__(self, authorities: Mapping[str, Certificates], lists: RevocationLists, domains: Mapping[str, str]) -> None:
        """Raises ValueError. `domains`: which CA (a name of `authorities`) may speak for which SPIFFE trust domain; empty: any for any."""
        self.lists, self.domains = lists, domains
        for each in (each for known in authorities.values() for each in known):
            _check_authority(each)
        self._names = {mark_of(each): name for name, known in authorities.items() for each in known}
        self.without_list = tuple(
            f"{each.subject.rfc4514_string()} ({name})"
            for name, known in authorities.items()
            for each in known
            if name != OWN and not lists.covers(each.subject.public_bytes())
        )
        """The CAs of others whose certificates end only by themselves; for `doorward check`."""
        self._own = frozenset(mark_of(each) for each in authorities.get(OWN, ()))
        anchors = {mark_of(each): each for known in authorities.values() for each in known}
        self._store = Store(list(anchors.values())) if anchors else None
        self._known: dict[bytes, Chain] = {}

    def verify(self, chain: tuple[bytes, ...], now: float) -> Chain:
        """Remembers what has led to a trusted CA; time and revocation are asked again each time. Raises Refused."""
        check_size(chain)
        mark = hashlib.sha256(b"".join(len(each).to_bytes(4, "big") + each for each in chain)).digest()
        known = self._known.get(mark)
        if known is None or not known.since <= now < known.until + 1:  # another way may hold then
            known = self._known[mark] = self._verify(chain, now)
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        check_time(known.since, known.until, now)
        return known

    def _verify(self, chain: tuple[bytes, ...], now: float) -> Chain:
        leaf, *others = _parsed(chain)
        if self._store is None:
            raise Refused(Why.BAD_CERTIFICATE, note="no client CA is configured")
        try:
            # A leaf out of its time is told so if all else holds: so it is judged at the nearest moment within.
            since, until = _span(leaf)  # there are years that no date has
            at = datetime.fromtimestamp(min(max(now, since), until), UTC)
            builder = PolicyBuilder().store(self._store).time(at).max_chain_depth(DEEPEST)
            found = builder.extension_policies(ca_policy=_CA, ee_policy=_LEAF).build_client_verifier().verify(leaf, others).chain
            names = names_below(leaf, found[1:])
            marks = [mark_of(each) for each in found]
            links = tuple(link(found[at], found[at + 1], marks[at + 1]) for at in range(len(found) - 1))
        except (VerificationError, ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType) as reason:
            raise Refused(Why.BAD_CERTIFICATE, note=_told(reason)) from None
        except (x509.DuplicateExtension, x509.InvalidVersion) as reason:
            raise Refused(Why.MALFORMED, note=_told(reason)) from None
        spans = [_span(each) for each in found]
        anchor = OWN if not self._own.isdisjoint(marks) else self._names[marks[-1]]
        return Chain(
            names=names,
            serial=leaf.serial_number,
            since=max(each[0] for each in spans),
            until=min(each[1] for each in spans),
            anchor=anchor,
            links=links,
        )

    def check_revocation(self, chain: Chain, now: float) -> float:
        """Until when the lists of its issuers vouch for it; infinite where there are none. Raises Refused."""
        ends = [self.lists.check(each, now) for each in chain.links]
        return min((end for end in ends if end is not None), default=float("inf"))

    def may_say(self, domain: str, anchor: str) -> bool:
        return not self.domains or self.domains.get(domain) == anchor


def _check_authority(certificate: x509.Certificate) -> None:
    """Raises ValueError: trusted as a CA, it would be taken as a caller, whatever the store says of it."""
    try:
        if certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return
    except x509.ExtensionNotFound:
        pass
    raise ValueError(f"{certificate.subject.rfc4514_string()[:80]} is no CA; make a single certificate known with: doorward cert register")


def read_leaf(chain: tuple[bytes, ...]) -> Leaf:
    """Raises Refused: MALFORMED, BAD_CERTIFICATE (not for this purpose)."""
    check_size(chain)
    leaf = _parsed(chain[:1])[0]
    try:
        for extension in leaf.extensions:
            value = extension.value
            if isinstance(value, x509.KeyUsage):
                _leaf_usage(None, leaf, value)
            elif isinstance(value, x509.ExtendedKeyUsage):
                _purpose(None, leaf, value)
        return Leaf(names_of(leaf), *_span(leaf), (leaf.issuer.public_bytes(), leaf.serial_number))
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType) as reason:
        raise Refused(Why.BAD_CERTIFICATE, note=_told(reason)) from None
    except (x509.DuplicateExtension, x509.InvalidVersion) as reason:
        raise Refused(Why.MALFORMED, note=_told(reason)) from None


def check_size(chain: tuple[bytes, ...]) -> None:
    """Before any work. Raises Refused(MALFORMED)."""
    if not 0 < len(chain) <= MOST_CERTIFICATES or any(len(each) > LARGEST for each in chain):
        raise Refused(Why.MALFORMED, note="too many certificates, or one that is too large")


def subject_of(der: bytes) -> str | None:
    """The subject's name as RFC 4514 writes it; None for what is no certificate."""
    try:
        return _load(der).subject.rfc4514_string()
    except (ValueError, TypeError, x509.InvalidVersion):
        return None


def mark_of(certificate: x509.Certificate) -> bytes:
    return hashlib.sha256(certificate.tbs_certificate_bytes + certificate.signature).digest()


def _parsed(chain: tuple[bytes, ...]) -> list[x509.Certificate]:
    try:
        return [_load(each) for each in chain]
    except (ValueError, TypeError, x509.InvalidVersion) as reason:
        raise Refused(Why.MALFORMED, note=_told(reason)) from None


def _load(der: bytes) -> x509.Certificate:
    """Raises ValueError, also for a serial that is not positive (RFC 5280 section 4.1.2.2), of which `cryptography` warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", CryptographyDeprecationWarning)
        try:
            return x509.load_der_x509_certificate(der)
        except CryptographyDeprecationWarning as reason:
            raise ValueError(str(reason)) from None


def _span(certificate: x509.Certificate) -> tuple[float, float]:
    return certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()


def _told(reason: Exception) -> str:
    return str(reason)[:200] or reason.__class__.__name__


def _leaf_usage(_: Policy | None, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and (not usage.digital_signature or usage.key_cert_sign):
        raise ValueError("its key usage is not that of a client: digitalSignature, and not keyCertSign")


def _purpose(_: Policy | None, __: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    if usage is not None and not any(each in usage for each in _PURPOSE):
        raise ValueError("its extended key usage does not hold clientAuth")


def _signs(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("its issuer's key usage does not hold keyCertSign")


_ANY: Final = Criticality.AGNOSTIC
_LEAF: Final = (
    ExtensionPolicy.webpki_defaults_ee()
    .may_be_present(x509.SubjectAlternativeName, _ANY, None)
    .may_be_present(x509.AuthorityKeyIdentifier, _ANY, None)
    .may_be_present(x509.KeyUsage, _ANY, _leaf_usage)
    .may_be_present(x509.ExtendedKeyUsage, _ANY, _purpose)
)
_CA: Final = (
    ExtensionPolicy.webpki_defaults_ca().may_be_present(x509.AuthorityKeyIdentifier, _ANY, None).may_be_present(x509.KeyUsage, _ANY, _signs)
)
