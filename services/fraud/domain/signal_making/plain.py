"""Signals that say a fact again."""

from datetime import timedelta

from services.fraud.domain.facts import Payment
from services.fraud.domain.signals import Value

_HOUR = timedelta(hours=1)


def plain_signals(payment: Payment) -> dict[str, Value]:
    """The payment, the account and what came with them."""
    traits = payment.traits
    return {
        "amount_usd_minor": payment.amount_usd_minor,
        "currency": payment.currency,
        "kind": payment.kind,
        "origin": payment.origin or "",
        "business_type": payment.business_type or "",
        "tier": payment.tier or "",
        "account_age_hours": _age_hours(payment),
        "paid_payments": -1 if payment.paid_payments is None else payment.paid_payments,
        "is_first_sale": payment.kind == "sale" and payment.first_sale is True,
        "has_card": traits.card_fingerprint is not None,
        "has_device": traits.device_id is not None,
        "has_ip": traits.ip is not None,
        "has_email": traits.email_match is not None or payment.mailbox_hash is not None,
        "card_country": payment.card_country or "",
        "card_funding": payment.card_funding or "",
    }


def _age_hours(payment: Payment) -> int:
    if payment.account_created_at is None:
        return -1
    return max(0, (payment.occurred_at - payment.account_created_at) // _HOUR)
