"""A notice in the words of its mail: `shared.contracts.mails` has which. Dates are UTC's. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime

from services.billing.domain.subscriptions.notices import Notice, NoticeKind
from services.billing.domain.subscriptions.standing import SubscriptionRules
from services.billing.domain.subscriptions.subscription import FINAL, Standing, Subscription
from shared.money import Money, minor_unit_digits


def words_of(notice: Notice, subscription: Subscription, plan_name: str, rules: SubscriptionRules) -> dict[str, str]:
    """The mail's values. `subscription` is as it became."""
    return {"plan": plan_name, **_WORDS[notice.kind](notice, subscription, rules)}


def in_words(money: Money) -> str:
    """`25.00 USD`."""
    digits = minor_unit_digits(money.currency)
    whole, rest = divmod(abs(money.amount_minor), 10**digits)
    sign = "-" if money.amount_minor < 0 else ""
    return f"{sign}{whole:,}{f'.{rest:0{digits}d}' if digits else ''} {money.currency.upper()}"


def day_of(at: datetime | None) -> str:
    """`3 March 2027`; empty where there is none."""
    return "" if at is None else f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def _renewed(notice: Notice, subscription: Subscription, rules: SubscriptionRules) -> dict[str, str]:
    invoice = notice.invoice
    paid = subscription.price if invoice is None else Money(invoice.paid_minor, invoice.currency)
    return {"amount": in_words(paid), "until": day_of(notice.at)}


def _upcoming(notice: Notice, subscription: Subscription, rules: SubscriptionRules) -> dict[str, str]:
    return {"amount": in_words(subscription.price), "renews_on": day_of(notice.at)}


def _failed(notice: Notice, subscription: Subscription, rules: SubscriptionRules) -> dict[str, str]:
    invoice = notice.invoice
    due = subscription.price if invoice is None else Money(invoice.total_minor, invoice.currency)
    stops_at = subscription.expires_at + rules.grace if subscription.expires_at is not None else None
    return {
        "amount": in_words(due),
        "failure": str(notice.failure),
        "most": str(rules.most_failures),
        "next_try": day_of(invoice.next_attempt_at) if invoice is not None else "",
        "until": day_of(stops_at) if subscription.standing is Standing.GOOD else "",
        "pay_link": _pay_link(notice),
        "why": "" if invoice is None else _DECLINES.get(invoice.decline_code or "", ""),
    }


def _suspended(notice: Notice, subscription: Subscription, rules: SubscriptionRules) -> dict[str, str]:
    return {"reason": str(subscription.reason or ""), "pay_link": _pay_link(notice)}


def _paid_until(notice: Notice, subscription: Subscription, rules: SubscriptionRules) -> dict[str, str]:
    return {"until": day_of(subscription.expires_at)}


def _canceled(notice: Notice, subscription: Subscription, rules: SubscriptionRules) -> dict[str, str]:
    ended = subscription.standing in FINAL
    return {
        "reason": str(subscription.reason or "canceled"),
        "until": "" if ended else day_of(subscription.expires_at),
    }


def _trial_ending(notice: Notice, subscription: Subscription, rules: SubscriptionRules) -> dict[str, str]:
    return {"amount": in_words(subscription.price), "ends_on": day_of(notice.at)}


def _pay_link(notice: Notice) -> str:
    return "" if notice.invoice is None else notice.invoice.page_url or ""


_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
_DECLINES = {
    "authentication_required": "your bank asks you to confirm the payment yourself",
    "card_not_supported": "your bank does not allow this kind of payment with the card",
    "card_velocity_exceeded": "the limit of the card is reached",
    "do_not_honor": "your bank refused the card without saying why",
    "expired_card": "the card has expired",
    "generic_decline": "your bank refused the card without saying why",
    "incorrect_cvc": "the security code of the card is wrong",
    "incorrect_number": "the number of the card is wrong",
    "insufficient_funds": "there is not enough money on the card's account",
    "lost_card": "your bank does not accept the card any more",
    "processing_error": "your bank could not process the payment",
    "stolen_card": "your bank does not accept the card any more",
    "withdrawal_count_limit_exceeded": "the limit of the card is reached",
}
"""Stripe's decline codes in words that complete "we could not charge it: ...". Others are not spelled out."""
_WORDS: Mapping[NoticeKind, Callable[[Notice, Subscription, SubscriptionRules], dict[str, str]]] = {
    NoticeKind.RENEWED: _renewed,
    NoticeKind.RENEWAL_UPCOMING: _upcoming,
    NoticeKind.PAYMENT_FAILED: _failed,
    NoticeKind.SUSPENDED: _suspended,
    NoticeKind.RESTORED: _paid_until,
    NoticeKind.GOES_ON: _paid_until,
    NoticeKind.CANCELED: _canceled,
    NoticeKind.TRIAL_ENDING: _trial_ending,
}
