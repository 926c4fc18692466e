"""A payment's story: its words, amounts and order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from services.billing.domain.books.posting import MoneyKind, posting_of
from services.billing.domain.books.postings import dispute_lost, on_balance, payment_received
from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.credit_limit import CreditLimit
from services.billing.domain.dispute import Dispute, DisputeId, DisputeState
from services.billing.domain.figures import DisputesDue
from services.billing.domain.ledger.transfer import Posted, Transfer
from services.billing.domain.payment import FLAG_LATE_MONEY, FLAG_UNASSESSED, Payment, PaymentId, Reason, Status
from services.billing.domain.payment_step import NAMED, Cause, CauseKind, PaymentStep
from services.billing.domain.payment_story import (
    Booked,
    Deed,
    Facts,
    HeardEvent,
    KeptRefund,
    Noticed,
    StoryLine,
    headline,
    story_of,
)
from services.billing.domain.payment_story.amounts import credits_text, micros_text, minor_text, money_text
from services.billing.domain.reconciliation import Difference
from services.billing.domain.refund import Refund, RefundId, RefundStatus
from services.billing.domain.stripe_balance import BalanceTransaction, NotedTransaction
from shared.money import Money

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)
CHECKOUT = Cause(CauseKind.CHECKOUT)
PAYMENT = Payment(
    id=PaymentId("pay_1"),
    account_id="acct_1",
    type="credits",
    status=Status.SUCCEEDED,
    amount=Money(460, "eur"),
    usd_minor=500,
    millicredits=5_000_000,
    success_url="https://shop.example/paid",
    cancel_url="https://shop.example/left",
    created_at=NOON,
    expires_at=NOON + timedelta(minutes=30),
    rate_micros=920_000,
    assessment_id="asm_1",
    score=Decimal(35),
    reasons=(Reason("new_account", "The account is new."),),
    checkout_url="https://pay.example/cs_1",
)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def a_step(seq: int, now: Status | None, then: Status, cause: Cause = CHECKOUT, **more: object) -> PaymentStep:
    return PaymentStep(seq, after(seq), now, then, cause, **more)  # type: ignore[arg-type]


BEGUN = a_step(0, None, Status.PENDING, limit=CreditLimit(10_000, 250))
PAGE = a_step(1, Status.PENDING, Status.PENDING, session_id="cs_1")
EVENT = HeardEvent("evt_ours", "evt_1", "charge.succeeded", "2026-10-28.endive", "handled", 1, None, NOON, after(2))
PAID = a_step(3, Status.PENDING, Status.SUCCEEDED, Cause(CauseKind.EVENT, "evt_ours"))


def of_kind(facts: Facts, kind: str) -> list[str]:
    return [line.text for line in story_of(facts) if line.kind == kind]


def the(facts: Facts, kind: str) -> str:
    [text] = of_kind(facts, kind)
    return text


def test_checkout_says_price_rate_and_limit() -> None:
    assert the(Facts(PAYMENT, (BEGUN,)), "checkout") == (
        "The customer asked for 5000 credits for 4.60 EUR (5.00 USD, at 0.92 EUR for a US dollar)."
        " The account had used 2.50 USD of the 100.00 USD that it may pay in 24 hours."
    )


def test_top_up_says_so_and_names_its_card() -> None:
    payment = replace(PAYMENT, origin="auto_top_up", card_id="pm_1", amount=Money(500, "usd"), rate_micros=1_000_000)
    [asked, *_] = story_of(Facts(payment))
    assert asked.text == "An automatic top-up asked for 5000 credits for 5.00 USD."
    assert asked.references["card_id"] == "pm_1"


def test_fraud_is_told_between_asking_and_the_page() -> None:
    story = story_of(Facts(PAYMENT, (BEGUN, PAGE)))
    assert [line.kind for line in story] == ["checkout", "fraud", "page"]
    assert story[1].text == "Fraud scored it 35 of 100 and let it go on. Why: The account is new (new_account)."
    assert story[2].text == "Stripe made its payment page, which can be paid until 2027-01-31 12:30 UTC."


@pytest.mark.parametrize(
    ("status", "said"), [(Status.BLOCKED, "blocked it"), (Status.IN_REVIEW, "wants a person to look at it")]
)
def test_what_fraud_stopped_says_so_twice(status: Status, said: str) -> None:
    facts = Facts(replace(PAYMENT, status=status), (BEGUN, a_step(1, Status.PENDING, status)))
    assert said in the(facts, "fraud")
    assert the(facts, "status") == f"It went from pending to {status}: so fraud judged."


def test_payment_that_fraud_did_not_judge_says_so() -> None:
    payment = replace(PAYMENT, assessment_id=None, score=None, reasons=(), flags=(FLAG_UNASSESSED,))
    assert the(Facts(payment, (BEGUN, PAGE)), "fraud").startswith("Fraud did not answer: it went on")
    held = Facts(payment, (BEGUN, a_step(1, Status.PENDING, Status.IN_REVIEW)))
    assert the(held, "fraud").endswith("it waits for a person.")
    assert not of_kind(held, "flag")


@pytest.mark.parametrize(
    ("then", "cause", "said"),
    [
        (Status.SUCCEEDED, Cause(CauseKind.EVENT, "evt_ours"), "by Stripe's event charge.succeeded"),
        (Status.SUCCEEDED, Cause(CauseKind.EVENT, "evt_gone"), "by one of Stripe's events, which is not kept any more"),
        (Status.EXPIRED, Cause(CauseKind.EXPIRY), "it was not paid in time"),
        (Status.SUCCEEDED, Cause(CauseKind.EXPIRY), "so Stripe said when it was asked"),
        (Status.CANCELED, Cause(CauseKind.CUSTOMER), "the customer canceled it"),
        (Status.SUCCEEDED, Cause(CauseKind.CUSTOMER), "so Stripe said as the customer was canceling it"),
        (Status.FAILED, CHECKOUT, "its checkout could not be finished"),
        (Status.SUCCEEDED, Cause(CauseKind.RECONCILIATION, "rec_1"), "reconciliation found it so at Stripe"),
        (Status.SUCCEEDED, Cause(CauseKind.TOP_UP), "by the charge of the automatic top-up"),
        (Status.REQUIRES_ACTION, Cause(CauseKind.TOP_UP), "the customer has to confirm it with the bank"),
        (Status.SUCCEEDED, Cause(CauseKind.UNKNOWN), "what caused it was not kept"),
    ],
)
def test_each_change_of_status_says_its_cause(then: Status, cause: Cause, said: str) -> None:
    facts = Facts(replace(PAYMENT, status=then), (BEGUN, a_step(3, Status.PENDING, then, cause)), (EVENT,))
    assert the(facts, "status") == f"It went from pending to {then}: {said}."


def test_every_cause_has_words() -> None:
    for kind in CauseKind:
        step = a_step(1, Status.SUCCEEDED, Status.REFUNDED, Cause(kind, "x" if kind in NAMED else None))
        assert the(Facts(PAYMENT, (BEGUN, step)), "status").startswith("It went from succeeded to refunded: ")


def test_late_money_is_flagged_with_what_it_found() -> None:
    payment = replace(PAYMENT, flags=(FLAG_LATE_MONEY,), succeeded_at=after(9))
    late = a_step(9, Status.EXPIRED, Status.SUCCEEDED, Cause(CauseKind.EVENT, "evt_ours"))
    assert the(Facts(payment, (BEGUN, late)), "flag") == (
        "Its money came late, when it was expired already: credited all the same, and flagged."
    )


def test_payment_without_steps_still_says_when_it_succeeded() -> None:
    [_, _, succeeded] = story_of(Facts(replace(PAYMENT, succeeded_at=after(5))))
    assert (succeeded.at, succeeded.kind) == (after(5), "status")


@pytest.mark.parametrize(
    ("event", "fate"),
    [
        (EVENT, "handled at 12:00:02"),
        (replace(EVENT, attempts=3), "handled at 12:00:02, at attempt 3"),
        (replace(EVENT, handled_at=after(86_400)), "handled at 2027-02-01 12:00:00"),
        (replace(EVENT, status="ignored", error="another mode"), "ignored at 12:00:02: another mode"),
        (replace(EVENT, status="failed", error="NotYet: soon"), "tried once, and will be tried again: NotYet: soon"),
        (
            replace(EVENT, status="parked", attempts=8, error="StripeUnavailable"),
            "given up after it was tried 8 times, for an operator to replay: StripeUnavailable",
        ),
        (replace(EVENT, status="received", attempts=0, handled_at=None), "it waits to be worked on"),
    ],
)
def test_event_says_what_became_of_it(event: HeardEvent, fate: str) -> None:
    facts = Facts(PAYMENT, events=(event,))
    assert the(facts, "event") == f"Stripe sent charge.succeeded (API version 2026-10-28.endive); {fate}."


def test_entry_says_the_balance_and_a_debt_that_freezes() -> None:
    transfer = Transfer("acct_1", UUID(int=7), Kind.REFUND, 2_173_913, -1_000, 3, "")
    assert the(Facts(PAYMENT, entries=(Posted(transfer, NOON),)), "entry") == (
        "2173.913 credits were taken from the wallet for a refund; its balance was then -1 credit."
        " The account can spend nothing until that is paid."
    )


def test_money_postings_are_told_in_words() -> None:
    tx = BalanceTransaction("txn_1", "charge", "charge", 460, 43, 417, "eur", "ch_1", NOON)
    state = DisputeState("dp_1", "ch_1", None, Money(460, "eur"), "lost", "fraudulent", None, ())
    posted = [
        payment_received(PAYMENT),
        on_balance(tx, counter="receivables"),
        dispute_lost(state, uncovered_millicredits=7),
    ]
    facts = Facts(PAYMENT, postings=tuple(Booked(posting, after(at)) for at, posting in enumerate(posted)))
    assert of_kind(facts, "posting") == [
        "Booked 4.60 EUR as owed by Stripe; 5.00 USD of credits as sold;"
        " 4.60 EUR against 5.00 USD by way of the currency exchange.",
        "Booked 4.17 EUR into our balance at Stripe; 0.43 EUR as Stripe's fee; 4.60 EUR as no longer owed by Stripe.",
        "Booked 0.000007 USD as lost to a dispute; 0.000007 USD of the customer's debt as not expected to be paid.",
    ]


def test_posting_that_has_no_words_is_told_by_its_accounts() -> None:
    posting = posting_of(MoneyKind.STRIPE, "txn_1", [("bank", "usd", 10_000), ("revenue", "usd", -10_000)])
    said = the(Facts(PAYMENT, postings=(Booked(posting, NOON),)), "posting")
    assert said == "Booked 0.01 USD as a debit of bank; 0.01 USD as a credit of revenue."


@pytest.mark.parametrize(
    ("fee", "said"), [(43, "4.60 EUR less a fee of 0.43 EUR, which is 4.17 EUR net"), (0, "4.60 EUR, without a fee")]
)
def test_transaction_of_stripes_balance_says_amount_fee_and_net(fee: int, said: str) -> None:
    tx = NotedTransaction("txn_1", "charge", "ch_1", 460, fee, 460 - fee, "eur", NOON, after(3))
    told = f"Stripe's balance shows its charge: {said}, by Stripe's clock at 2027-01-31 12:00:00."
    assert story_of(Facts(PAYMENT, transactions=(tx,)))[-1] == StoryLine(
        after(3), "balance", told, {"transaction_id": "txn_1", "source": "ch_1"}
    )


REFUND = Refund(
    RefundId("ref_1"),
    PAYMENT.id,
    Money(200, "eur"),
    RefundStatus.SUCCEEDED,
    NOON,
    requested_by="acct_op",
    reason="Bought too many.",
    stripe_id="re_1",
    taken_millicredits=2_173_913,
)


def test_refund_says_who_asked_why_and_what_came_of_it() -> None:
    facts = Facts(PAYMENT, refunds=(KeptRefund(REFUND, after(1)),))
    assert of_kind(facts, "refund") == [
        "An operator asked for a refund of 2.00 EUR. Why: Bought too many.",
        "The refund of 2.00 EUR succeeded; it took back 2173.913 credits.",
    ]
    waiting = replace(REFUND, status=RefundStatus.REQUESTED, stripe_id=None, reason=None, taken_millicredits=0)
    assert the(Facts(PAYMENT, refunds=(KeptRefund(waiting, NOON),)), "refund").endswith(
        "it is asked again until it does."
    )
    failed = replace(
        REFUND,
        status=RefundStatus.FAILED,
        requested_by=None,
        failure_reason="lost_or_stolen_card",
        returned_millicredits=2_173_913,
    )
    assert of_kind(Facts(PAYMENT, refunds=(KeptRefund(failed, after(1)),)), "refund") == [
        "2.00 EUR were refunded at Stripe, by nobody here. Why: Bought too many.",
        "The refund of 2.00 EUR failed (lost_or_stolen_card); 2173.913 credits came back.",
    ]


def test_dispute_says_what_it_took_kept_and_lost() -> None:
    dispute = Dispute(
        DisputeId("dsp_1"), "dp_1", PAYMENT.id, "acct_1", "ch_1", Money(460, "eur"), 500, "lost", "fraudulent",
        after(500), NOON, millicredits=5_000_000, uncovered_millicredits=2_000_000, opened_at=NOON, lost_at=after(9),
    )  # fmt: skip
    assert of_kind(Facts(PAYMENT, disputes=(dispute,)), "dispute") == [
        "The customer's bank disputed 4.60 EUR (fraudulent); now it is lost.",
        "The dispute opened: it froze the account and took 5000 credits, 2000 credits more than it had.",
        "The dispute was lost: what it took stays taken, 2000 credits were not covered, which is our loss."
        " The account is marked, and no longer frozen by it.",
    ]
    open_one = replace(dispute, status="needs_response", lost_at=None)
    first = of_kind(Facts(PAYMENT, disputes=(open_one,)), "dispute")[0]
    assert first.endswith("now it is needs_response. It can be answered until 2027-01-31 12:08 UTC.")
    won = replace(dispute, status="won", lost_at=None, won_at=after(9))
    assert of_kind(Facts(PAYMENT, disputes=(won,)), "dispute")[-1].endswith("5000 credits were given back.")


def test_reconciliation_says_what_it_found() -> None:
    found = Difference("amount_differs", "ch_1", ours="460 eur", theirs="461 eur")
    assert the(Facts(PAYMENT, noticed=(Noticed("rec_1", NOON, found),)), "reconciliation") == (
        "Comparing with Stripe found amount_differs: here 460 eur, at Stripe 461 eur; it is left for a person."
    )


def test_story_is_in_order_of_time_with_causes_first() -> None:
    transfer = Transfer("acct_1", UUID(int=7), Kind.PURCHASE, 5_000_000, 5_000_000, 1, "")
    received = Booked(payment_received(PAYMENT), PAID.at)
    facts = Facts(PAYMENT, (BEGUN, PAGE, PAID), (EVENT,), (Posted(transfer, PAID.at),), (received,))
    told = [line.kind for line in story_of(replace(facts, events=(replace(EVENT, received_at=after(2)),)))]
    assert told == ["checkout", "fraud", "page", "event", "status", "entry", "posting"]


def test_nothing_leads_to_the_customers_page_or_addresses() -> None:
    story = story_of(Facts(PAYMENT, (BEGUN, PAGE, PAID), (EVENT,)))
    assert not [line for line in story if "://" in line.line()]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (money_text(Money(460, "eur")), "4.60 EUR"),
        (money_text(Money(775, "jpy")), "775 JPY"),
        (money_text(Money(1_880, "bhd")), "1.880 BHD"),
        (minor_text(-1_760, "usd"), "-17.60 USD"),
        (minor_text(-5, "usd"), "-0.05 USD"),
        (micros_text(2_826_087, "usd"), "2.826087 USD"),
        (micros_text(1_500_000, "jpy"), "1.5 JPY"),
        (credits_text(1_000), "1 credit"),
        (credits_text(1), "0.001 credits"),
    ],
)
def test_amounts_have_their_currencys_decimals(said: str, text: str) -> None:
    assert said == text


def test_headline_says_what_it_is_by_now() -> None:
    payment = replace(PAYMENT, status=Status.PARTIALLY_REFUNDED, refunded_minor=200)
    assert headline(payment) == (
        "pay_1 of acct_1 is partially_refunded: 5000 credits for 4.60 EUR, of which 2.00 EUR went back."
    )


def test_entries_bear_the_id_that_customers_see() -> None:
    transfer = Transfer("acct_1", UUID(int=1), Kind.PURCHASE, 5_000_000, 5_000_000, 1, "Credits")
    resized = posting_of(MoneyKind.DISPUTE_RESIZED, str(UUID(int=2)), [("disputes", "usd", 1), ("rounding", "usd", -1)])
    facts = Facts(PAYMENT, (BEGUN,), entries=(Posted(transfer, after(3)),), postings=(Booked(resized, after(4)),))
    named = {line.kind: line.references for line in story_of(facts)}
    assert named["entry"] == {"entry_id": "txn_00000000000000000000000001"}
    assert named["posting"]["reference"] == "txn_00000000000000000000000002"


def test_who_answered_a_dispute_and_who_replayed_an_event_is_told() -> None:
    deeds = (
        Deed(after(4), "acct_boss", "dispute.evidence_begun", "dsp_1"),
        Deed(after(5), "acct_boss", "dispute.evidence", "dsp_1"),
        Deed(after(6), "command line", "webhook.replayed", "evt_ours"),
        Deed(after(7), "acct_boss", "something.else", "dsp_1"),
    )
    [begun, answered, replayed] = story_of(Facts(PAYMENT, (BEGUN,), (EVENT,), deeds=deeds))[-3:]
    assert begun.text.startswith("An operator set about answering the dispute")
    assert answered.text == "An operator answered the dispute: evidence was handed to the bank."
    assert answered.references == {"dispute_id": "dsp_1", "done_by": "acct_boss"}
    assert replayed.text == "Stripe's charge.succeeded was put back by hand, to be worked on again."
    assert replayed.references == {"event_id": "evt_ours", "stripe_event_id": "evt_1", "done_by": "command line"}


def test_time_left_of_disputes_is_none_without_one_and_under_zero_past_it() -> None:
    assert DisputesDue(0, None).time_left(NOON) is None
    assert DisputesDue(2, after(90)).time_left(NOON) == timedelta(seconds=90)
    assert DisputesDue(1, NOON).time_left(after(30)) == timedelta(seconds=-30)
