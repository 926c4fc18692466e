"""Sums over the whole book, for reports. Nothing here locks anything or is kept.

Transfers are summed a month of ids at a time, so that no statement is longer than a month's rows.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.billing.domain.books.audit import PostingSum
from services.billing.domain.books.posting import MoneyKind
from services.billing.domain.books.reports import MoneySum
from services.billing.domain.chart_of_accounts import MAY_OVERDRAW, Kind
from services.billing.store.ledger_connection import Ledger

_POSTINGS_AT_ONCE = 2_000


async def transfers_by_kind(ledger: Ledger, *, start: datetime, end: datetime) -> dict[Kind, int]:
    """Millicredits of the transfers in [start, end) of business time, by kind."""
    sums: dict[Kind, int] = defaultdict(int)
    for first, after in await _months(ledger):
        rows = await ledger.fetch(
            """
            SELECT kind, sum(amount)::bigint AS amount FROM transfers
            WHERE id >= first_uuid_at($1) AND id < first_uuid_at($2) AND created_at >= $3 AND created_at < $4
              AND kind <> 'void'
            GROUP BY kind
            """,
            first,
            after,
            start,
            end,
        )
        for row in rows:
            sums[Kind(row["kind"])] += row["amount"]
    return dict(sums)


async def money_sums(ledger: Ledger, *, start: datetime, end: datetime) -> list[MoneySum]:
    """The money book's debits and credits in [start, end) of business time. Served by `money_entries_by_time`."""
    rows = await ledger.fetch(
        """
        SELECT kind, ledger_account, currency, coalesce(sum(micros) FILTER (WHERE micros > 0), 0)::bigint AS debit,
               coalesce(-sum(micros) FILTER (WHERE micros < 0), 0)::bigint AS credit
        FROM money_entries WHERE occurred_at >= $1 AND occurred_at < $2 GROUP BY kind, ledger_account, currency
        """,
        start,
        end,
    )
    return [MoneySum(**{**row, "kind": MoneyKind(row["kind"])}) for row in rows]


async def posting_sums(ledger: Ledger) -> AsyncIterator[Sequence[PostingSum]]:
    """What every money posting sums to in each of its currencies, in pages; follows the primary key."""
    cursor = await ledger.cursor(
        "SELECT kind, reference, currency, sum(micros)::bigint AS micros FROM money_entries"
        " GROUP BY kind, reference, currency ORDER BY kind, reference"
    )
    while rows := await cursor.fetch(_POSTINGS_AT_ONCE):
        yield [PostingSum(**{**row, "kind": MoneyKind(row["kind"])}) for row in rows]


@dataclass(frozen=True, slots=True)
class Standing:
    """A wallet after its last transfer before an instant."""

    account_id: str
    position: int
    balance: int


async def standings(ledger: Ledger, account_ids: Collection[str], *, at: datetime) -> list[Standing]:
    """Where these wallets stood at an instant, without those that had had no transfer. By the months' indexes of
    (account, position), backwards."""
    rows = await ledger.fetch(
        """
        SELECT asked.account_id, last.position, last.balance_after AS balance
        FROM unnest($1::text[]) AS asked (account_id) CROSS JOIN LATERAL (
            SELECT position, balance_after FROM transfers
            WHERE transfers.account_id = asked.account_id AND kind <> 'void' AND created_at < $2
            ORDER BY position DESC LIMIT 1) AS last
        """,
        list(account_ids),
        at,
    )
    return [Standing(**row) for row in rows]


async def accounts_with_promotions(ledger: Ledger, *, limit: int) -> AsyncIterator[Sequence[str]]:
    """Accounts that were ever given promotional credits, in pages."""
    async for page in _pages(
        ledger,
        "SELECT DISTINCT account_id FROM credit_grants WHERE kind = 'promotional' AND account_id > $1"
        " ORDER BY account_id LIMIT $2",
        limit,
    ):
        yield page


async def accounts_overdrawn(ledger: Ledger, *, limit: int) -> AsyncIterator[Sequence[str]]:
    """Accounts that refunds or disputes took credits of, which alone may be in debt, in pages. Served by
    `transfers_overdrawing`."""
    assert set(MAY_OVERDRAW) == {Kind.REFUND, Kind.DISPUTE}
    async for page in _pages(
        ledger,
        "SELECT DISTINCT account_id FROM transfers WHERE kind IN ('refund', 'dispute') AND account_id > $1"
        " ORDER BY account_id LIMIT $2",
        limit,
    ):
        yield page


async def _pages(ledger: Ledger, sql: str, limit: int) -> AsyncIterator[Sequence[str]]:
    last = ""
    while rows := await ledger.fetch(sql, last, limit):
        last = rows[-1]["account_id"]
        yield [row["account_id"] for row in rows]


async def _months(ledger: Ledger) -> list[tuple[datetime, datetime]]:
    """The months that transfers' ids name, from the first with one to the last."""
    rows = await ledger.fetch(
        """
        WITH ends AS (
            SELECT (SELECT id FROM transfers ORDER BY id LIMIT 1) AS first,
                   (SELECT id FROM transfers ORDER BY id DESC LIMIT 1) AS last
        ), months AS (
            SELECT date_trunc('month', to_timestamp(('x' || lpad(left(replace(id::text, '-', ''), 12), 16, '0'))
                                                    ::bit(64)::bigint / 1000.0), 'UTC') AS month, place
            FROM ends CROSS JOIN LATERAL (VALUES (first, 1), (last, 2)) AS each (id, place) WHERE id IS NOT NULL
        )
        SELECT month AS first, month + interval '1 month' AS after
        FROM generate_series((SELECT month FROM months WHERE place = 1), (SELECT month FROM months WHERE place = 2),
                             interval '1 month') AS month
        ORDER BY 1
        """
    )
    return [(row["first"], row["after"]) for row in rows]
