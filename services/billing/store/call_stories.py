"""What one call left in the ledger, by the id that its gateway gave its hold and its charge: the call's own."""

from dataclasses import dataclass
from uuid import UUID

from services.billing.domain.ledger.usage import CallHold
from services.billing.store.ledger_connection import Ledger


@dataclass(frozen=True, slots=True)
class Traces:
    """A call's hold, its charge or capture, and the reversal of that."""

    hold: CallHold | None
    transfer_id: UUID | None
    reversal_id: UUID | None


async def traces(ledger: Ledger, account_id: str, request_id: UUID) -> Traces:
    """By the primary keys of the three tables alone, in one round trip. A hold that was captured names its capture;
    one that lapsed was charged under its own id."""
    row = await ledger.fetchrow(
        """
        SELECT hold.amount AS held, hold.captured, hold.state, hold.expires_at,
               charge.id AS transfer_id, given_back.reversal_id
        FROM (SELECT $1::text AS account_id, $2::uuid AS id) AS call
        LEFT JOIN holds AS hold ON hold.account_id = $1 AND hold.id = $2 AND hold.request_id IS NOT NULL
        LEFT JOIN transfers AS charge
               ON charge.account_id = $1 AND charge.id = coalesce(hold.capture_id, $2) AND charge.kind = 'charge'
        LEFT JOIN reversals AS given_back
               ON given_back.account_id = $1 AND given_back.charge_id = charge.id AND given_back.amount > 0
        """,
        account_id,
        request_id,
    )
    hold = None
    if row["state"] is not None:
        hold = CallHold(row["held"], row["captured"], row["state"], row["expires_at"])
    return Traces(hold, row["transfer_id"], row["reversal_id"])
