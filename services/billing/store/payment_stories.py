"""What other tables hold of one payment, for its story. Nothing here locks anything."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.books.posting import Line, MoneyKind, MoneyPosting
from services.billing.domain.ledger.transfer import Posted
from services.billing.domain.payment_story import Booked, Noticed
from services.billing.domain.reconciliation import Difference
from services.billing.store import transfers
from services.billing.store.ledger_connection import ledger_of


async def entries(connection: AsyncConnection, account_id: str, ids: Collection[UUID]) -> list[Posted]:
    """Those transfers of the account's. By the primary key."""
    ledger = await ledger_of(connection)
    found = [await transfers.posted_one(ledger, account_id, transfer_id) for transfer_id in ids]
    return [each for each in found if each is not None]


async def postings(connection: AsyncConnection, references: Collection[str]) -> list[Booked]:
    """The money book's postings with these references, in order. Served by `money_entries_of_reference`."""
    found = await connection.execute(
        text(
            "SELECT kind, reference, ledger_account, currency, micros, occurred_at FROM money_entries"
            " WHERE reference = ANY(:references) ORDER BY id"
        ),
        {"references": list(references)},
    )
    lines: dict[tuple[str, str, datetime], list[Line]] = defaultdict(list)
    for row in found:
        lines[row.kind, row.reference, row.occurred_at].append(Line(row.ledger_account, row.currency, row.micros))
    return [
        Booked(MoneyPosting(MoneyKind(kind), reference, tuple(of_it)), at)
        for (kind, reference, at), of_it in lines.items()
    ]


async def refunds_since(connection: AsyncConnection, payment_id: str) -> dict[str, datetime]:
    """Since when each of the payment's refunds has been what it is. Served by `refunds_of_payment`."""
    found = await connection.execute(
        text("SELECT id, updated_at FROM refunds WHERE payment_id = :payment_id"), {"payment_id": payment_id}
    )
    return {row.id: row.updated_at for row in found}


async def noticed(connection: AsyncConnection, subjects: Collection[str]) -> list[Noticed]:
    """What reconciliations found about these objects of Stripe's, oldest first. Served by
    `reconciliations_by_difference`."""
    found = await connection.execute(
        text(
            """
            SELECT id, finished_at, difference ->> 'kind' AS kind, difference ->> 'subject' AS subject,
                   difference ->> 'ours' AS ours, difference ->> 'theirs' AS theirs,
                   (difference -> 'repaired')::boolean AS repaired
            FROM reconciliations CROSS JOIN LATERAL jsonb_array_elements(differences) AS difference
            WHERE differences @> ANY(CAST(:wanted AS jsonb[])) AND difference ->> 'subject' = ANY(:subjects)
              AND finished_at IS NOT NULL
            ORDER BY id
            """
        ),
        {"wanted": [_naming(subject) for subject in subjects], "subjects": list(subjects)},
    )
    return [
        Noticed(row.id, row.finished_at, Difference(row.kind, row.subject, row.ours, row.theirs, row.repaired))
        for row in found
    ]


def _naming(subject: str) -> str:
    return orjson.dumps([{"subject": subject}]).decode()
