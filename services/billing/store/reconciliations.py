"""The table `reconciliations`, and what a run looks up."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.books.posting import money_of
from services.billing.domain.reconciliation import Difference, Report
from shared.db import Database
from shared.money import Money

_PAGE = 1_000
_COLUMNS = "id, days, started_at, finished_at, checked, differences, drift"


async def begin(connection: AsyncConnection, report_id: str, *, days: int, at: datetime, apart_seconds: int) -> bool:
    """Begin a run unless another began less than so long ago; whether it began. One asks at a time."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('billing.reconciliation'))"))
    begun = await connection.execute(
        text(
            "INSERT INTO reconciliations (id, days, started_at) SELECT :id, :days, :at WHERE NOT EXISTS ("
            " SELECT FROM reconciliations WHERE asked_at > now() - make_interval(secs => :apart))"
        ),
        {"id": report_id, "days": days, "at": at, "apart": apart_seconds},
    )
    return begun.rowcount == 1


async def finish(connection: AsyncConnection, report: Report) -> None:
    """Keep what the run found."""
    await connection.execute(
        text(
            "UPDATE reconciliations SET finished_at = :at, checked = CAST(:checked AS jsonb),"
            " differences = CAST(:differences AS jsonb), drift = CAST(:drift AS jsonb) WHERE id = :id"
        ),
        {
            "id": report.id,
            "at": report.finished_at,
            "checked": orjson.dumps(dict(report.checked)).decode(),
            "differences": _differences(report.differences),
            "drift": orjson.dumps(dict(report.drift_minor)).decode(),
        },
    )


async def fail(connection: AsyncConnection, report_id: str, error: str, found: Sequence[Difference]) -> None:
    """The run ended without a result; what it had found until then, and may have repaired, is kept."""
    await connection.execute(
        text("UPDATE reconciliations SET error = :error, differences = CAST(:differences AS jsonb) WHERE id = :id"),
        {"id": report_id, "error": error, "differences": _differences(found)},
    )


async def repaired_since(connection: AsyncConnection, since: datetime) -> dict[str, int]:
    """What runs begun since then (real time) repaired, by kind, those that failed afterwards among them. Served by
    `reconciliations_by_asking`."""
    found = await connection.execute(
        text(
            "SELECT difference ->> 'kind' AS kind, count(*) AS repaired"
            " FROM reconciliations CROSS JOIN LATERAL jsonb_array_elements(differences) AS difference"
            " WHERE asked_at > :since AND (difference -> 'repaired')::boolean GROUP BY kind"
        ),
        {"since": since},
    )
    return {row.kind: row.repaired for row in found}


async def exists(connection: AsyncConnection, report_id: str) -> bool:
    found: bool = await connection.scalar(
        text("SELECT EXISTS (SELECT FROM reconciliations WHERE id = :id)"), {"id": report_id}
    )
    return found


async def page(connection: AsyncConnection, *, after: str | None, limit: int) -> list[Report]:
    """Finished runs, newest first."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM reconciliations WHERE finished_at IS NOT NULL"  # noqa: S608
            " AND (CAST(:after AS text) IS NULL OR id < :after) ORDER BY id DESC LIMIT :limit"
        ),
        {"after": after, "limit": limit},
    )
    return [_report(row) for row in found]


async def known_events(connection: AsyncConnection, stripe_ids: Collection[str]) -> set[str]:
    """Which of these events of Stripe's have come."""
    found = await connection.execute(
        text("SELECT stripe_event_id FROM webhook_events WHERE stripe_event_id = ANY(:ids)"), {"ids": list(stripe_ids)}
    )
    return {row.stripe_event_id for row in found}


async def noted_nets(connection: AsyncConnection, transaction_ids: Collection[str]) -> dict[str, Money]:
    """What those of these transactions of Stripe's balance that were noted came to, as they were booked. By the primary
    key."""
    found = await connection.execute(
        text("SELECT id, net_minor, currency FROM stripe_transactions WHERE id = ANY(:ids)"),
        {"ids": list(transaction_ids)},
    )
    return {row.id: Money(row.net_minor, row.currency) for row in found}


async def credited_charges(
    database: Database, *, since: datetime, until: datetime
) -> AsyncIterator[list[tuple[str, Money]]]:
    """Charge and amount of the payments made since `since` and credited before `until`, in pages, each read by itself.
    Served by `payments_by_time`."""
    after: tuple[datetime, str] = (since, "")
    while True:
        async with database.transaction() as connection:
            found = await connection.execute(
                text(
                    "SELECT id, created_at, charge_id, amount_minor, currency FROM payments"
                    " WHERE (created_at, id) > (:at, :id) AND succeeded_at < :until AND charge_id IS NOT NULL"
                    " ORDER BY created_at, id LIMIT :limit"
                ),
                {"at": after[0], "id": after[1], "until": until, "limit": _PAGE},
            )
            rows = found.all()
        if not rows:
            return
        yield [(row.charge_id, Money(row.amount_minor, row.currency)) for row in rows]
        after = (rows[-1].created_at, rows[-1].id)


async def dispute_status(connection: AsyncConnection, stripe_dispute_id: str) -> str | None:
    """What we know of a dispute of Stripe's."""
    found: str | None = await connection.scalar(
        text("SELECT status FROM disputes WHERE stripe_dispute_id = :id"), {"id": stripe_dispute_id}
    )
    return found


async def balances(connection: AsyncConnection) -> dict[str, int]:
    """The ledger's Stripe account by currency, in minor units."""
    found = await connection.execute(
        text(
            "SELECT currency, sum(micros)::bigint AS micros FROM money_entries WHERE ledger_account = 'stripe_balance'"
            " GROUP BY currency"
        )
    )
    return {row.currency: money_of(row.micros, row.currency).amount_minor for row in found}


async def forget_old(connection: AsyncConnection, *, before: datetime, limit: int) -> int:
    """Delete a batch of runs from before then; how many."""
    deleted = await connection.execute(
        text(
            "DELETE FROM reconciliations WHERE id IN"
            " (SELECT id FROM reconciliations WHERE asked_at < :before LIMIT :limit)"
        ),
        {"before": before, "limit": limit},
    )
    return deleted.rowcount


def _differences(found: Sequence[Difference]) -> str:
    return orjson.dumps([each.as_view() for each in found]).decode()


def _report(row: Row[tuple[object, ...]]) -> Report:
    return Report(
        id=row.id,
        days=row.days,
        started_at=row.started_at,
        finished_at=row.finished_at,
        checked=row.checked,
        differences=tuple(Difference(**each) for each in row.differences),
        drift_minor=row.drift,
    )
