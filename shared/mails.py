"""Mail that a service asks for: a row written in the transaction of what it tells of, handed to the gateway afterwards.

Each schema that has one owns its table `mails`; whoever calls here has that schema's connection. A mail is asked for
once for each message id, and reaches the gateway at least once; the gateway takes a message id once. Pauses and leases
are real time.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

import orjson
from prometheus_client import Counter, Gauge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.contracts.mails import MailRequest, Template, kept_values, path_of
from shared.db import Database
from shared.http_client import ServiceClient, SiblingUnavailable
from shared.loops import Loop
from shared.telemetry import REGISTRY, logger

EVERY_SECONDS = 1.0
PAGE = 20
LEASE = timedelta(seconds=60)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=5)
MOST_ATTEMPTS = 600
"""Two days of them, the gateway being away; then the mail is parked, for an operator to see."""

HANDED_OVER = Counter(
    "tollgate_mails_total", "Mails that this process handed to the gateway, or did not.", ["outcome"], registry=REGISTRY
)
PARKED = Gauge("tollgate_mails_parked", "Mails of this service that were given up.", registry=REGISTRY)
_ACCEPTED, _NOT_FOUND = 202, 404


@dataclass(frozen=True, slots=True, repr=False)
class Mail:
    """One that is to be handed over. `id` is its message id; `values` lack what is secret. It has no repr."""

    id: str
    account_id: str
    template: Template
    values: dict[str, str]
    attempts: int


Resolve = Callable[[Mail], Awaitable[Mapping[str, str]]]
"""What is added to a mail's values when it is handed over: the template's `SECRET` ones."""


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


def loop(name: str, database: Database, client: ServiceClient, clock: Clock, resolve: Resolve | None = None) -> Loop:
    """Hands waiting mails to the gateway, which `client` asks. Any number may run at once."""
    return Loop(name, EVERY_SECONDS, partial(hand_over_due, database, client, clock, resolve), by_clock=True)


async def parked(database: Database) -> list[tuple[str, str, str]]:
    """Up to 1,000 that were given up: message id, template, and what the last attempt met."""
    async with database.transaction() as connection:
        rows = await connection.execute(
            text("SELECT id, template, last_error FROM mails WHERE state = 'parked' ORDER BY id LIMIT 1000")
        )
        return [(row.id, row.template, row.last_error or "") for row in rows]


async def revive(database: Database) -> int:
    """Have all that were given up handed over anew; how many."""
    async with database.transaction() as connection:
        revived = await connection.execute(
            text(
                "UPDATE mails SET state = 'waiting', attempts = 0, next_attempt_at = '-infinity' WHERE state = 'parked'"
            )
        )
    return revived.rowcount


async def hand_over_due(
    database: Database, client: ServiceClient, clock: Clock, resolve: Resolve | None = None
) -> bool:
    """Hand a page of what is due to the gateway; whether there may be more. One that fails waits, and the others go
    on."""
    due = await _claim(database, at=clock.real_now())
    for mail in due:
        await _hand_over(database, client, clock, resolve, mail)
    return len(due) == PAGE


async def _hand_over(
    database: Database, client: ServiceClient, clock: Clock, resolve: Resolve | None, mail: Mail
) -> None:
    try:
        added = await resolve(mail) if resolve else {}
        status = await _put(client, mail, added)
    except SiblingUnavailable as error:
        await _postpone(database, clock, mail, str(error))
    except Exception as error:  # noqa: BLE001 - the others of this page are claimed, and wait for nobody's fault
        await _postpone(database, clock, mail, type(error).__name__)
    else:
        if status == _ACCEPTED:
            await _close(database, mail, "sent", at=clock.real_now())
        elif status == _NOT_FOUND:
            logger.warning("mail_dropped", mail=mail.id, template=mail.template, error="no such account")
            await _close(database, mail, "dropped", error="no such account")
        else:
            await _postpone(database, clock, mail, f"gateway: {status}")


async def _put(client: ServiceClient, mail: Mail, added: Mapping[str, str]) -> int:
    body = MailRequest(account_id=mail.account_id, template=mail.template, values={**mail.values, **added})
    return (await client.put(path_of(mail.id), body)).status_code


async def _postpone(database: Database, clock: Clock, mail: Mail, error: str) -> None:
    """Later again, at growing pauses; parked after `MOST_ATTEMPTS`. `error` holds nothing of the mail."""
    if mail.attempts >= MOST_ATTEMPTS:
        logger.error("mail_parked", mail=mail.id, template=mail.template, error=error)
        await _close(database, mail, "parked", error=error)
        return
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(mail.attempts - 1, 10))
    logger.warning("mail_postponed", mail=mail.id, template=mail.template, attempt=mail.attempts, error=error)
    HANDED_OVER.labels("postponed").inc()
    async with database.transaction() as connection:
        await connection.execute(
            text("UPDATE mails SET next_attempt_at = :until, last_error = :error WHERE id = :id"),
            {"until": clock.real_now() + pause, "error": error, "id": mail.id},
        )


async def _claim(database: Database, *, at: datetime) -> list[Mail]:
    """Take up to a page of mails that are due, for a lease; two at once take different ones (SKIP LOCKED).

    Most often there are none: a glance on the raw pool, served by `mails_due`, costs a tenth of a transaction. It
    counts the parked ones too, of which there are few (`mails_parked`)."""
    pool = await database.asyncpg_pool()
    glance = await pool.fetchrow(
        "SELECT EXISTS (SELECT FROM mails WHERE state = 'waiting' AND next_attempt_at <= $1) AS any_due,"
        " (SELECT count(*) FROM mails WHERE state = 'parked') AS parked",
        at,
    )
    PARKED.set(glance["parked"])
    if not glance["any_due"]:
        return []
    async with database.transaction() as connection:
        rows = await connection.execute(
            text(
                """
                WITH due AS (SELECT id FROM mails WHERE state = 'waiting' AND next_attempt_at <= :at
                             ORDER BY next_attempt_at, created_at, id LIMIT :limit FOR UPDATE SKIP LOCKED),
                taken AS (UPDATE mails SET attempts = attempts + 1, next_attempt_at = :until
                          FROM due WHERE mails.id = due.id
                          RETURNING mails.id, account_id, template, content, attempts, created_at)
                SELECT id, account_id, template, content, attempts FROM taken ORDER BY created_at, id
                """
            ),
            {"at": at, "until": at + LEASE, "limit": PAGE},
        )
        return [Mail(*row) for row in rows]


async def _close(
    database: Database,
    mail: Mail,
    state: Literal["sent", "dropped", "parked"],
    *,
    at: datetime | None = None,
    error: str | None = None,
) -> None:
    """Nothing more is done about it."""
    async with database.transaction() as connection:
        await connection.execute(
            text("UPDATE mails SET state = :state, sent_at = :at, last_error = :error WHERE id = :id"),
            {"state": state, "at": at, "error": error, "id": mail.id},
        )
    HANDED_OVER.labels(state).inc()
