"""Usage: how answered calls ended, one call's story, and sums over a period."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.billing.domain.ledger.usage import Bucket, Ending, Story, UsageRecord, UsageSum
from services.billing.service import Billing
from services.billing.store import call_stories, usage_records, usage_rollups
from services.billing.store.ledger_connection import Ledger, ledger_transaction
from services.billing.use_cases.entry_proof import sealed_at
from shared.errors import Invalid, NotFound

DEFAULT_SPAN = timedelta(days=30)
LONGEST_SPANS = {Bucket.HOUR: timedelta(days=31)}
LONGEST_SPAN = timedelta(days=366)
_MOST_BUCKETS = 1_000


async def tell_endings(billing: Billing, endings: Sequence[Ending]) -> None:
    """Write down how calls ended. Telling twice changes nothing; a call without a record is left out."""
    if endings:
        await billing.poster.tell_endings(endings)


async def read_call(billing: Billing, account_id: str, request_id: UUID | None) -> Story:
    """One call of the account's own, finished or with its hold still open, and its traces. Raises NotFound."""
    if request_id is not None:
        async with ledger_transaction(billing.database) as ledger:
            record = await usage_records.find(ledger, account_id, request_id)
            record = record or await usage_records.find_under_way(ledger, account_id, request_id)
            if record is not None:
                return await _story(ledger, account_id, record)
    raise NotFound("call")


async def _story(ledger: Ledger, account_id: str, call: UsageRecord) -> Story:
    found = await call_stories.traces(ledger, account_id, call.request_id)
    sealed = await sealed_at(ledger, account_id, found.transfer_id) if found.transfer_id is not None else None
    return Story(call, found.hold, found.transfer_id, found.reversal_id, sealed)


async def sum_usage(
    billing: Billing, account_id: str, *, start: datetime | None, end: datetime | None, by: Bucket
) -> list[UsageSum]:
    """Sums over [start, end), by default the last 30 days. Raises Invalid for a period that is empty or too long."""
    end = end or billing.clock.now() + timedelta(seconds=1)
    start = start if start is not None else _before(end, DEFAULT_SPAN)
    longest = LONGEST_SPANS.get(by, LONGEST_SPAN)
    if not start < end:
        raise Invalid("query:/from", "must be before `to`")
    if end - start > longest:
        raise Invalid("query:/from", f"must be at most {longest.days} days before `to` with this grouping")
    async with ledger_transaction(billing.database) as ledger:
        return await usage_rollups.summed(
            ledger,
            account_id,
            start=start,
            end=end,
            ahead=billing.clock.now() - billing.clock.real_now(),
            by=by,
            limit=_MOST_BUCKETS,
        )


def _before(end: datetime, span: timedelta) -> datetime:
    try:
        return end - span
    except OverflowError as error:
        raise Invalid("query:/to", "is not a time that anything happened at") from error
