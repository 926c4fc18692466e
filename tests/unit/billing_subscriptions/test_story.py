"""A subscription's story in words."""

from datetime import UTC, datetime, timedelta

import pytest

from services.billing.domain.payment_step import NAMED, Cause, CauseKind
from services.billing.domain.subscriptions.story import SubscriptionStep, ToldInvoice, story_of
from services.billing.domain.subscriptions.subscription import Reason, Standing, Status
from shared.money import Money

AT = datetime(2026, 1, 31, tzinfo=UTC)


def invoice(**changes: object) -> ToldInvoice:
    told: dict[str, object] = {
        "id": "in_1",
        "status": "paid",
        "billing_reason": "subscription_create",
        "total": Money(2_500, "usd"),
        "attempts": 1,
        "period_start_at": AT,
        "period_end_at": AT + timedelta(days=28),
        "payment_id": "pay_1",
        "created_at": AT,
    }
    return ToldInvoice(**{**told, **changes})  # type: ignore[arg-type]


def step(became: Status, standing: Standing, reason: Reason | None, cause: CauseKind) -> SubscriptionStep:
    reference = "one" if cause in NAMED else None
    return SubscriptionStep(
        AT + timedelta(seconds=1), Status.INCOMPLETE, became, standing, reason, Cause(cause, reference)
    )


def test_story_is_in_order_and_names_what_it_is_about() -> None:
    steps = [step(Status.ACTIVE, Standing.GOOD, None, CauseKind.EVENT)]
    first, second = story_of(steps, [invoice()])
    assert first.text == ("An invoice (subscription create) of 25.00 USD for 2026-01-31 to 2026-02-28 is paid.")
    assert first.references == {"stripe_invoice_id": "in_1", "payment_id": "pay_1"}
    assert second.text == "It became active: its license is good (by an event of Stripe's)."
    assert second.as_view()["event_id"] == "one"


def test_invoice_that_failed_says_how_often() -> None:
    failed = invoice(status="open", attempts=2, period_start_at=None, period_end_at=None, payment_id=None)
    [line] = story_of([], [failed])
    assert line.text.endswith("for no period of its own is to be paid after 2 attempts.")


@pytest.mark.parametrize("cause", CauseKind)
@pytest.mark.parametrize("reason", [None, *Reason])
def test_every_reason_and_cause_has_words(cause: CauseKind, reason: Reason | None) -> None:
    for standing in Standing:
        [line] = story_of([step(Status.SUSPENDED, standing, reason, cause)], [])
        assert line.text.endswith(").") and "_" not in line.text
