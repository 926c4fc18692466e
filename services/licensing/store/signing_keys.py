"""The table `signing_keys`. Private parts come and go sealed; whoever opens them holds the service's key."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.signing_key import ListedKey

_LISTED = "kid, public_key, not_before, retired_at"


@dataclass(frozen=True, slots=True, repr=False)
class SealedKey:
    """A key with its sealed private part; None once that was erased."""

    listed: ListedKey
    private_sealed: bytes | None


async def all_keys(connection: AsyncConnection) -> list[ListedKey]:
    """Every key that there ever was, the newest first."""
    rows = await connection.execute(
        text(f"SELECT {_LISTED} FROM signing_keys ORDER BY not_before DESC, kid")  # noqa: S608
    )
    return [ListedKey(row.kid, bytes(row.public_key), row.not_before, row.retired_at) for row in rows]


async def keys_ending_after(connection: AsyncConnection, now: datetime) -> list[SealedKey]:
    """Those that sign now or will. A handful of rows at most."""
    rows = await connection.execute(
        text(f"SELECT {_LISTED}, private_sealed FROM signing_keys WHERE retired_at IS NULL OR retired_at > :now"),  # noqa: S608
        {"now": now},
    )
    return [
        SealedKey(ListedKey(row.kid, bytes(row.public_key), row.not_before, row.retired_at), row.private_sealed)
        for row in rows
    ]


async def add_if_none(connection: AsyncConnection, key: ListedKey, sealed: bytes, *, at: datetime) -> bool:
    """Keep a key without an end unless there is one; whether it was kept. Of several at once the index takes one; the
    others wait for its commit."""
    result = await connection.execute(
        text(
            "INSERT INTO signing_keys (kid, public_key, private_sealed, not_before, created_at)"
            " VALUES (:kid, :public_key, :sealed, :not_before, :at) ON CONFLICT DO NOTHING"
        ),
        {"kid": key.kid, "public_key": key.public_key, "sealed": sealed, "not_before": key.not_before, "at": at},
    )
    return result.rowcount == 1


async def lock_newest(connection: AsyncConnection) -> ListedKey | None:
    """The key without an end. Locks its row until the transaction ends, so that one rotation runs at a time."""
    row = (
        await connection.execute(
            text(f"SELECT {_LISTED} FROM signing_keys WHERE retired_at IS NULL FOR UPDATE")  # noqa: S608
        )
    ).first()
    return None if row is None else ListedKey(row.kid, bytes(row.public_key), row.not_before, row.retired_at)


async def retire(connection: AsyncConnection, kid: str, at: datetime) -> None:
    """It signs until then. The newest key must be locked."""
    await connection.execute(
        text("UPDATE signing_keys SET retired_at = greatest(:at, not_before) WHERE kid = :kid"), {"kid": kid, "at": at}
    )


async def bring_forward(connection: AsyncConnection, newest: ListedKey, at: datetime) -> None:
    """Let the newest key, which must be locked, sign from now on, and those before it no more."""
    await connection.execute(
        text("UPDATE signing_keys SET retired_at = greatest(:at, not_before) WHERE retired_at > :at"), {"at": at}
    )
    await connection.execute(
        text("UPDATE signing_keys SET not_before = :at WHERE kid = :kid"), {"kid": newest.kid, "at": at}
    )


async def erase_retired(connection: AsyncConnection, now: datetime) -> None:
    """Forget the private parts of keys that sign no more."""
    await connection.execute(
        text("UPDATE signing_keys SET private_sealed = NULL WHERE retired_at <= :now AND private_sealed IS NOT NULL"),
        {"now": now},
    )
