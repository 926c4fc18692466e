"""The money book's lines: append-only. The service's role can't update or delete them.

Micros of each currency's major unit; a debit is over zero.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.books.posting import Line, MoneyKind, MoneyPosting, money_of
from shared.money import Money


async def insert(connection: AsyncConnection, posting: MoneyPosting, *, at: datetime) -> bool:
    """Append the posting whole, or, where it is there already, nothing; whether it was appended. Whoever writes the
    first line writes the others, so two who book the same at once never mix theirs: the second waits for the first's
    transaction."""
    written = await connection.execute(
        text(
            """
            WITH lines AS (
                SELECT line::smallint, ledger_account, currency, micros
                FROM unnest(CAST(:accounts AS text[]), CAST(:currencies AS text[]), CAST(:micros AS bigint[]))
                     WITH ORDINALITY AS given (ledger_account, currency, micros, line)
            ), first AS (
                INSERT INTO money_entries (kind, reference, line, ledger_account, currency, micros, occurred_at)
                SELECT :kind, :reference, line, ledger_account, currency, micros, :at FROM lines WHERE line = 1
                ON CONFLICT (kind, reference, line) DO NOTHING
                RETURNING kind, reference, occurred_at
            )
            INSERT INTO money_entries (kind, reference, line, ledger_account, currency, micros, occurred_at)
            SELECT first.kind, first.reference, line, ledger_account, currency, micros, first.occurred_at
            FROM lines CROSS JOIN first WHERE line > 1
            """
        ),
        {
            "kind": posting.kind.value,
            "reference": posting.reference,
            "accounts": [line.ledger_account for line in posting.lines],
            "currencies": [line.currency for line in posting.lines],
            "micros": [line.micros for line in posting.lines],
            "at": at,
        },
    )
    return written.rowcount > 0


async def lines_of(connection: AsyncConnection, reference: str, kinds: Collection[MoneyKind]) -> list[Line]:
    """The lines of a reference's postings of these kinds, in order. By the primary key."""
    found = await connection.execute(
        text(
            "SELECT ledger_account, currency, micros FROM money_entries"
            " WHERE kind = ANY(:kinds) AND reference = :reference ORDER BY id"
        ),
        {"kinds": [kind.value for kind in kinds], "reference": reference},
    )
    return [Line(row.ledger_account, row.currency, row.micros) for row in found]


async def owed_for(connection: AsyncConnection, source: str) -> Money | None:
    """What Stripe owed us at first for a charge, or ceased to for a refund or dispute (under zero), of Stripe's id;
    None where it is none of ours, or nothing has been booked for it yet. Served by `payments_of_charge` and
    `money_entries_of_reference`."""
    found = await connection.execute(
        text(
            """
            SELECT currency, micros FROM money_entries
            WHERE ledger_account = 'receivables'
              AND (kind IN ('refund_made', 'dispute_opened') AND reference = :source
                   OR kind = 'payment_received' AND reference IN (SELECT id FROM payments WHERE charge_id = :source))
            """
        ),
        {"source": source},
    )
    row = found.first()
    return None if row is None else money_of(row.micros, row.currency)
