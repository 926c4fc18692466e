"""The table `license_keys`: what each key is found by, and what it is made of. No key lies here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = "key_hash, license_id, salt_sealed, secret_version, minted_at, valid_until"


@dataclass(frozen=True, slots=True, repr=False)
class KeyRow:
    """`valid_until` (real time) is the end of a replaced key's overlap; None: this is the license's own."""

    key_hash: bytes
    license_id: str
    salt_sealed: bytes
    secret_version: int
    minted_at: datetime
    valid_until: datetime | None = None


async def insert(connection: AsyncConnection, key: KeyRow) -> None:
    """A license's own key; the one before must have been replaced."""
    await connection.execute(
        text(
            f"INSERT INTO license_keys ({_COLUMNS})"  # noqa: S608
            " VALUES (:key_hash, :license_id, :salt_sealed, :secret_version, :minted_at, NULL)"
        ),
        {
            "key_hash": key.key_hash,
            "license_id": key.license_id,
            "salt_sealed": key.salt_sealed,
            "secret_version": key.secret_version,
            "minted_at": key.minted_at,
        },
    )


async def current(connection: AsyncConnection, license_id: str) -> KeyRow:
    """The license's own key."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM license_keys WHERE license_id = :id AND valid_until IS NULL"),  # noqa: S608
        {"id": license_id},
    )
    return KeyRow(*found.one())


async def replace(connection: AsyncConnection, license_id: str, *, valid_until: datetime, real_now: datetime) -> None:
    """End the license's own key at `valid_until`, and one that is still in its overlap now: with the key that is to
    come, no more than two work at any time. The license's row is locked."""
    await connection.execute(
        text(
            "UPDATE license_keys SET valid_until = CASE WHEN valid_until IS NULL THEN :until ELSE :real_now END"
            " WHERE license_id = :id AND (valid_until IS NULL OR valid_until > :real_now)"
        ),
        {"id": license_id, "until": valid_until, "real_now": real_now},
    )


async def live_versions(connection: AsyncConnection, *, real_now: datetime) -> Mapping[int, int]:
    """How many keys of licenses that have not ended for good bear each version of the master secret, those in their
    overlap included. Reads both tables."""
    found = await connection.execute(
        text(
            "SELECT secret_version, count(*) FROM license_keys JOIN licenses ON licenses.id = license_id"
            " WHERE (valid_until IS NULL OR valid_until > :real_now)"
            " AND billing_state NOT IN ('revoked', 'void') AND admin_state <> 'revoked' GROUP BY 1"
        ),
        {"real_now": real_now},
    )
    return {row.secret_version: row[1] for row in found}
