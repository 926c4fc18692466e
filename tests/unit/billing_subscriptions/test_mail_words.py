"""Every notice has exactly the words that its mail says, whatever is known of it, and the gateway can write it."""

from datetime import UTC, datetime, timedelta

import pytest

from services.billing.domain.subscriptions.mail_words import day_of, in_words, words_of
from services.billing.domain.subscriptions.notices import Notice, NoticeKind
from services.billing.domain.subscriptions.plan import PlanId
from services.billing.domain.subscriptions.standing import SubscriptionRules
from services.billing.domain.subscriptions.subscription import (
    InvoiceState,
    Reason,
    Standing,
    Status,
    Subscription,
    SubscriptionId,
)
from services.gateway.clients.letters import Sender, letter
from shared.contracts.mails import kept_values
from shared.money import Money

AT = datetime(2027, 3, 3, 23, 59, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = SubscriptionRules(
    grace=3 * DAY, most_failures=3, check_every=timedelta(hours=1), renewal_notice=DAY, trial_notice=3 * DAY
)
INVOICE = InvoiceState(
    id="in_1",
    status="open",
    billing_reason="subscription_cycle",
    currency="usd",
    total_minor=2_500,
    paid_minor=2_500,
    attempts=1,
    created_at=AT,
    period_start_at=AT,
    period_end_at=AT + timedelta(days=31),
    next_attempt_at=AT + timedelta(days=1),
    page_url="https://invoice.stripe.com/i/1",
)


def subscription(standing: Standing, reason: Reason | None, expires_at: datetime | None) -> Subscription:
    return Subscription(
        id=SubscriptionId("sub_1"),
        account_id="acct_1",
        plan_id=PlanId("license-monthly"),
        price=Money(2_500, "usd"),
        created_at=AT,
        status=Status.ACTIVE,
        standing=standing,
        reason=reason,
        expires_at=expires_at,
    )


@pytest.mark.parametrize("kind", list(NoticeKind))
@pytest.mark.parametrize("standing", list(Standing))
@pytest.mark.parametrize("known", [True, False])
def test_words_are_those_of_the_mail_and_the_letter_can_be_written(
    kind: NoticeKind, standing: Standing, known: bool
) -> None:
    for reason in (None, *Reason):
        notice = Notice(kind, "key", failure=2, invoice=INVOICE if known else None, at=AT if known else None)
        told = subscription(standing, reason, AT if known else None)
        words = words_of(notice, told, "License, monthly", RULES)
        assert words.keys() == kept_values(kind.value)
        written = letter(
            kind.value,
            {**words, "name": "Ada"},
            mail_id="mail_1",
            sender=Sender("noreply@tollgate.example"),
            recipient="ada@example.com",
            public_url="https://tollgate.example",
            at=AT,
        )
        assert "None" not in written.as_string()


def test_amounts_and_days_are_in_words() -> None:
    assert [in_words(Money(*money)) for money in ((2_500, "usd"), (1_234_567, "jpy"), (5, "usd"), (1_000, "bhd"))] == [
        "25.00 USD",
        "1,234,567 JPY",
        "0.05 USD",
        "1.000 BHD",
    ]
    assert (day_of(AT), day_of(None)) == ("3 March 2027", "")
