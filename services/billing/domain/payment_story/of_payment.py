"""The payment itself: what was asked for, fraud's judgement, the page, and each change of its status with its cause."""

from collections.abc import Iterator

from services.billing.domain.payment import FLAG_LATE_MONEY, FLAG_UNASSESSED, LATE, SALE, SUBSCRIPTION, Payment, Status
from services.billing.domain.payment_step import CauseKind, PaymentStep
from services.billing.domain.payment_story.amounts import credits_text, minor_text, money_text
from services.billing.domain.payment_story.facts import Facts, HeardEvent, StoryLine, references
from services.billing.domain.pricing import rate_text
from services.billing.domain.score import score_number
from services.billing.domain.top_up import AUTO_TOP_UP

_BEGINNING = frozenset({CauseKind.CHECKOUT, CauseKind.TOP_UP, CauseKind.SALE})


def lines_of_payment(facts: Facts) -> Iterator[StoryLine]:
    """In no order."""
    yield _asked(facts)
    yield from _judged(facts)
    for step in facts.steps:
        yield from _stepped(step, facts)
    if not facts.steps and facts.payment.succeeded_at is not None:
        yield StoryLine(facts.payment.succeeded_at, "status", "It became succeeded; what caused it was not kept yet.")
    yield from _flags(facts)


def _asked(facts: Facts) -> StoryLine:
    payment = facts.payment
    if payment.type == SUBSCRIPTION:
        text = f"An invoice of a subscription was paid: {money_text(payment.amount)}."
        return StoryLine(payment.created_at, "checkout", text, references(account_id=payment.account_id), rank=0)
    if payment.type == SALE:
        named = references(account_id=payment.account_id, card_id=payment.card_id, device_id=payment.device_id)
        asked = f"The customer asked for a sale ({payment.business_type}) of {_price(payment)}{_tip(payment)}."
        return StoryLine(payment.created_at, "checkout", " ".join([asked, *_limit(facts)]), named, rank=0)
    who = "An automatic top-up asked for" if payment.origin == AUTO_TOP_UP else "The customer asked for"
    said = [f"{who} {credits_text(payment.millicredits)} for {_price(payment)}.", *_limit(facts)]
    named = references(account_id=payment.account_id, card_id=payment.card_id)
    return StoryLine(payment.created_at, "checkout", " ".join(said), named, rank=0)


def _tip(payment: Payment) -> str:
    """Of a sale."""
    return f", {minor_text(payment.tip_minor, payment.amount.currency)} of it a tip" if payment.tip_minor else ""


def _price(payment: Payment) -> str:
    if payment.amount.currency == "usd":
        return money_text(payment.amount)
    rate = f"{rate_text(payment.rate_micros)} {payment.amount.currency.upper()} for a US dollar"
    return f"{money_text(payment.amount)} ({minor_text(payment.usd_minor, 'usd')}, at {rate})"


def _limit(facts: Facts) -> Iterator[str]:
    limit = facts.steps[0].limit if facts.steps else None
    if limit is not None:
        used, most = minor_text(limit.used_minor, "usd"), minor_text(limit.limit_minor, "usd")
        yield f"The account had used {used} of the {most} that it may pay in 24 hours."


def _judged(facts: Facts) -> Iterator[StoryLine]:
    """Told just before the step that followed from it."""
    payment = facts.payment
    then = next((step for step in facts.steps[1:2] if step.cause.kind in _BEGINNING), None)
    at = payment.created_at if then is None else then.at
    stopped = None if then is None or then.to_status is then.from_status else then.to_status
    if payment.assessment_id is not None:
        reasons = "; ".join(f"{reason.detail.rstrip('.')} ({reason.code})" for reason in payment.reasons)
        told = f"Fraud scored it {score_number(payment.score)} of 100 and {_JUDGED.get(stopped, 'let it go on')}."
        text = f"{told} Why: {reasons}." if reasons else told
        yield StoryLine(at, "fraud", text, references(assessment_id=payment.assessment_id), rank=1)
    elif FLAG_UNASSESSED in payment.flags:
        yield StoryLine(at, "fraud", _UNASSESSED.get(stopped, _UNASSESSED[None]), rank=1)


_JUDGED: dict[Status | None, str] = {
    Status.BLOCKED: "blocked it",
    Status.IN_REVIEW: "wants a person to look at it",
}
_UNASSESSED: dict[Status | None, str] = {
    None: "Fraud did not answer: it went on without a judgement, and is to be looked at afterwards.",
    Status.IN_REVIEW: "Fraud did not answer, and it is too large to go on without a judgement: it waits for a person.",
}


def _stepped(step: PaymentStep, facts: Facts) -> Iterator[StoryLine]:
    if step.session_id is not None:
        yield StoryLine(step.at, "page", _page(step, facts.payment), {"session_id": step.session_id}, rank=2)
    if step.from_status is not None and step.from_status is not step.to_status:
        text = f"It went from {step.from_status} to {step.to_status}: {_cause(step, facts.events)}."
        yield StoryLine(step.at, "status", text, references(cause=step.cause.reference), rank=3)


def _page(step: PaymentStep, payment: Payment) -> str:
    made = step.cause.kind in _BEGINNING or step.cause.kind is CauseKind.REVIEW
    if made or step.to_status is Status.REQUIRES_ACTION:
        return f"Stripe made its payment page, which can be paid until {payment.expires_at:%Y-%m-%d %H:%M} UTC."
    return "Stripe has a payment page for it."


def _cause(step: PaymentStep, events: tuple[HeardEvent, ...]) -> str:
    kind, became = step.cause.kind, step.to_status
    if kind is CauseKind.EVENT:
        type_ = next((event.type for event in events if event.id == step.cause.reference), None)
        return f"by Stripe's event {type_}" if type_ else "by one of Stripe's events, which is not kept any more"
    if kind in _BEGINNING and became in _JUDGED:
        return "so fraud judged"
    if became is Status.REQUIRES_ACTION:
        return "the customer has to confirm it with the bank"
    return _OWN_END.get((kind, became), _CAUSES[kind])


_OWN_END = {
    (CauseKind.EXPIRY, Status.EXPIRED): "it was not paid in time",
    (CauseKind.CUSTOMER, Status.CANCELED): "the customer canceled it",
    (CauseKind.REVIEW, Status.PENDING): "it was approved",
    (CauseKind.REVIEW, Status.BLOCKED): "it was rejected",
    (CauseKind.REVIEW, Status.CANCELED): "it was approved when the automatic top-up had been stopped",
}
_CAUSES = {
    CauseKind.CHECKOUT: "its checkout could not be finished",
    CauseKind.SALE: "by the charge of its card",
    CauseKind.EXPIRY: "so Stripe said when it was asked",
    CauseKind.CUSTOMER: "so Stripe said as the customer was canceling it",
    CauseKind.OPERATOR: "as an operator asked",
    CauseKind.REVIEW: "so Stripe said when it was approved or rejected",
    CauseKind.REFUND_LOOP: "a refund was made whose answer had been lost",
    CauseKind.RECONCILIATION: "reconciliation found it so at Stripe",
    CauseKind.TOP_UP: "by the charge of the automatic top-up",
    CauseKind.SUBSCRIPTION_CHECK: "so Stripe said when its subscription was looked at",
    CauseKind.SUBSCRIPTION_DEED: "as its subscription wanted of Stripe",
    CauseKind.LICENSE: "as its subscription's license was revoked",
    CauseKind.UNKNOWN: "what caused it was not kept",
}


def _flags(facts: Facts) -> Iterator[StoryLine]:
    payment = facts.payment
    for flag in payment.flags:
        if flag == FLAG_LATE_MONEY:
            was = next((step.from_status for step in facts.steps if step.from_status in LATE), "over")
            text = f"Its money came late, when it was {was} already: credited all the same, and flagged."
            yield StoryLine(payment.succeeded_at or payment.created_at, "flag", text, {"flag": flag})
        elif flag != FLAG_UNASSESSED:
            yield StoryLine(payment.created_at, "flag", f"Flagged {flag}.", {"flag": flag})
