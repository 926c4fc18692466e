"""Stripe's identifiers: a prefix that names the kind, then letters and digits.

The text after the prefix has no order; the order of objects is the store's.
"""

from collections.abc import Callable

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# kind -> (prefix, number of characters after it), as seen in Stripe's test mode.
SHAPES: dict[str, tuple[str, int]] = {
    "customer": ("cus_", 14),
    "product": ("prod_", 14),
    "price": ("price_1", 23),
    "checkout.session": ("cs_test_a1", 56),
    "item": ("li_1", 23),
    "payment_intent": ("pi_3", 23),
    "payment_method": ("pm_1", 23),
    "setup_intent": ("seti_1", 23),
    "setup_attempt": ("setatt_1", 23),
    "charge": ("ch_3", 23),
    "balance_transaction": ("txn_3", 23),
    "refund": ("re_3", 23),
    "dispute": ("du_1", 23),
    "payout": ("po_1", 23),
    "bank_account": ("ba_1", 23),
    "event": ("evt_1", 23),
    "subscription": ("sub_1", 23),
    "subscription_item": ("si_", 14),
    "invoice": ("in_1", 23),
    "upcoming_invoice": ("upcoming_in_1", 23),
    "line_item": ("il_1", 23),
    "invoiceitem": ("ii_1", 23),
    "invoice_payment": ("inpay_1", 23),
    "billing_portal.session": ("bps_1", 23),
    "billing_portal.configuration": ("bpc_1", 23),
    "webhook_endpoint": ("we_1", 23),
    "request": ("req_", 14),
}

# A source of randomness: how many letters are wanted -> that many letters of ALPHABET.
Letters = Callable[[int], str]


def new_id(kind: str, letters: Letters) -> str:
    prefix, length = SHAPES[kind]
    return prefix + letters(length)
