"""Who is behind a payment's steps."""

import asyncio

import pytest

from services.billing.domain.payment_step import Cause, CauseKind
from services.billing.use_cases.causes import caused_by, present_cause


def test_innermost_cause_counts_and_ends_with_its_block() -> None:
    assert present_cause() == Cause(CauseKind.UNKNOWN)
    with caused_by(CauseKind.RECONCILIATION, "rec_1"):
        with caused_by(CauseKind.EVENT, "evt_1"):
            assert present_cause() == Cause(CauseKind.EVENT, "evt_1")
        assert present_cause() == Cause(CauseKind.RECONCILIATION, "rec_1")
    assert present_cause() == Cause(CauseKind.UNKNOWN)


async def test_causes_of_tasks_that_run_at_once_are_their_own() -> None:
    async def worked(event_id: str) -> Cause:
        with caused_by(CauseKind.EVENT, event_id):
            await asyncio.sleep(0)
            return present_cause()

    assert await asyncio.gather(worked("evt_1"), worked("evt_2")) == [
        Cause(CauseKind.EVENT, "evt_1"),
        Cause(CauseKind.EVENT, "evt_2"),
    ]


@pytest.mark.parametrize(("kind", "reference"), [(CauseKind.EVENT, None), (CauseKind.CUSTOMER, "acct_1")])
def test_cause_bears_a_reference_exactly_where_it_is_named(kind: CauseKind, reference: str | None) -> None:
    with pytest.raises(AssertionError), caused_by(kind, reference):
        pass
