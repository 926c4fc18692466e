"""Usage summed up: months that are over for good, by the hour, and the sums that customers ask for.

A month is counted either from its records or, once they were dropped, from its sums: which one, the marker says that is
written with the drop.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from services.billing.domain.ledger.transfer import NEWEST_ID, OLDEST_ID
from services.billing.domain.ledger.usage import Bucket, UsageSum
from services.billing.store.ledger_connection import Ledger
from shared.ids import first_uuid_at

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_ID = UUID(int=(1 << 128) - 1)
_BUCKET_NAMES = {
    Bucket.DAY: "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    Bucket.HOUR: """to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00:00"Z"')""",
    Bucket.ROUTE: "route",
    Bucket.KEY: "key_id",
}
_UNCHANGED_AFTER = 2 * OLDEST_ID + 2 * NEWEST_ID
"""A call's record changes with its charge's reversal at the latest, whose ids may each be `OLDEST_ID` behind."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a month is summed up, in the order of the records' key."""

    month: date
    account_id: str
    request_id: UUID


async def summed(
    ledger: Ledger, account_id: str, *, start: datetime, end: datetime, ahead: timedelta, by: Bucket, limit: int
) -> list[UsageSum]:
    """Sums over [start, end) by bucket, in the buckets' order; of dropped months, over the hours that begin in it.
    Records by their key: a call's id is at most so much older or newer than its record as the ledger takes ids, and
    `ahead` is how far business time is before real time. One statement, so that a month that is being dropped counts
    once."""
    rows: Sequence[Any] = await ledger.fetch(
        f"""
        WITH counted AS (
            SELECT created_at AS at, route, key_id, 1 AS requests, tokens, credits
            FROM usage_records WHERE account_id = $1 AND created_at >= $2 AND created_at < $3
                                 AND request_id >= $5 AND request_id < $6
            UNION ALL
            SELECT hour, route, key_id, requests, tokens, credits
            FROM usage_rollups JOIN usage_months USING (month)
            WHERE dropped_at IS NOT NULL AND account_id = $1 AND hour >= $2 AND hour < $3
        )
        SELECT {_BUCKET_NAMES[by]} AS bucket, sum(requests)::bigint AS calls, sum(tokens)::bigint AS tokens,
               sum(credits)::bigint AS credits
        FROM counted GROUP BY 1 ORDER BY 1 LIMIT $4
        """,  # noqa: S608 - the bucket is one of our own texts
        account_id,
        start,
        end,
        limit,
        _first_id(start, before=OLDEST_ID + max(ahead, timedelta())),
        _first_id(end, before=min(ahead, timedelta()) - NEWEST_ID),
    )
    return [UsageSum(**row) for row in rows]


async def begin_months(ledger: Ledger) -> None:
    """Mark months as over for good: those that no posting can reach any more, by the database's clock, and in which
    no call is running."""
    await ledger.execute(
        """
        INSERT INTO usage_months (month)
        SELECT month FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid,
               LATERAL (SELECT to_date(right(relname, 7), 'YYYY_MM') AS month) AS named,
               LATERAL (SELECT (month + interval '1 month') AT TIME ZONE 'UTC' AS end_at) AS its
        WHERE inhparent = 'usage_records'::regclass AND end_at < now() - $1::interval
          AND NOT EXISTS (SELECT FROM holds WHERE state = 'open' AND request_id < first_uuid_at(end_at))
        ORDER BY month ON CONFLICT DO NOTHING
        """,
        _UNCHANGED_AFTER,
    )


async def take_month(ledger: Ledger) -> Progress | None:
    """The oldest month that is not summed up yet, locked until the transaction ends; None also where another has
    it."""
    row = await ledger.fetchrow(
        "SELECT month, rolled_account, rolled_request FROM usage_months WHERE rolled_at IS NULL"
        " ORDER BY month LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    return Progress(*row) if row is not None else None


async def roll_up(ledger: Ledger, done: Progress, *, limit: int) -> Progress | None:
    """Add the next records to the month's sums, by the records' key; how far it then is, or None where there were
    none. The progress must be saved in the same transaction."""
    row = await ledger.fetchrow(
        """
        WITH page AS MATERIALIZED (
            SELECT account_id, request_id, date_trunc('hour', created_at, 'UTC') AS hour, route, key_id,
                   calls, tokens, units, credits
            FROM usage_records
            WHERE request_id >= $2 AND request_id < $3 AND (account_id, request_id) > ($4, $5::uuid)
            ORDER BY account_id, request_id LIMIT $6
        ), added AS (
            INSERT INTO usage_rollups AS kept
                (account_id, hour, route, key_id, month, requests, calls, tokens, units, credits)
            SELECT account_id, hour, route, key_id, $1, count(*), sum(calls), sum(tokens), sum(units), sum(credits)
            FROM page GROUP BY account_id, hour, route, key_id
            ON CONFLICT (account_id, hour, route, key_id, month) DO UPDATE
            SET requests = kept.requests + excluded.requests, calls = kept.calls + excluded.calls,
                tokens = kept.tokens + excluded.tokens, units = kept.units + excluded.units,
                credits = kept.credits + excluded.credits
        )
        SELECT account_id, request_id FROM page ORDER BY account_id DESC, request_id DESC LIMIT 1
        """,
        done.month,
        first_uuid_at(_begin(done.month)),
        first_uuid_at(_begin(_next(done.month))),
        done.account_id,
        done.request_id,
        limit,
    )
    return Progress(done.month, row["account_id"], row["request_id"]) if row is not None else None


async def save_progress(ledger: Ledger, done: Progress) -> None:
    await ledger.execute(
        "UPDATE usage_months SET rolled_account = $2, rolled_request = $3 WHERE month = $1",
        done.month,
        done.account_id,
        done.request_id,
    )


async def finish(ledger: Ledger, month: date) -> None:
    """Every record of the month is in its sums."""
    await ledger.execute("UPDATE usage_months SET rolled_at = now() WHERE month = $1", month)


async def month_to_drop(ledger: Ledger, *, keep: int) -> date | None:
    """The oldest month that is summed up and past the months to keep, by the database's clock."""
    found: date | None = await ledger.fetchval(
        "SELECT min(month) FROM usage_months WHERE rolled_at IS NOT NULL AND dropped_at IS NULL"
        " AND month < date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => $1)",
        keep,
    )
    return found


async def drop(ledger: Ledger, month: date, *, keep: int, timeout_ms: int) -> bool:
    """Drop the month's records and holds, which the owner's function does only where the sums are theirs."""
    await ledger.execute(f"SET LOCAL statement_timeout = {timeout_ms:d}")
    dropped: bool = await ledger.fetchval("SELECT drop_usage_month($1, $2)", month, keep)
    return dropped


def _begin(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _first_id(at: datetime, *, before: timedelta) -> UUID:
    """The smallest id of the instant so much before, within what ids can say."""
    try:
        return first_uuid_at(max(at - before, _EPOCH))
    except OverflowError:
        return UUID(int=0) if before > timedelta() else _LAST_ID
