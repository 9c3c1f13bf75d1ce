"""Grants, and the tickets under them."""

from typing import Final

from doorward.core.grant import Grant, Ticket
from doorward.stores.sql import Row
from doorward.stores.sql.packing import pack_data, pack_words, unpack_data, unpack_words

KEPT_AFTER_END: Final = 24 * 3600.0
"""Seconds an expired grant stays, so that the reuse of an old token is still known for what it is."""

ADD: Final = """INSERT INTO grants (id, kind, subject, created_at, client, scopes, authenticated_at, expires_at, revoked_at, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
# The update is the lock: on PostgreSQL it holds the row until the transaction ends.
HOLD: Final = """UPDATE grants SET id = id WHERE id = $1
RETURNING id, kind, subject, created_at, client, scopes, authenticated_at, expires_at, revoked_at, data,
    (SELECT min(ended_at) FROM accounts WHERE name IN (grants.subject, grants.client)),
    (SELECT at FROM epochs WHERE name = grants.subject)"""
END: Final = "UPDATE grants SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING id"
SWEEP: Final = """DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE expires_at < $1 ORDER BY expires_at LIMIT $2) RETURNING 1"""

TICKET: Final = """SELECT kind, lookup, holder, grant_id, created_at, expires_at, spent_at, successor, data
FROM tickets WHERE kind = $1 AND lookup = $2"""
ADD_TICKET: Final = """INSERT INTO tickets (kind, lookup, holder, grant_id, created_at, expires_at, spent_at, successor, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
SPEND: Final = """UPDATE tickets SET spent_at = $4, successor = $5
WHERE kind = $1 AND lookup = $2 AND holder = $3 AND expires_at > $4 AND spent_at IS NULL
RETURNING kind, lookup, holder, grant_id, created_at, expires_at, spent_at, successor, data"""
SPENT: Final = TICKET + " AND holder = $3 AND expires_at > $4"
SWEEP_TICKETS: Final = """DELETE FROM tickets WHERE (kind, lookup) IN (
    SELECT kind, lookup FROM tickets WHERE expires_at < $1 ORDER BY expires_at LIMIT $2) RETURNING 1"""


def grant_of(row: Row) -> Grant:
    """Of `HOLD`: `revoked_at` is the earliest of the grant's own, its subject's or client's end, and an epoch at or after its making."""
    id, kind, subject, created_at, client, scopes, authenticated_at, expires_at, revoked_at, data, ended_at, epoch = row
    ends = [end for end in (revoked_at, ended_at, epoch if epoch is not None and epoch >= created_at else None) if end is not None]
    return Grant(
        id=id,
        kind=kind,
        subject=subject,
        created_at=created_at,
        client=client,
        scopes=unpack_words(scopes),
        authenticated_at=authenticated_at,
        expires_at=expires_at,
        revoked_at=min(ends, default=None),
        data=unpack_data(data),
    )


def row_of(grant: Grant) -> Row:
    """The parameters of `ADD`."""
    return (
        *(grant.id, grant.kind, grant.subject, grant.created_at, grant.client, pack_words(grant.scopes)),
        *(grant.authenticated_at, grant.expires_at, grant.revoked_at, pack_data(grant.data)),
    )


def ticket_of(row: Row) -> Ticket:
    kind, lookup, holder, grant_id, created_at, expires_at, spent_at, successor, data = row
    return Ticket(
        kind=kind,
        lookup=lookup,
        holder=holder,
        grant_id=grant_id,
        created_at=created_at,
        expires_at=expires_at,
        spent_at=spent_at,
        successor=successor,
        data=unpack_data(data),
    )


def ticket_row(ticket: Ticket) -> Row:
    """The parameters of `ADD_TICKET`."""
    return (
        *(ticket.kind, ticket.lookup, ticket.holder, ticket.grant_id, ticket.created_at, ticket.expires_at),
        *(ticket.spent_at, ticket.successor, pack_data(ticket.data)),
    )
