"""The table `api_keys`. A key is found by its SHA-256; the key itself is nowhere."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.domain.api_key_limits import KeyLimits, Limits
from services.gateway.domain.key_record import KeyRecord
from services.gateway.domain.stored_key import ApiKey
from services.gateway.store.accounts import IDENTITY_COLUMNS, identity_of
from shared.db import Database
from shared.record_cache import kept_once

LOAD_SECONDS = 2.5
_COLUMNS = (
    "id, account_id, name, prefix, last4, scopes, allowed_ips, own_per_minute, own_per_day, most_per_minute,"
    " most_per_day, created_at, expires_at, revoked_at, banned_until, rotated_from"
)


def _limits(row: Row[Any]) -> KeyLimits:
    return KeyLimits(
        most=Limits(row.most_per_minute, row.most_per_day), own=Limits(row.own_per_minute, row.own_per_day)
    )


def _limit_columns(limits: KeyLimits) -> dict[str, object]:
    return {
        "own_per_minute": limits.own.per_minute,
        "own_per_day": limits.own.per_day,
        "most_per_minute": limits.most.per_minute,
        "most_per_day": limits.most.per_day,
    }


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        account_id=row.account_id,
        name=row.name,
        prefix=row.prefix,
        last4=row.last4,
        scopes=tuple(row.scopes),
        allowed_ips=tuple(row.allowed_ips),
        limits=_limits(row),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        banned_until=row.banned_until,
        rotated_from=row.rotated_from,
    )


async def load(database: Database, key_hashes: Sequence[bytes]) -> dict[bytes, KeyRecord]:
    """Those of the keys that are not revoked, with their accounts, in one round trip by the index on key_hash. A flood
    of bad keys asks all the time, hence the raw pool. TimeoutError past `LOAD_SECONDS`, and as long again for the
    connection to be given back: without a bound of its own that waits for PostgreSQL to hear of it."""
    pool = await database.asyncpg_pool()
    async with asyncio.timeout(LOAD_SECONDS), pool.acquire(timeout=LOAD_SECONDS) as connection:
        found = await connection.fetch(_LOAD, key_hashes)
    return {row["key_hash"]: _record(SimpleNamespace(**row)) for row in found}


_LOAD = f"""
    SELECT api_keys.key_hash, api_keys.id AS key_id, api_keys.scopes, api_keys.allowed_ips,
           api_keys.own_per_minute, api_keys.own_per_day, api_keys.most_per_minute, api_keys.most_per_day,
           api_keys.expires_at, api_keys.banned_until, {IDENTITY_COLUMNS}
    FROM api_keys JOIN accounts ON accounts.id = api_keys.account_id
    WHERE api_keys.key_hash = ANY($1::bytea[]) AND api_keys.revoked_at IS NULL
"""  # noqa: S608


def _record(row: Any) -> KeyRecord:
    return KeyRecord(
        key_id=row.key_id,
        identity=identity_of(row),
        scopes=kept_once(tuple(row.scopes)),
        allowed_ips=kept_once(tuple(row.allowed_ips)),
        limits=kept_once(_limits(row).effective),
        expires_at=row.expires_at,
        banned_until=row.banned_until,
    )


async def insert(connection: AsyncConnection, key: ApiKey, key_hash: bytes) -> None:
    await connection.execute(
        text(
            """
            INSERT INTO api_keys (id, account_id, key_hash, name, prefix, last4, scopes, allowed_ips, own_per_minute,
                own_per_day, most_per_minute, most_per_day, created_at, expires_at, banned_until, rotated_from)
            VALUES (:id, :account_id, :key_hash, :name, :prefix, :last4, :scopes, :allowed_ips, :own_per_minute,
                :own_per_day, :most_per_minute, :most_per_day, :created_at, :expires_at, :banned_until, :rotated_from)
            """
        ),
        {
            "id": key.id,
            "account_id": key.account_id,
            "key_hash": key_hash,
            "name": key.name,
            "prefix": key.prefix,
            "last4": key.last4,
            "scopes": list(key.scopes),
            "allowed_ips": list(key.allowed_ips),
            **_limit_columns(key.limits),
            "created_at": key.created_at,
            "expires_at": key.expires_at,
            "banned_until": key.banned_until,
            "rotated_from": key.rotated_from,
        },
    )


async def get(connection: AsyncConnection, key_id: str) -> ApiKey | None:
    row = (await connection.execute(text(f"SELECT {_COLUMNS} FROM api_keys WHERE id = :id"), {"id": key_id})).first()  # noqa: S608
    return _key(row) if row else None


async def get_locked(connection: AsyncConnection, key_id: str) -> ApiKey | None:
    """The key with its row locked until the transaction ends."""
    row = (
        await connection.execute(text(f"SELECT {_COLUMNS} FROM api_keys WHERE id = :id FOR UPDATE"), {"id": key_id})  # noqa: S608
    ).first()
    return _key(row) if row else None


async def live_page(
    connection: AsyncConnection, *, account_id: str | None, after: str | None, limit: int, at: datetime
) -> list[ApiKey]:
    """Up to `limit` live keys, the oldest first, beginning after `after`; of every account where none is named."""
    of_account = "account_id = :account_id AND" if account_id else ""
    rows = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM api_keys WHERE {of_account} id > :after AND revoked_at IS NULL"  # noqa: S608
            " AND (expires_at IS NULL OR expires_at > :at) ORDER BY id LIMIT :limit"
        ),
        {"account_id": account_id, "after": after or "", "at": at, "limit": limit}
        if account_id
        else {"after": after or "", "at": at, "limit": limit},
    )
    return [_key(row) for row in rows]


async def count_live(connection: AsyncConnection, account_id: str, *, at: datetime) -> int:
    count = await connection.scalar(
        text(
            "SELECT count(*) FROM api_keys WHERE account_id = :account_id AND revoked_at IS NULL"
            " AND (expires_at IS NULL OR expires_at > :at)"
        ),
        {"account_id": account_id, "at": at},
    )
    assert isinstance(count, int)
    return count


async def update(connection: AsyncConnection, key_id: str, change: Mapping[str, object]) -> ApiKey:
    """Set some of name, scopes, allowed_ips, limits (`KeyLimits`), expires_at, revoked_at, banned_until."""
    columns = _columns_of(change)
    assignments = ", ".join(f"{column} = :{column}" for column in columns)
    row = await connection.execute(
        text(f"UPDATE api_keys SET {assignments} WHERE id = :key_id RETURNING {_COLUMNS}"),  # noqa: S608
        {**columns, "key_id": key_id},
    )
    return _key(row.one())


_CHANGEABLE = frozenset({"name", "scopes", "allowed_ips", "limits", "expires_at", "revoked_at", "banned_until"})


def _columns_of(change: Mapping[str, object]) -> dict[str, object]:
    assert change and change.keys() <= _CHANGEABLE
    columns: dict[str, object] = {}
    for name, value in change.items():
        if isinstance(value, KeyLimits):
            columns |= _limit_columns(value)
        else:
            columns[name] = list(value) if isinstance(value, tuple) else value
    return columns
