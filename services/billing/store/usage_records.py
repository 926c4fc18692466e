"""Usage records: one for each call, written in the transaction of its charge or of its hold's end."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.billing.domain.ledger.book import UsageChange
from services.billing.domain.ledger.usage import Ending, UsageRecord
from services.billing.store.ledger_connection import Ledger


async def save(ledger: Ledger, changes: Sequence[UsageChange], *, at: datetime) -> None:
    """Write what a batch does to calls' records: new ones, then changes to those that are there."""
    await _upsert(ledger, [change for change in changes if change.call is not None], at=at)
    await _change(ledger, [change for change in changes if change.call is None or change.credits < 0])


async def _upsert(ledger: Ledger, changes: Sequence[UsageChange], *, at: datetime) -> None:
    """A call that is charged again (after a reversal) adds to its own record. Given back credits are `_change`'s."""
    if not changes:
        return
    calls = [change.call for change in changes if change.call is not None]
    await ledger.execute(
        """
        INSERT INTO usage_records AS kept (account_id, request_id, route, key_id, price_version, calls, tokens, units,
                                           held, credits, outcome, flagged, created_at)
        SELECT *, $13::timestamptz
        FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::bigint[],
                    $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::boolean[])
        ON CONFLICT (account_id, request_id) DO UPDATE
        SET credits = kept.credits + excluded.credits, held = kept.held + excluded.held, calls = excluded.calls,
            tokens = excluded.tokens, units = excluded.units, flagged = kept.flagged OR excluded.flagged,
            outcome = CASE excluded.outcome WHEN 'unknown' THEN kept.outcome ELSE excluded.outcome END
        """,
        [change.account_id for change in changes],
        [change.request_id for change in changes],
        [call.route for call in calls],
        [call.key_id for call in calls],
        [call.price_version for call in calls],
        [call.calls for call in calls],
        [call.tokens for call in calls],
        [call.units for call in calls],
        [change.held for change in changes],
        [max(change.credits, 0) for change in changes],
        [change.outcome for change in changes],
        [call.flagged for call in calls],
        at,
    )


async def _change(ledger: Ledger, changes: Sequence[UsageChange]) -> None:
    if not changes:
        return
    await ledger.execute(
        """
        UPDATE usage_records SET credits = usage_records.credits + new.credits, outcome = new.outcome
        FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[]) AS new (account_id, request_id, credits, outcome)
        WHERE usage_records.account_id = new.account_id AND usage_records.request_id = new.request_id
          AND usage_records.request_id = ANY($2::uuid[])
        """,
        [change.account_id for change in changes],
        [change.request_id for change in changes],
        [change.credits for change in changes],
        [change.outcome for change in changes],
    )


async def tell_endings(ledger: Ledger, endings: Sequence[Ending]) -> None:
    """Write outcome and latency of calls whose records are there. Rows are taken in the order of their keys. The ids'
    bounds leave out months that none of them names, and what a plan without the key would else read."""
    if not endings:
        return
    told = {(ending.account_id, ending.request_id): ending for ending in endings}
    keys = sorted(told)
    request_ids = [request_id for _, request_id in keys]
    await ledger.execute(
        """
        UPDATE usage_records SET outcome = told.outcome, latency_ms = told.latency_ms
        FROM unnest($1::text[], $2::uuid[], $3::text[], $4::integer[])
             AS told (account_id, request_id, outcome, latency_ms)
        WHERE usage_records.account_id = told.account_id AND usage_records.request_id = told.request_id
          AND usage_records.request_id BETWEEN $5 AND $6
        """,
        [account_id for account_id, _ in keys],
        request_ids,
        [told[key].outcome for key in keys],
        [told[key].latency_ms for key in keys],
        min(request_ids),
        max(request_ids),
    )


async def find(ledger: Ledger, account_id: str, request_id: UUID) -> UsageRecord | None:
    """One call of the account's own."""
    row = await ledger.fetchrow(
        "SELECT request_id, route, key_id, price_version, calls, tokens, units, held, credits, outcome, flagged,"
        " latency_ms, created_at FROM usage_records WHERE account_id = $1 AND request_id = $2",
        account_id,
        request_id,
    )
    return UsageRecord(**row) if row is not None else None


async def find_under_way(ledger: Ledger, account_id: str, request_id: UUID) -> UsageRecord | None:
    """A call whose hold is still open, and whose record therefore is not written yet."""
    row = await ledger.fetchrow(
        """
        SELECT request_id, route, key_id, price_version, 1 AS calls, 0 AS tokens, 0 AS units, amount AS held,
               0 AS credits, 'unknown' AS outcome, false AS flagged, NULL::integer AS latency_ms, created_at
        FROM holds WHERE account_id = $1 AND state = 'open' AND request_id = $2
        """,
        account_id,
        request_id,
    )
    return UsageRecord(**row) if row is not None else None
