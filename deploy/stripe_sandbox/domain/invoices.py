"""The invoice and its states, as one table.

    draft -> open -> paid, void or uncollectible; an uncollectible one may still be paid or voided

What is due is the total and what the customer's balance adds to it or takes from it, never below zero. Amounts are
minor units. Every change returns a new invoice; one that the state does not allow raises.
"""

from typing import Final

from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json

DRAFT: Final = "draft"
OPEN: Final = "open"
PAID: Final = "paid"
VOID: Final = "void"
UNCOLLECTIBLE: Final = "uncollectible"

FINALIZES_AFTER_SECONDS = 3600

CREATE = "subscription_create"
CYCLE = "subscription_cycle"
UPDATE = "subscription_update"


def new_invoice(
    invoice_id: str,
    *,
    subscription: Json,
    customer: Json,
    lines: list[Json],
    reason: str,
    period: tuple[int, int],
    auto_advance: bool,
    now: int,
) -> Json:
    """A draft of a subscription; `period` is the one that ended, not that of its lines."""
    total = sum(line["amount"] for line in lines)
    return {
        "id": invoice_id,
        "object": "invoice",
        "account_country": "US",
        "account_name": "Stripe sandbox",
        "account_tax_ids": None,
        "amount_due": max(total, 0),
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_remaining": max(total, 0),
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": auto_advance,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": now + FINALIZES_AFTER_SECONDS if auto_advance and reason == CYCLE else None,
        "billing_reason": reason,
        "collection_method": subscription["collection_method"],
        "created": now,
        "currency": subscription["currency"],
        "custom_fields": None,
        "customer": customer["id"],
        "customer_account": None,
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": {
            "object": "list",
            "data": lines,
            "has_more": False,
            "url": f"/v1/invoices/{invoice_id}/lines",
        },
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": now + FINALIZES_AFTER_SECONDS if auto_advance and reason == CYCLE else None,
        "number": None,
        "on_behalf_of": None,
        "parent": {
            "quote_details": None,
            "subscription_details": {
                "metadata": subscription["metadata"],
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": period[1],
        "period_start": period[0],
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": DRAFT,
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "test_clock": None,
        "threshold_reason": None,
        "total": total,
        "total_discount_amounts": [],
        "total_excluding_tax": total,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": None,
    }


def finalized(invoice: Json, *, number: str, balance_minor: int, url: str, now: int) -> Json:
    """Open for payment; `balance_minor` is the customer's, negative where Stripe owes."""
    _allow(invoice, (DRAFT,), "This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    due = invoice["total"] + balance_minor
    return {
        **invoice,
        "amount_due": max(due, 0),
        "amount_remaining": max(due, 0),
        "automatically_finalizes_at": None,
        "effective_at": now,
        "ending_balance": min(due, 0),
        "hosted_invoice_url": url,
        "next_payment_attempt": None,
        "number": number,
        "starting_balance": balance_minor,
        "status": OPEN,
        "status_transitions": {**invoice["status_transitions"], "finalized_at": now},
        "webhooks_delivered_at": now,
    }


def attempted(invoice: Json, *, next_at: int | None) -> Json:
    """After an attempt that brought nothing."""
    return {
        **invoice,
        "attempt_count": invoice["attempt_count"] + 1,
        "attempted": True,
        "auto_advance": invoice["auto_advance"] and next_at is not None,
        "next_payment_attempt": next_at,
    }


def paid(invoice: Json, *, now: int, attempts: int = 1, off_stripe: bool = False) -> Json:
    check_payable(invoice)
    due = invoice["amount_due"]
    return {
        **invoice,
        "amount_paid": due,
        "amount_paid_off_stripe": due if off_stripe else 0,
        "amount_remaining": 0,
        "attempt_count": invoice["attempt_count"] + attempts,
        "attempted": True,
        "auto_advance": False,
        "next_payment_attempt": None,
        "status": PAID,
        "status_transitions": {**invoice["status_transitions"], "paid_at": now},
    }


def voided(invoice: Json, *, now: int) -> Json:
    _allow(
        invoice, (OPEN, UNCOLLECTIBLE), f"You can only pass in open invoices. This invoice isn't open: {_is(invoice)}."
    )
    return {**_at_rest(invoice, "voided_at", now), "amount_remaining": 0, "status": VOID}


def marked_uncollectible(invoice: Json, *, now: int) -> Json:
    _allow(invoice, (OPEN,), f"You can only mark open invoices as uncollectible: this one {_is(invoice)}.")
    return {**_at_rest(invoice, "marked_uncollectible_at", now), "status": UNCOLLECTIBLE}


def given_up(invoice: Json) -> Json:
    """Nothing more is tried by itself."""
    return {**invoice, "auto_advance": False, "automatically_finalizes_at": None, "next_payment_attempt": None}


def check_payable(invoice: Json) -> None:
    if invoice["status"] == PAID:
        raise StripeError("Invoice is already paid", code="invoice_already_paid")
    _allow(invoice, (OPEN, UNCOLLECTIBLE), f"This invoice cannot be paid: it {_is(invoice)}.")


def subscription_of(invoice: Json) -> str:
    return str(invoice["parent"]["subscription_details"]["subscription"])


def new_payment(payment_id: str, *, invoice: Json, intent_id: str, now: int) -> Json:
    return {
        "id": payment_id,
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_due"],
        "created": now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent_id, "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }


def payment_paid(payment: Json, *, now: int) -> Json:
    return {
        **payment,
        "amount_paid": payment["amount_requested"],
        "status": "paid",
        "status_transitions": {**payment["status_transitions"], "paid_at": now},
    }


def payment_canceled(payment: Json, *, now: int) -> Json:
    transitions = {**payment["status_transitions"], "canceled_at": now}
    return {**payment, "status": "canceled", "status_transitions": transitions}


def _at_rest(invoice: Json, instant: str, now: int) -> Json:
    return {**given_up(invoice), "status_transitions": {**invoice["status_transitions"], instant: now}}


def _is(invoice: Json) -> str:
    return f"is {invoice['status']}"


def _allow(invoice: Json, states: tuple[str, ...], message: str) -> None:
    if invoice["status"] not in states:
        raise StripeError(message, code="invoice_not_editable" if invoice["status"] != DRAFT else None)
