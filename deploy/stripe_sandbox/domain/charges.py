"""Charges: one attempt to take money, what it left in Stripe's balance, and how much of it went back.

The fee is Stripe's for cards in the United States: 2.9% and a fixed 30 cents, rounded half up.
"""

from deploy.stripe_sandbox.domain.balance_transactions import Movement, new_transaction, paid_out_on
from deploy.stripe_sandbox.domain.cards import Card, Decline
from deploy.stripe_sandbox.domain.currencies import decimals
from deploy.stripe_sandbox.domain.payment_methods import card_checks
from deploy.stripe_sandbox.domain.values import Json

_FEE_PER_MILLE = 29
_FIXED_FEE_MINOR = {0: 30, 2: 30, 3: 300}


def new_charge(
    charge_id: str,
    *,
    intent: Json,
    method: Json,
    card: Card,
    decline: Decline | None,
    receipt_url: str,
    authorization: str,
    now: int,
) -> Json:
    """A charge of the intent's whole amount, succeeded or failed; the balance transaction comes after."""
    succeeded = decline is None
    return {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if succeeded else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "TOLLGATE SANDBOX",
        "captured": succeeded,
        "created": now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None if decline is None else decline.code,
        "failure_message": None if decline is None else decline.message,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": _outcome(decline),
        "paid": succeeded,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {
            "card": _card_details(intent["amount"], card, method, authorization, succeeded=succeeded),
            "type": "card",
        },
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": receipt_url if succeeded else None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded" if succeeded else "failed",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }


def fee_minor(amount_minor: int, currency: str) -> int:
    """2.9% rounded half up, and the fixed part; all in the currency's minor unit."""
    share = (amount_minor * _FEE_PER_MILLE + 500) // 1000
    return share + _FIXED_FEE_MINOR[decimals(currency)]


def new_balance_transaction(transaction_id: str, *, charge: Json, now: int) -> Json:
    """What a succeeded charge brings, less the fee."""
    movement = Movement(
        kind="charge",
        category="charge",
        amount_minor=charge["amount_captured"],
        currency=charge["currency"],
        source=charge["id"],
        description=charge["description"],
        available_on=paid_out_on(now),
        fee_minor=fee_minor(charge["amount_captured"], charge["currency"]),
    )
    return new_transaction(transaction_id, movement, now=now)


def refunded(charge: Json, amount_minor: int) -> Json:
    """The charge after so much more of it was given back; a negative amount takes a refund back."""
    total = charge["amount_refunded"] + amount_minor
    assert 0 <= total <= charge["amount_captured"], "a charge gives back no more than it took"
    return {**charge, "amount_refunded": total, "refunded": total == charge["amount_captured"]}


def left_minor(charge: Json) -> int:
    """What is not refunded yet."""
    return int(charge["amount_captured"]) - int(charge["amount_refunded"])


def _outcome(decline: Decline | None) -> Json:
    refused = decline is not None
    return {
        "advice_code": "try_again_later" if refused else None,
        "network_advice_code": None,
        "network_decline_code": "01" if refused else None,
        "network_status": "declined_by_network" if refused else "approved_by_network",
        "reason": (decline.decline_code or decline.code) if decline else None,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": decline.seller_message if decline else "Payment complete.",
        "type": "issuer_declined" if refused else "authorized",
    }


def _card_details(amount_minor: int, card: Card, method: Json, authorization: str, *, succeeded: bool) -> Json:
    checked = method["card"]["checks"]["cvc_check"] is not None
    return {
        "amount_authorized": amount_minor if succeeded else None,
        "authorization_code": authorization if succeeded else None,
        "brand": card.brand,
        "checks": card_checks(cvc_checked=checked),
        "country": card.country,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card.last4,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": amount_minor, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "transaction_link_id": None,
        "wallet": None,
    }
