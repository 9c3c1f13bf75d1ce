"""The closed list of things that happen, and what becomes of each: journaled, only counted, or announced."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final


class Kind(Enum):
    INSTALLED = "installed"
    KEY_CREATED = "key.created"
    KEY_IMPORTED = "key.imported"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    KEY_ENDING = "key.ending"
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_CHANGED = "account.changed"
    ACCOUNT_ENDED = "account.ended"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - the name of an event
    PASSWORD_UPGRADED = "password.upgraded"  # noqa: S105 - the name of an event
    CLIENT_CREATED = "client.created"
    CLIENT_CHANGED = "client.changed"
    CLIENT_SECRET_ROTATED = "client.secret_rotated"  # noqa: S105 - the name of an event
    CLIENT_ENDED = "client.ended"
    SUBJECT_REVOKED = "subject.revoked"
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    SESSION_REVOKED = "session.revoked"
    TOKEN_ISSUED = "token.issued"  # noqa: S105 - the name of an event
    TOKEN_GIVEN = "token.given"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - the name of an event
    TOKEN_REFRESHED = "token.refreshed"  # noqa: S105 - the name of an event
    REFRESH_REUSED = "refresh.reused"
    GRANT_REVOKED = "grant.revoked"
    SIGNING_KEY_PUBLISHED = "signing_key.published"
    SIGNING_KEY_RETIRED = "signing_key.retired"
    SECRETS_ROTATED = "secrets.rotated"
    AUTHORITY_CREATED = "ca.created"
    CERTIFICATE_ISSUED = "certificate.issued"
    CERTIFICATE_REGISTERED = "certificate.registered"
    CERTIFICATE_REVOKED = "certificate.revoked"
    CERTIFICATE_ENDING = "certificate.ending"
    REFUSED = "refused"
    ADMITTED = "admitted"
    UNKNOWN = "unknown"


COUNTED_ONLY: Final = frozenset({Kind.ADMITTED, Kind.TOKEN_GIVEN})
"""In the usage counters, never in the journal: what happens at every request, and a JWT that a client asked for (docs/adr/0014)."""
SUMMED: Final = frozenset({Kind.REFUSED})
"""One journal row per (source, why, minute): a flood of bad credentials must not write (DECISIONS 6)."""
READ_ONLY: Final = frozenset({Kind.UNKNOWN})
"""Never written: what is read of a journal row whose kind is not in this list."""
JOURNALED: Final = frozenset(Kind) - COUNTED_ONLY - SUMMED - READ_ONLY
"""One journal row each, in the transaction that does the thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`subject` is whom or what it is about, `actor` who did it; `data` holds no secret."""

    kind: Kind
    subject: str
    at: float
    actor: str = ""
    why: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


class Topic(Enum):
    """What a change announced to every worker is about."""

    CREDENTIAL = "credential"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - the id is a jti
    GRANT = "grant"
    SUBJECT = "subject"
    CLIENT = "client"
    SIGNING_KEYS = "signing_keys"
    AUTHORITY = "authority"
    PASSWORD = "password"  # noqa: S105 - the id is an account name


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Announced in the transaction that makes it; `seq` is given by the store, in the order of commits.

    `until`: when nobody needs to know any more, since all it revokes has expired by then.
    """

    topic: Topic
    id: str
    at: float
    until: float
    seq: int = 0
