"""Accounts, and the epochs of any name."""

from typing import Final

from doorward.core.account import Account
from doorward.stores.sql import Row
from doorward.stores.sql.packing import pack_data, pack_words, unpack_data, unpack_words

_COLUMNS: Final = """SELECT a.name, a.kind, a.created_at, a.email, a.scopes, a.roles, a.ended_at, e.at, a.data
FROM accounts a LEFT JOIN epochs e ON e.name = a.name
"""
FIND: Final = _COLUMNS + "WHERE a.name = $1"
FIND_BY_EMAIL: Final = _COLUMNS + "WHERE a.email_folded = $1"
LIST: Final = _COLUMNS + "WHERE a.name > $1 ORDER BY a.name LIMIT $2"
LIST_KIND: Final = _COLUMNS + "WHERE a.name > $1 AND a.kind = $3 ORDER BY a.name LIMIT $2"

ADD: Final = """INSERT INTO accounts (name, kind, created_at, email, email_folded, scopes, roles, ended_at, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING name"""
HAS_NAME: Final = "SELECT 1 FROM accounts WHERE name = $1"
HAS_EMAIL: Final = "SELECT 1 FROM accounts WHERE email_folded = $1 AND name <> $2"
CHANGE: Final = "UPDATE accounts SET email = $2, email_folded = $3, scopes = $4, roles = $5, data = $6 WHERE name = $1"
END: Final = "UPDATE accounts SET ended_at = $2 WHERE name = $1 AND ended_at IS NULL RETURNING name"
# A minute at most: what a clock that was wrong had made must not lock its owner out.
SET_EPOCH: Final = """INSERT INTO epochs (name, at) VALUES ($1, min($2 + 60, max(
    $2,
    coalesce((SELECT max(created_at) FROM grants WHERE subject = $1), $2),
    coalesce((SELECT max(created_at) FROM credentials WHERE method = 'session' AND owner = $1), $2)
)))
ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE epochs.at < excluded.at"""


def account_of(row: Row) -> Account:
    name, kind, created_at, email, scopes, roles, ended_at, epoch, data = row
    return Account(
        name=name,
        kind=kind,
        created_at=created_at,
        email=email,
        scopes=unpack_words(scopes),
        roles=unpack_words(roles),
        ended_at=ended_at,
        epoch=epoch,
        data=unpack_data(data),
    )


def row_of(account: Account) -> Row:
    """The parameters of `ADD`."""
    return (
        account.name,
        account.kind,
        account.created_at,
        *_contact(account),
        *_rights(account),
        account.ended_at,
        pack_data(account.data),
    )


def change_of(account: Account) -> Row:
    """The parameters of `CHANGE`."""
    return (account.name, *_contact(account), *_rights(account), pack_data(account.data))


def fold(email: str) -> str:
    return email.casefold()


def _contact(account: Account) -> Row:
    return account.email, None if account.email is None else fold(account.email)


def _rights(account: Account) -> Row:
    return pack_words(account.scopes), pack_words(account.roles)
