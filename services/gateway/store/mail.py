"""The table `mail_outbox`: mail on its way, recipient and content sealed. A row goes once it is sent or given up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.store.vault import Vault
from shared.contracts import mails
from shared.db import Database
from shared.ids import new_id

Template = Literal["verify_email", "reset_password", "reset_requested"] | mails.Template
"""The gateway's own, and those that siblings ask for. `reset_requested` is no mail yet: somebody gave an address, and
whose it is has not been asked."""

MOST_ATTEMPTS = 60
"""Two days of them, the mail server being away."""
LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, repr=False)
class Mail:
    """One mail to be sent: a template and what it says. It has no repr."""

    id: str
    template: Template
    recipient: str
    values: dict[str, str]
    attempts: int


async def enqueue(
    connection: AsyncConnection,
    vault: Vault,
    *,
    account_id: str,
    template: Template,
    recipient: str,
    values: Mapping[str, str],
    at: datetime,
    mail_id: str | None = None,
) -> None:
    """Write one mail in the transaction of what it tells of. `mail_id` is a new one unless it is given."""
    mail_id = mail_id or new_id("mail", at=at)
    await connection.execute(
        text(
            "INSERT INTO mail_outbox (id, account_id, template, recipient_sealed, content_sealed, created_at,"
            " next_attempt_at) VALUES (:id, :account_id, :template, :recipient, :content, :at, :at)"
        ),
        {
            "id": mail_id,
            "account_id": account_id,
            "template": template,
            "recipient": vault.seal(recipient, column="mail_outbox.recipient", owner=mail_id),
            "content": vault.seal(orjson.dumps(dict(values)).decode(), column="mail_outbox.content", owner=mail_id),
            "at": at,
        },
    )


async def claim_due(database: Database, vault: Vault, *, at: datetime, limit: int) -> list[Mail]:
    """Take mails that are due for a minute, the oldest first; two senders at once take different ones (SKIP LOCKED).

    Most often there are none: a glance on the raw pool costs a tenth of a transaction."""
    pool = await database.asyncpg_pool()
    if not await pool.fetchval("SELECT EXISTS (SELECT FROM mail_outbox WHERE next_attempt_at <= $1)", at):
        return []
    async with database.transaction() as connection:
        rows = await connection.execute(
            text(
                """
                WITH taken AS (
                    UPDATE mail_outbox SET attempts = attempts + 1, next_attempt_at = :lease_until
                    WHERE id IN (SELECT id FROM mail_outbox WHERE next_attempt_at <= :at ORDER BY next_attempt_at
                                 LIMIT :limit FOR UPDATE SKIP LOCKED)
                    RETURNING id, template, recipient_sealed, content_sealed, attempts, created_at)
                SELECT * FROM taken ORDER BY created_at, id
                """
            ),
            {"at": at, "lease_until": at + LEASE, "limit": limit},
        )
        return [
            Mail(
                id=row.id,
                template=row.template,
                recipient=vault.unseal(row.recipient_sealed, column="mail_outbox.recipient", owner=row.id),
                values=orjson.loads(vault.unseal(row.content_sealed, column="mail_outbox.content", owner=row.id)),
                attempts=row.attempts,
            )
            for row in rows
        ]


async def delete(database: Database, mail_id: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("DELETE FROM mail_outbox WHERE id = :id"), {"id": mail_id})


async def postpone(database: Database, mail_id: str, *, until: datetime, error: str) -> None:
    """Try again at `until`; `error` is the kind of failure, without the server's words."""
    async with database.transaction() as connection:
        await connection.execute(
            text("UPDATE mail_outbox SET next_attempt_at = :until, last_error = :error WHERE id = :id"),
            {"until": until, "error": error, "id": mail_id},
        )
