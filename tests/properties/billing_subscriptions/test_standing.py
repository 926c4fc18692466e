"""However the news of a subscription's life arrives, it ends in what Stripe says last, and everything is told once."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.subscriptions.notices import notices_of_change
from services.billing.domain.subscriptions.standing import differs, judged
from services.billing.domain.subscriptions.subscription import (
    FINAL,
    Returned,
    Standing,
    Subscription,
    SubscriptionState,
)
from tests.unit.billing_subscriptions.states import (
    BEGIN,
    DAY,
    END,
    HOUR,
    NEW,
    NEXT_END,
    RULES,
    a_state,
    an_invoice,
    unpaid,
)

NONE = Returned()


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[datetime, SubscriptionState]]:
    """What Stripe says from instant to instant: a first period, a renewal that fails so often, and how that ends."""
    first = unpaid("in_1", attempts=0, created_at=BEGIN, period_start_at=BEGIN, period_end_at=END)
    paid = an_invoice()
    life = [(BEGIN, a_state(first, status="incomplete")), (BEGIN + HOUR, a_state(paid))]
    at = END + HOUR
    failures = draw(st.integers(0, 5))
    for attempts in range(1, failures + 1):
        life.append((at, a_state(unpaid(attempts=attempts), paid, status="past_due")))
        at += draw(st.integers(1, 3)) * DAY
    end = draw(st.sampled_from(["paid", "canceled", "unpaid", "past_due"]))
    renewal = unpaid(attempts=failures)
    if end == "paid":
        renewed = replace(renewal, status="paid", paid_minor=2500, paid_at=at, attempts=max(failures, 1))
        life.append((at, a_state(renewed, paid)))
    elif end == "canceled":
        life.append((at, a_state(renewal, paid, status="canceled", ended_at=at)))
    elif failures:
        life.append((at, a_state(renewal, paid, status=end)))
    return [(at, replace(state, asked_at=at)) for at, state in life]


def run(news: list[tuple[datetime, SubscriptionState]]) -> tuple[Subscription, list[str]]:
    """Settle each at its instant, and what kinds of mails went out (once for each key)."""
    known, keys, kinds = NEW, set[str](), list[str]()
    for at, state in news:
        after = judged(known, state, NONE, now=at, rules=RULES)
        if not differs(known, after):
            known = after
            continue
        after = replace(after, version=known.version + 1)
        for notice in notices_of_change(known, after, state):
            if notice.key not in keys:
                keys.add(notice.key)
                kinds.append(notice.kind.value)
        known = after
    return known, kinds


def essence(subscription: Subscription) -> tuple[object, ...]:
    return (
        subscription.status,
        subscription.standing,
        subscription.reason,
        subscription.expires_at,
        subscription.payment_failures,
        subscription.cancel_at_period_end,
        subscription.stripe_status,
    )


@given(lives(), st.data())
def test_lost_news_changes_nothing_of_the_end(
    life: list[tuple[datetime, SubscriptionState]], data: st.DataObject
) -> None:
    heard = [news for news in life[:-1] if data.draw(st.booleans())] + [life[-1]]
    assert essence(run(heard)[0]) == essence(run(life)[0])


@given(lives(), st.data())
def test_old_states_that_arrive_late_and_doubled_change_nothing(
    life: list[tuple[datetime, SubscriptionState]], data: st.DataObject
) -> None:
    expected, mails = run(life)
    last_at = life[-1][0]
    shuffled = data.draw(st.permutations([*life, *life]))
    late = [(last_at, state) for _, state in shuffled]
    assert run([*life, *late]) == (expected, mails)
    newest_first = run([(last_at, life[-1][1]), *late])[0]
    assert essence(newest_first) == essence(expected)


@given(lives())
def test_every_event_may_trigger_a_fetch_of_the_last_state(life: list[tuple[datetime, SubscriptionState]]) -> None:
    at, last = life[-1]
    once, mails = run([*life[:2], (at, last)])
    often, again = run([*life[:2], *[(at, replace(last, asked_at=at + timedelta(microseconds=n))) for n in range(5)]])
    assert essence(often) == essence(once) and mails == again and often.version == once.version


@given(lives(), st.data())
def test_each_failure_and_each_suspension_is_told_once_however_seldom_anybody_looks(
    life: list[tuple[datetime, SubscriptionState]], data: st.DataObject
) -> None:
    heard = [*life[:2], *[news for news in life[2:-1] if data.draw(st.booleans())], life[-1]]
    known, kinds = run(heard)
    failures = max(
        (invoice.attempts for _, state in life[2:] for invoice in state.invoices if invoice.is_failing), default=0
    )
    if known.standing in {Standing.GOOD, Standing.SUSPENDED} and known.payment_failures:
        assert kinds.count("payment_failed") == failures
    assert kinds.count("subscription_suspended") <= 1 and kinds.count("subscription_canceled") <= 1
    told_of_payment = kinds.count("subscription_renewed") + kinds.count("subscription_restored")
    assert told_of_payment == (1 if known.expires_at == NEXT_END else 0)


@given(lives(), st.integers(0, 40 * 24))
def test_only_payment_moves_the_end_and_only_the_unpaid_are_denied(
    life: list[tuple[datetime, SubscriptionState]], hours: int
) -> None:
    at, last = life[-1]
    known = judged(run(life)[0], last, NONE, now=at + hours * HOUR, rules=RULES)
    paid_ends = [invoice.period_end_at for invoice in last.invoices if invoice.status == "paid"]
    assert known.expires_at == max(end for end in paid_ends if end is not None)
    assert (known.suspended_at is not None) == (known.standing is Standing.SUSPENDED)
    assert (known.reason is None) == (known.standing is Standing.GOOD)
    if known.standing is Standing.SUSPENDED:
        assert any(invoice.is_failing for invoice in last.invoices) or last.status == "unpaid"
    if known.standing in FINAL:
        assert known.canceled_at is not None
