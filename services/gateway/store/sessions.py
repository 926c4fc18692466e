"""The tables `sessions` and `mailed_tokens`: digests only, so a dump signs nobody in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.domain.session import Session
from services.gateway.store.accounts import SESSION_COLUMNS, identity_of
from shared.db import Database

Purpose = Literal["verify_email", "reset_password"]
_PAGE = 1_000


async def insert(
    connection: AsyncConnection, token_hash: bytes, account_id: str, *, at: datetime, expires_at: datetime
) -> None:
    await connection.execute(
        text(
            "INSERT INTO sessions (token_hash, account_id, created_at, expires_at)"
            " VALUES (:token_hash, :account_id, :at, :expires_at)"
        ),
        {"token_hash": token_hash, "account_id": account_id, "at": at, "expires_at": expires_at},
    )


async def load(database: Database, token_hashes: Sequence[bytes]) -> dict[bytes, Session]:
    """Sessions and their accounts in one round trip, by primary keys."""
    async with database.engine.connect() as connection:
        rows = await connection.execute(
            text(
                f"SELECT sessions.token_hash, sessions.expires_at, {SESSION_COLUMNS} FROM sessions"  # noqa: S608
                " JOIN accounts ON accounts.id = sessions.account_id"
                " WHERE sessions.token_hash = ANY(CAST(:token_hashes AS bytea[]))"
            ),
            {"token_hashes": list(token_hashes)},
        )
        return {
            row.token_hash: Session(row.token_hash, identity_of(row, row.mailbox_lookup), row.expires_at)
            for row in rows
        }


async def delete(connection: AsyncConnection, token_hash: bytes) -> bool:
    """End one session; whether there was one."""
    gone = await connection.execute(
        text("DELETE FROM sessions WHERE token_hash = :token_hash"), {"token_hash": token_hash}
    )
    return gone.rowcount == 1


async def delete_of_account(connection: AsyncConnection, account_id: str) -> None:
    """End every session of an account."""
    await connection.execute(text("DELETE FROM sessions WHERE account_id = :id"), {"id": account_id})


async def insert_mailed(
    connection: AsyncConnection,
    token_hash: bytes,
    account_id: str,
    purpose: Purpose,
    *,
    at: datetime,
    expires_at: datetime,
) -> None:
    """Keep one mailed token; what the account had for that purpose is void from now on."""
    await delete_mailed(connection, account_id, purpose)
    await connection.execute(
        text(
            "INSERT INTO mailed_tokens (token_hash, account_id, purpose, created_at, expires_at)"
            " VALUES (:token_hash, :account_id, :purpose, :at, :expires_at)"
        ),
        {
            "token_hash": token_hash,
            "account_id": account_id,
            "purpose": purpose,
            "at": at,
            "expires_at": expires_at,
        },
    )


async def use_mailed(connection: AsyncConnection, token_hash: bytes, purpose: Purpose, *, at: datetime) -> str | None:
    """Use a token up: whose it is, or None where it is unknown, used, late or for another purpose."""
    account_id = await connection.scalar(
        text(
            "DELETE FROM mailed_tokens WHERE token_hash = :token_hash AND purpose = :purpose AND expires_at > :at"
            " RETURNING account_id"
        ),
        {"token_hash": token_hash, "purpose": purpose, "at": at},
    )
    assert account_id is None or isinstance(account_id, str)
    return account_id


async def delete_mailed(connection: AsyncConnection, account_id: str, purpose: Purpose) -> None:
    await connection.execute(
        text("DELETE FROM mailed_tokens WHERE account_id = :account_id AND purpose = :purpose"),
        {"account_id": account_id, "purpose": purpose},
    )


async def forget_ended(database: Database, *, at: datetime) -> bool:
    """Delete a page of sessions and mailed tokens past their end; whether there may be more."""
    counts = []
    async with database.transaction() as connection:
        for table in ("sessions", "mailed_tokens"):
            gone = await connection.execute(
                text(
                    f"DELETE FROM {table} WHERE token_hash IN"  # noqa: S608
                    f" (SELECT token_hash FROM {table} WHERE expires_at < :at LIMIT {_PAGE})"
                ),
                {"at": at},
            )
            counts.append(gone.rowcount)
    return max(counts) == _PAGE
