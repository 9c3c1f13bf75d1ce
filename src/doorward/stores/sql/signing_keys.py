"""Signing keys, sealed."""

from typing import Final

from doorward.core.signing import SigningKey
from doorward.stores.sql import Row

ADD: Final = """INSERT INTO signing_keys (kid, alg, sealed, sealed_by, public, created_at, active_at, retired_at, gone_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
CHANGE: Final = "UPDATE signing_keys SET active_at = $2, retired_at = $3, gone_at = $4, sealed = $5, sealed_by = $6 WHERE kid = $1"
ALL: Final = """SELECT kid, alg, sealed, sealed_by, public, created_at, active_at, retired_at, gone_at
FROM signing_keys ORDER BY created_at, kid"""


def row_of(key: SigningKey) -> Row:
    return (
        *(key.kid, key.alg, key.sealed, key.sealed_by, key.public),
        *(key.created_at, key.active_at, key.retired_at, key.gone_at),
    )


def change_of(key: SigningKey) -> Row:
    return key.kid, key.active_at, key.retired_at, key.gone_at, key.sealed, key.sealed_by


def key_of(row: Row) -> SigningKey:
    kid, alg, sealed, sealed_by, public, created_at, active_at, retired_at, gone_at = row
    return SigningKey(
        kid=kid,
        alg=alg,
        sealed=sealed,
        sealed_by=sealed_by,
        public=public,
        created_at=created_at,
        active_at=active_at,
        retired_at=retired_at,
        gone_at=gone_at,
    )
