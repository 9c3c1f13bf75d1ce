"""Credentials: statements, and the way between a row and a Credential.

`marks` = env, kind, start, last4, replaces, key's not_before, scopes, limits, name; parted by the ASCII unit separator, the
name last, since it alone is free text. A column costs a reader 0.2 µs, a part of `marks` 0.02 µs (SQLite 3.40).
"""

import json
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Final

from doorward.core.credential import NO_LIMITS, Credential, Limits
from doorward.core.limit import Rate
from doorward.stores.sql import Row
from doorward.stores.sql.packing import NOTHING, pack_data, pack_words, unpack_data, unpack_words

_PART: Final = "\x1f"

# A grant that is named but not there has been swept: whatever hung on it has ended.
_FOUND: Final = """c.id, c.verifier, c.key_id, c.owner, c.created_at, c.expires_at, c.revoked_at, c.seen_at,
    c.grant_id, c.marks, c.data, a.kind, a.ended_at, e.at,
    CASE WHEN c.grant_id IS NULL THEN NULL WHEN g.id IS NULL THEN c.created_at ELSE g.revoked_at END
FROM credentials c
LEFT JOIN accounts a ON a.name = c.owner
LEFT JOIN epochs e ON e.name = c.owner
LEFT JOIN grants g ON g.id = c.grant_id
"""
_COLUMNS: Final = "SELECT c.method, c.lookup, " + _FOUND
FIND: Final = "SELECT " + _FOUND + "WHERE c.method = $1 AND c.lookup = $2"
GET: Final = _COLUMNS + "WHERE c.id = $1"
LIST: Final = _COLUMNS + "WHERE c.id > $1 ORDER BY c.id LIMIT $2"
LIST_METHOD: Final = (
    _COLUMNS + "WHERE c.id IN (SELECT id FROM credentials WHERE method = $3 AND id > $1 ORDER BY id LIMIT $2) ORDER BY c.id"  # noqa: S608 - both are constants
)
LIST_OWNER: Final = _COLUMNS + "WHERE c.id > $1 AND c.owner = $3 ORDER BY c.id LIMIT $2"
LIST_METHOD_OWNER: Final = _COLUMNS + "WHERE c.id > $1 AND c.method = $3 AND c.owner = $4 ORDER BY c.id LIMIT $2"
# Ended ones last: they must not crowd the living out of the sixteen. `|| ''` keeps SQLite's planner from walking all
# keys of the method, which it takes for few.
FIND_BY_START: Final = _COLUMNS + "WHERE c.imported_start = $2 AND c.method || '' = $1 ORDER BY c.revoked_at IS NOT NULL, c.id LIMIT 16"

ADD: Final = """INSERT INTO credentials (method, lookup, id, verifier, key_id, owner, created_at, expires_at, revoked_at, seen_at,
    grant_id, marks, data, imported_start)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING RETURNING id"""
HAS_LOOKUP: Final = "SELECT 1 FROM credentials WHERE method = $1 AND lookup = $2"
END: Final = "UPDATE credentials SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING id"
LIMIT: Final = """UPDATE credentials SET expires_at = CASE WHEN expires_at < $2 THEN expires_at ELSE $2 END
WHERE id = $1 AND revoked_at IS NULL RETURNING id"""
CHANGE_VERIFIER: Final = "UPDATE credentials SET verifier = $3, key_id = $4 WHERE id = $1 AND verifier = $2 RETURNING id"
TOUCH: Final = "UPDATE credentials SET seen_at = $2, expires_at = coalesce($3, expires_at) WHERE id = $1 AND revoked_at IS NULL"
SWEEP_SESSIONS: Final = """DELETE FROM credentials WHERE id IN (
    SELECT id FROM credentials WHERE method = 'session' AND expires_at < $1 ORDER BY expires_at LIMIT $2) RETURNING 1"""
SWEEP_TOKENS: Final = SWEEP_SESSIONS.replace("'session'", "'access_token'")
SWEEP_CERTIFICATES: Final = SWEEP_SESSIONS.replace("'session'", "'mtls'")


def _maker(*names: str) -> Callable[..., Credential]:
    """Fills the slots directly: the constructor of a frozen dataclass takes three times as long, and this is on every
    request's way. Written out and compiled, as `dataclasses` does with its own."""
    lines = [f"def make({', '.join(names)}):", "  credential = new(Credential)", *(f"  set_{name}(credential, {name})" for name in names)]
    scope: dict[str, Any] = {f"set_{name}": getattr(Credential, name).__set__ for name in names}
    exec("\n".join((*lines, "  return credential")), scope | {"new": object.__new__, "Credential": Credential}, scope)  # noqa: S102
    make: Callable[..., Credential] = scope["make"]
    return make


_make: Final = _maker(
    *("method", "lookup", "id", "verifier", "key_id", "owner", "created_at", "expires_at", "revoked_at", "seen_at", "grant_id"),
    *("env", "kind", "start", "last4", "replaces", "not_before", "scopes", "limits", "name"),
    *("data", "owner_kind", "ended_at", "owner_epoch"),
)


def credential_of(row: Row) -> Credential:
    """Of `GET` and the lists."""
    return found_credential(row[0], row[1], row[2:])


def found_credential(method: str, lookup: str, row: Row) -> Credential:
    """Of `FIND`."""
    (
        id,
        verifier,
        key_id,
        owner,
        created_at,
        expires_at,
        revoked_at,
        seen_at,
        grant_id,
        marks,
        data,
        owner_kind,
        ended_at,
        epoch,
        grant_end,
    ) = row
    env, kind, start, last4, replaces, not_before, scopes, limits, name = marks.split(_PART, 8)
    if grant_end is not None and (ended_at is None or grant_end < ended_at):
        ended_at = grant_end
    return _make(
        *(method, lookup, id, verifier, key_id, owner, created_at, expires_at, revoked_at, seen_at, grant_id),
        *(env, kind, start, last4, replaces or None, float(not_before) if not_before else None),
        unpack_words(scopes[1:]) if scopes else None,
        unpack_limits(limits) if limits else NO_LIMITS,
        name,
        unpack_data(data) if data else NOTHING,
        owner_kind or "",
        ended_at,
        epoch,
    )


def row_of(credential: Credential) -> Row:
    """The parameters of `ADD`. Raises ValueError for a unit separator in a part that is not free text."""
    parts = (
        credential.env,
        credential.kind,
        credential.start,
        credential.last4,
        credential.replaces or "",
        "" if credential.not_before is None else repr(float(credential.not_before)),
        "" if credential.scopes is None else "=" + pack_words(credential.scopes),
        pack_limits(credential.limits),
    )
    if any(_PART in part for part in parts):
        raise ValueError("a credential's marks hold no control characters")
    # Keys of our own are found by their id; an imported one by its hash, or if that is salted by its start.
    imported_start = credential.start if credential.start and credential.lookup != credential.id else None
    return (
        *(credential.method, credential.lookup, credential.id, credential.verifier, credential.key_id, credential.owner),
        *(credential.created_at, credential.expires_at, credential.revoked_at, credential.seen_at, credential.grant_id),
        _PART.join((*parts, credential.name)),
        pack_data(credential.data),
        imported_start,
    )


def pack_limits(limits: Limits) -> str:
    if limits == NO_LIMITS:
        return ""
    rate = None if limits.rate is None else [limits.rate.count, limits.rate.seconds]
    return json.dumps([limits.methods, [str(each) for each in limits.networks], limits.origins, rate], separators=(",", ":"))


@lru_cache(maxsize=4096)
def unpack_limits(text: str) -> Limits:
    methods, networks, origins, rate = json.loads(text)
    return Limits(tuple(methods), tuple(map(ip_network, networks)), tuple(origins), None if rate is None else Rate(*rate))
