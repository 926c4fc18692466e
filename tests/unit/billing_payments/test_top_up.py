"""Automatic top-ups: when one is due, what stops them, and whose intents are believed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.checkout_session import Became, Ignored, Paid
from services.billing.domain.ledger.wallet import Wallet
from services.billing.domain.paying_intent import PayingIntent, judge_intent, needs_its_customer
from services.billing.domain.payment import Payment, PaymentId, Status
from services.billing.domain.saved_card import SavedCard, default_of, with_default
from services.billing.domain.top_up import (
    AutoTopUp,
    TopUpRules,
    after,
    checked,
    fits_month,
    may_buy,
    month_of,
    next_month,
    refunded,
    waiting,
)
from shared.errors import Invalid
from shared.money import Money

NOW = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
RULES = TopUpRules(least=5_000_000, most=100_000_000, cooldown=timedelta(seconds=60), most_declines=3)
SETTING = AutoTopUp("acct_1", enabled=True, threshold=1_000_000, amount=5_000_000, monthly_cap=12_000_000, next_at=NOW)
PAYMENT = Payment(
    id=PaymentId("pay_1"),
    account_id="acct_1",
    type="credits",
    status=Status.PENDING,
    amount=Money(500, "usd"),
    usd_minor=500,
    millicredits=5_000_000,
    success_url="https://example.com/",
    cancel_url="https://example.com/",
    created_at=NOW,
    expires_at=NOW + timedelta(hours=23),
    origin="auto_top_up",
    card_id="pm_1",
)
INTENT = PayingIntent(
    id="pi_1",
    status="succeeded",
    amount_received_minor=500,
    currency="usd",
    livemode=False,
    metadata={"payment_id": "pay_1", "account_id": "acct_1"},
    charge_id="ch_1",
    transaction=None,
    decline_code=None,
)


def ended(status: Status, setting: AutoTopUp = SETTING, *, now: datetime = NOW) -> AutoTopUp:
    return after(setting, replace(PAYMENT, status=status), RULES, now=now)


def may(setting: AutoTopUp = SETTING, **wallet: int) -> bool:
    return may_buy(setting, Wallet("acct_1", **wallet), again_at=NOW)  # type: ignore[arg-type]


def test_it_buys_below_the_threshold_and_not_at_it() -> None:
    assert may(balance=999_999)
    assert may(balance=1_500_000, held=500_001)
    assert not may(balance=1_000_000)


@pytest.mark.parametrize(
    "change",
    [{"enabled": False}, {"stopped": "declined"}, {"next_at": NOW + timedelta(seconds=1)}, {"next_at": LONG_AGO}],
)
def test_it_buys_nothing_while_it_is_off_or_stopped_or_once_somebody_else_has_moved_it(
    change: dict[str, object],
) -> None:
    assert not may(replace(SETTING, **change))  # type: ignore[arg-type]


def test_it_buys_nothing_for_a_wallet_that_a_dispute_has_frozen() -> None:
    assert may(balance=-1)
    assert not may(balance=-1, open_disputes=1)


def test_a_refund_stops_it_where_it_is_on() -> None:
    assert refunded(SETTING).stopped == "refunded"
    assert refunded(replace(SETTING, stopped="declined")).stopped == "refunded"
    off = replace(SETTING, enabled=False)
    assert refunded(off) == off


@given(st.lists(st.sampled_from(list(Status)), max_size=20))
def test_nothing_that_a_top_up_comes_to_forgets_that_a_refund_stopped_it(statuses: list[Status]) -> None:
    setting = refunded(SETTING)
    for status in statuses:
        setting = ended(status, setting)
        assert setting.stopped == "refunded"


def test_what_is_learned_of_the_next_look_ends_the_count_of_looks_in_vain() -> None:
    looked = replace(SETTING, looks=3)
    assert waiting(looked, "limit", until=NOW).looks == 0
    assert [ended(status, looked).looks for status in (Status.SUCCEEDED, Status.FAILED)] == [0, 0]


def test_the_months_cap_is_kept_to_the_millicredit() -> None:
    assert fits_month(SETTING, bought=7_000_000)
    assert not fits_month(SETTING, bought=7_000_001)


def test_months_are_utcs() -> None:
    assert month_of(NOW) == datetime(2026, 11, 1, tzinfo=UTC)
    assert next_month(NOW) == datetime(2026, 12, 1, tzinfo=UTC)
    assert next_month(datetime(2026, 1, 31, tzinfo=UTC)) == datetime(2026, 2, 1, tzinfo=UTC)


def test_three_declines_in_a_row_stop_it_with_ever_longer_pauses() -> None:
    once = ended(Status.FAILED)
    twice = ended(Status.FAILED, once)
    thrice = ended(Status.EXPIRED, twice)
    assert [one.next_at - NOW for one in (once, twice)] == [timedelta(minutes=2), timedelta(minutes=4)]
    assert [one.stopped for one in (once, twice, thrice)] == [None, None, "declined"]


def test_a_success_forgets_declines() -> None:
    assert ended(Status.SUCCEEDED, ended(Status.FAILED)) == replace(SETTING, next_at=NOW + timedelta(seconds=60))


def test_a_blocked_one_stops_it_and_one_under_way_changes_nothing() -> None:
    assert ended(Status.BLOCKED).stopped == "blocked"
    assert ended(Status.REQUIRES_ACTION) == ended(Status.PROCESSING) == SETTING


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 4_999_999},
        {"amount": 100_000_001, "monthly_cap": 200_000_000},
        {"threshold": -1},
        {"monthly_cap": 4_999_999},
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, int]) -> None:
    assert checked(SETTING, RULES) is SETTING
    with pytest.raises(Invalid):
        checked(replace(SETTING, **change), RULES)


@given(st.lists(st.sampled_from(list(Status)), max_size=20))
def test_declines_are_counted_from_the_last_success(statuses: list[Status]) -> None:
    setting, counted = SETTING, 0
    for status in statuses:
        setting = ended(status, setting)
        if status is Status.SUCCEEDED:
            counted = 0
        elif status in (Status.FAILED, Status.EXPIRED, Status.CANCELED):
            counted += 1
    assert setting.declines == counted


def test_an_intent_pays_only_what_names_it_and_was_asked() -> None:
    assert judge_intent(PAYMENT, INTENT, livemode=False) == Paid("pi_1", "ch_1", None)
    for stranger in (
        replace(INTENT, livemode=True),
        replace(INTENT, metadata={"payment_id": "pay_1", "account_id": "acct_2"}),
        replace(INTENT, amount_received_minor=499),
        replace(INTENT, currency="eur"),
    ):
        assert isinstance(judge_intent(PAYMENT, stranger, livemode=False), Ignored)
    for payment in (
        replace(PAYMENT, card_id=None),
        replace(PAYMENT, session_id="cs_1"),
        replace(PAYMENT, intent_id="pi_2"),
    ):
        assert isinstance(judge_intent(payment, INTENT, livemode=False), Ignored)


def test_a_declined_intent_fails_its_payment_but_not_one_that_wants_its_customer() -> None:
    declined = replace(INTENT, status="requires_payment_method", decline_code="generic_decline")
    assert judge_intent(PAYMENT, declined, livemode=False) == Became(Status.FAILED)
    asked = replace(declined, decline_code="authentication_required")
    assert needs_its_customer(asked)
    assert isinstance(judge_intent(PAYMENT, asked, livemode=False), Ignored)
    assert isinstance(judge_intent(PAYMENT, replace(asked, status="canceled"), livemode=False), Ignored)


def test_the_newest_card_is_the_default_where_stripe_names_none() -> None:
    cards = tuple(SavedCard(f"pm_{number}", "visa", "4242", 12, 2040, is_default=False) for number in (2, 1))
    newest = default_of(with_default(cards))
    assert newest is not None and newest.id == "pm_2"
    assert default_of(with_default(())) is None
    chosen = (cards[0], replace(cards[1], is_default=True))
    assert with_default(chosen) == chosen
