"""What a client certificate says of its holder: SPIFFE ID, DNS name, common name. Read, not believed: that is for who verified it.

SPIFFE  exactly one URI of the scheme spiffe, with a path (X509-SVID sections 2 and 4.1, SPIFFE-ID section 2)
DNS     the first dNSName, in lower case; a name that is no host name (wildcards, NUL) spoils the certificate
CN      the only one, of plain characters; none below a CA with name constraints, which hold for alternative names alone
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from doorward.core.errors import Refused, Why

SCHEME: Final = "spiffe://"
MOST_NAMES: Final = 64
_SPIFFE: Final = re.compile(r"spiffe://([a-z0-9._-]{1,255})((?:/[A-Za-z0-9._-]{1,1024})+)")
_DNS: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?)*")
_COMMON_NAME: Final = re.compile(r"[^\W_](?:[\w .@'-]{0,126}[\w.])?")
"""Neither colon nor slash: it must not be taken for a URI."""


@dataclass(frozen=True, slots=True)
class Names:
    spiffe: str | None = None
    dns: str | None = None
    common_name: str | None = None


def names_of(certificate: x509.Certificate) -> Names:
    """Raises Refused(BAD_CERTIFICATE) for names that could be read in two ways."""
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Names(common_name=_common_name(certificate))
    if len(alternative) > MOST_NAMES:
        raise _bad("too many names")
    hosts = [name.lower() for name in alternative.get_values_for_type(x509.DNSName)]
    if strange := [name for name in hosts if not _DNS.fullmatch(name)]:
        raise _bad(f"{strange[0][:80]!r} is no host name")
    uris = alternative.get_values_for_type(x509.UniformResourceIdentifier)
    spiffe = [uri for uri in uris if uri[: len(SCHEME)].lower() == SCHEME]
    if spiffe and len(uris) != 1:
        raise _bad("a SPIFFE certificate has one URI")  # X509-SVID section 2
    if spiffe:
        trust_domain(spiffe[0])
    return Names(next(iter(spiffe), None), next(iter(hosts), None), _common_name(certificate))


def names_below(certificate: x509.Certificate, above: Iterable[x509.Certificate]) -> Names:
    """Of a leaf below these CAs (RFC 5280 section 4.2.1.10). Raises Refused(BAD_CERTIFICATE)."""
    names = names_of(certificate)
    limited = any(isinstance(extension.value, x509.NameConstraints) for each in above for extension in each.extensions)
    return replace(names, common_name=None) if limited else names


def trust_domain(uri: str) -> str:
    """Raises Refused(BAD_CERTIFICATE) for what is no SPIFFE ID of a workload."""
    match = _SPIFFE.fullmatch(uri)
    if match is None or len(uri) > 2048 or any(part in (".", "..") for part in match[2].split("/")):
        raise _bad(f"{uri[:80]!r} is no SPIFFE ID of a workload")
    return match[1]


def _common_name(certificate: x509.Certificate) -> str | None:
    """None for none, several, or one that is no plain name."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(found) != 1 or not isinstance(found[0].value, str) or not _COMMON_NAME.fullmatch(found[0].value):
        return None
    return found[0].value


def _bad(note: str) -> Refused:
    return Refused(Why.BAD_CERTIFICATE, note=note)
