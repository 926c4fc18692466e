"""The table `mails_asked`: mails that siblings asked for, each once."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.mails import Template


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for which mail to whom."""

    service: str
    message_id: str
    account_id: str
    template: Template

    @property
    def mail_id(self) -> str:
        """The mail's id in `mail_outbox`, and so its Message-ID: the same whenever and wherever it is made."""
        return f"mail_{sha256(f'{self.service}/{self.message_id}'.encode()).hexdigest()[:32]}"


async def note(connection: AsyncConnection, asked: Asked, *, at: datetime) -> bool:
    """Note it; False where it was asked for before. Of two at once, the second waits until the first is committed. The
    account must exist."""
    added = await connection.execute(
        text(
            "INSERT INTO mails_asked (service, message_id, mail_id, account_id, template, asked_at)"
            " VALUES (:service, :message_id, :mail_id, :account_id, :template, :at)"
            " ON CONFLICT (service, message_id) DO NOTHING"
        ),
        {
            "service": asked.service,
            "message_id": asked.message_id,
            "mail_id": asked.mail_id,
            "account_id": asked.account_id,
            "template": asked.template,
            "at": at,
        },
    )
    return added.rowcount == 1
