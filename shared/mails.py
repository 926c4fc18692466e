"""Mail that a service asks for: a row written in the transaction of what it tells of, handed to the gateway afterwards.

Each schema that has one owns its table `mails`; whoever calls here has that schema's connection. A mail is asked for
once for each message id, and reaches the gateway at least once; the gateway takes a message id once.
"""

from collections.abc import Mapping
from datetime import datetime

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.mails import Template, kept_values


async def enqueue(
    connection: AsyncConnection,
    message_id: str,
    account_id: str,
    template: Template,
    values: Mapping[str, str],
    *,
    at: datetime,
) -> bool:
    """Ask for a mail; False where it was asked for before. `message_id` is made of what the mail tells of
    (`sub_01J...:payment_failed:in_...:2`); `values` are `kept_values` of the template, neither more nor fewer, and hold
    no secret. `at` is business time."""
    assert values.keys() == kept_values(template), f"{template} needs {sorted(kept_values(template))}"
    added = await connection.execute(
        text(
            "INSERT INTO mails (id, account_id, template, content, created_at)"
            " VALUES (:id, :account_id, :template, CAST(:content AS jsonb), :at) ON CONFLICT (id) DO NOTHING"
        ),
        {
            "id": message_id,
            "account_id": account_id,
            "template": template,
            "content": orjson.dumps(dict(values)).decode(),
            "at": at,
        },
    )
    return added.rowcount == 1
